//! A change of a key: the named fields and no others.
use super::{Key, ModelList, Timestamp};
use serde_json::{Map, Value};

/// `None` leaves a field alone; `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyPatch {
    pub alias: Option<Option<String>>,
    pub models: Option<ModelList>,
    pub expires_at: Option<Option<Timestamp>>,
    /// Members are set one by one; a member that is null goes. `Some(None)` clears all.
    pub metadata: Option<Option<Map<String, Value>>>,
    pub blocked: Option<bool>,
}

impl KeyPatch {
    pub fn apply(&self, key: &mut Key) {
        if let Some(alias) = &self.alias {
            key.alias.clone_from(alias);
        }
        if let Some(models) = &self.models {
            key.models.clone_from(models);
        }
        if let Some(expires_at) = self.expires_at {
            key.expires_at = expires_at;
        }
        if let Some(blocked) = self.blocked {
            key.blocked = blocked;
        }
        match &self.metadata {
            None => {}
            Some(None) => key.metadata = "{}".into(),
            Some(Some(members)) => key.metadata = merged(&key.metadata, members),
        }
    }

    /// What the audit calls it.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self.blocked {
            Some(true) => "key.block",
            Some(false) => "key.unblock",
            None => "key.update",
        }
    }

    /// The names of what changes; never the values.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        let named = [
            ("alias", self.alias.is_some()),
            ("models", self.models.is_some()),
            ("expires", self.expires_at.is_some()),
            ("metadata", self.metadata.is_some()),
        ];
        named.into_iter().filter(|(_, changes)| *changes).map(|(name, _)| name).collect()
    }
}

fn merged(stored: &str, members: &Map<String, Value>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn k23_one_metadata_member_changes_and_the_rest_stays() {
        let members = |value: Value| value.as_object().cloned().unwrap();
        let stored = r#"{"a":1,"b":{"c":2}}"#;
        let changed = merged(stored, &members(json!({"a": null, "d": "x"})));
        assert_eq!(serde_json::from_str::<Value>(&changed).unwrap(), json!({"b":{"c":2},"d":"x"}));
    }
}
