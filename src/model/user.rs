//! A person we know, and whether they count.
use super::{KeptLimits, ModelList, Role, TeamId, UserId};

#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub email: Option<String>,
    pub name: Option<String>,
    pub role: Role,
    pub standing: Standing,
    /// What the person may call; an empty list is every model.
    pub models: ModelList,
    /// The team of keys for which no page asks.
    pub default_team: Option<TeamId>,
    /// Nobody: the owner of this team's own keys, which no person stands behind.
    pub service_of: Option<TeamId>,
    pub limits: KeptLimits,
}

/// Whether a person's sessions, requests, grants and keys count. It is asked at each use, so nothing has to be
/// found and ended for it to hold, and all of it counts again when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// By an admin, until an admin says otherwise; with the reason given.
    Blocked(Option<String>),
    /// By what Gatekey learnt: the provider was taken out, the account is off, a required group is gone. Ends
    /// with the next sign-in that is let in.
    Off(String),
}

impl Standing {
    #[must_use]
    pub fn is_good(&self) -> bool {
        *self == Self::Good
    }

    /// In words for lists.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Good => None,
            Self::Blocked(None) => Some("the person is blocked".into()),
            Self::Blocked(Some(reason)) => Some(format!("the person is blocked: {reason}")),
            Self::Off(reason) => Some(reason.clone()),
        }
    }
}

impl User {
    /// How the person is named on a page: the address, else the name, else the id.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.email.as_deref().or(self.name.as_deref()).unwrap_or(self.id.as_str())
    }

    /// Two letters for the round picture beside the name.
    #[must_use]
    pub fn initials(&self) -> String {
        let text = self.name.as_deref().unwrap_or_else(|| self.shown());
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let letters: String = words.filter_map(|word| word.chars().next()).take(2).collect();
        letters.to_uppercase()
    }

    /// Under which words a search finds the person: each word of the name, the address and each part of it.
    #[must_use]
    pub fn words(email: Option<&str>, name: Option<&str>) -> Vec<String> {
        let parts = |text: &str| -> Vec<String> {
            let text = text.to_lowercase();
            let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned);
            words.collect()
        };
        let whole = |text: &str| text.trim().to_lowercase();
        // First what an admin would type, which no number of other words pushes out.
        let wholes = [email, name].into_iter().flatten().map(whole);
        let parts = [email, name].into_iter().flatten().flat_map(parts);
        let mut words: Vec<String> = Vec::new();
        for word in wholes.chain(parts).filter(|word| !word.is_empty()) {
            if words.len() < Self::MOST_WORDS && !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }

    const MOST_WORDS: usize = 24;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_found_by_each_word_of_name_and_address() {
        let words = User::words(Some("Ada.L@Acme.example"), Some("Ada Lovelace"));
        let expected =
            ["ada.l@acme.example", "ada lovelace", "ada", "l", "acme", "example", "lovelace"];
        assert_eq!(words, expected);
        assert!(User::words(None, None).is_empty());
    }
}
