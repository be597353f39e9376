//! Ids of people and teams that scripts choose, as LiteLLM's do.
use super::Refusal;

const LONGEST: usize = 128;

/// Ids that could be taken for something else are not chosen.
pub(super) fn chosen(text: &str, field: &str) -> Result<(), Refusal> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.@+:".contains(&b);
    let ours = ["default_user_id", "master_key", "nobody"].contains(&text)
        || ["service_of_", "key_", "grant_", "sk-"].iter().any(|start| text.starts_with(start));
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(legal) || ours {
        let why = "must be 1 to 128 letters, digits or -_.@+:, and none that Gatekey uses itself";
        return Err(Refusal::field(field, why));
    }
    Ok(())
}
