//! What callers call their calls by: free labels, bounded, and never trusted for who pays.
use serde::{Deserialize, Serialize};

/// So many tags of one call are kept, the first.
const MOST: usize = 10;
/// The longest tag, and the longest end user, in characters; of a longer one the start is kept.
const LONGEST: usize = 128;
const LONGEST_USER: usize = 512;

/// Of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// From the headers that `server.tag_headers` names.
    pub tags: Vec<String>,
    /// OpenAI's `user`, Anthropic's `metadata.user_id`: whom the caller asks for.
    pub end_user: Option<String>,
}

impl Labels {
    /// Tags from texts with commas between them.
    #[must_use]
    pub fn new<'a>(texts: impl Iterator<Item = &'a str>, end_user: Option<&str>) -> Self {
        let mut tags: Vec<String> = Vec::new();
        for tag in texts.flat_map(|text| text.split(',')).filter_map(|text| label(text, LONGEST)) {
            if tags.len() < MOST && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        Self { tags, end_user: end_user.and_then(|text| label(text, LONGEST_USER)) }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.end_user.is_none()
    }
}

/// Without blanks around it and control characters.
fn label(text: &str, longest: usize) -> Option<String> {
    let kept = text.trim().chars().filter(|c| !c.is_control()).take(longest);
    Some(kept.collect::<String>()).filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded_in_number_and_in_length() {
        let labels = Labels::new(["a, b,,a ", "c\u{7}d"].into_iter(), Some(" x,y "));
        assert_eq!(labels.tags, ["a", "b", "cd"]);
        assert_eq!(labels.end_user.as_deref(), Some("x,y"));
        let long = "\u{e9}".repeat(500);
        let many: Vec<String> = (0..50).map(|n| format!("{n}{long}")).collect();
        let labels = Labels::new(many.iter().map(String::as_str), Some(&long));
        assert_eq!((labels.tags.len(), labels.tags[0].chars().count()), (MOST, LONGEST));
        assert!(Labels::new([" , "].into_iter(), Some("")).is_empty());
    }
}
