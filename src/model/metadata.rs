//! What scripts keep beside a key, a person or a team: one JSON object, changed member by member.
use serde_json::{Map, Value};

/// `None` leaves all of it alone, `Some(None)` clears it. Members are set one by one; one that is null goes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetadataPatch(pub Option<Option<Map<String, Value>>>);

impl MetadataPatch {
    #[must_use]
    pub fn apply(&self, stored: &str) -> String {
        let members = match &self.0 {
            None => return stored.to_owned(),
            Some(None) => return "{}".into(),
            Some(Some(members)) => members,
        };
        let mut whole: Map<String, Value> = serde_json::from_str(stored).unwrap_or_default();
        for (name, value) in members {
            if value.is_null() {
                whole.remove(name);
            } else {
                whole.insert(name.clone(), value.clone());
            }
        }
        Value::Object(whole).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn k23_one_metadata_member_changes_and_the_rest_stays() {
        let members = json!({"a": null, "d": "x"}).as_object().cloned().unwrap();
        let changed = MetadataPatch(Some(Some(members))).apply(r#"{"a":1,"b":{"c":2}}"#);
        assert_eq!(serde_json::from_str::<Value>(&changed).unwrap(), json!({"b":{"c":2},"d":"x"}));
        assert_eq!(MetadataPatch(Some(None)).apply("{\"a\":1}"), "{}");
        assert_eq!(MetadataPatch(None).apply("{\"a\":1}"), "{\"a\":1}");
    }
}
