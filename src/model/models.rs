//! Which models a key may call.
use serde::{Deserialize, Serialize};

/// Names or patterns; an empty list allows every model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelList(pub Vec<String>);

impl ModelList {
    #[must_use]
    pub fn allows(&self, model: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| matches_pattern(pattern, model))
    }

    /// Whether everything this list allows, `other` allows too.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        other.0.is_empty() || (!self.0.is_empty() && self.0.iter().all(|name| other.allows(name)))
    }
}

/// `*` stands for any run of characters; nothing else is special, and case counts.
#[must_use]
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = tail.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_and_nothing_else_is_special() {
        for (pattern, name, fits) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-*", "gpt-4o", true),
            ("gpt-*", "GPT-4o", false),
            ("*", "", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("gpt-.o", "gpt-4o", false),
            ("*/claude-*", "anthropic/claude-x", true),
        ] {
            assert_eq!(matches_pattern(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn a_list_lies_within_another_only_when_each_of_its_names_does() {
        let list = |names: &[&str]| ModelList(names.iter().map(|&n| n.to_owned()).collect());
        assert!(list(&["gpt-4o"]).within(&list(&["gpt-*"])));
        assert!(list(&["gpt-*"]).within(&list(&["gpt-*"])));
        assert!(!list(&["*"]).within(&list(&["gpt-*"])));
        assert!(!list(&[]).within(&list(&["gpt-*"])), "an empty list is every model");
        assert!(list(&["x"]).within(&list(&[])));
    }
}
