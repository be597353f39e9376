//! Which models a key may call.
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names, patterns, or names of groups; an empty list allows every model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelList(pub Vec<String>);

/// `[[model]] groups`: the names by which several models are allowed at once (LiteLLM's access groups).
#[derive(Debug, Clone, Default)]
pub struct Groups(BTreeMap<String, Vec<String>>);

impl ModelList {
    /// Whether it has the model, or one of the groups that the model is in.
    #[must_use]
    pub fn allows(&self, model: &str, groups: &[String]) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|entry| matches_pattern(entry, model) || groups.contains(entry))
    }

    /// Whether everything this list allows, `other` allows too.
    #[must_use]
    pub fn within(&self, other: &Self, groups: &Groups) -> bool {
        let covers = |name: &String| {
            let members = groups.members(name);
            let all = !members.is_empty()
                && members.iter().all(|model| other.allows(model, &groups.of(model)));
            all || other.allows(name, &groups.of(name)) || other.0.contains(name)
        };
        other.0.is_empty() || (!self.0.is_empty() && self.0.iter().all(covers))
    }
}

impl Groups {
    /// From each model's name, and the groups it is in.
    #[must_use]
    pub fn new<'a>(models: impl Iterator<Item = (&'a str, &'a [String])>) -> Self {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (model, groups) in models {
            for group in groups {
                all.entry(group.clone()).or_default().push(model.to_owned());
            }
        }
        Self(all)
    }

    fn members(&self, group: &str) -> &[String] {
        self.0.get(group).map_or(&[], Vec::as_slice)
    }

    fn of(&self, model: &str) -> Vec<String> {
        let has = |(_, members): &(&String, &Vec<String>)| members.iter().any(|m| m == model);
        self.0.iter().filter(has).map(|(group, _)| group.clone()).collect()
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
        let fast = ["fast".to_owned()];
        let models = [("gpt-4o", &fast[..]), ("claude", &fast[..]), ("o3", &[][..])];
        let groups = Groups::new(models.into_iter());
        let within = |own: &[&str], other: &[&str]| list(own).within(&list(other), &groups);
        assert!(within(&["gpt-4o"], &["gpt-*"]));
        assert!(within(&["gpt-*"], &["gpt-*"]));
        assert!(!within(&["*"], &["gpt-*"]));
        assert!(!within(&[], &["gpt-*"]), "an empty list is every model");
        assert!(within(&["x"], &[]));
        assert!(within(&["gpt-4o"], &["fast"]) && within(&["fast"], &["fast"]));
        assert!(within(&["fast"], &["gpt-4o", "claude"]));
        assert!(!within(&["fast"], &["gpt-4o"]) && !within(&["o3"], &["fast"]));
        assert!(!within(&["f*"], &["fast"]), "a group is named whole");
    }

    #[test]
    fn a_group_s_name_allows_the_models_that_are_in_it() {
        let list = ModelList(vec!["fast".into()]);
        assert!(list.allows("gpt-4o", &["fast".into()]));
        assert!(!list.allows("gpt-4o", &["faster".into()]) && !list.allows("gpt-4o", &[]));
        assert!(!ModelList(vec!["fas*".into()]).allows("gpt-4o", &["fast".into()]));
    }
}
