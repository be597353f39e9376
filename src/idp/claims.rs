//! Claims become an [`Identity`]: which claim says what is the operator's to name.
use crate::{
    config::ClaimNames,
    model::{Identity, Role},
};
use serde_json::{Map, Value};

/// A claim by its name, or by a path with dots.
pub(super) fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let mut steps = name.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    })
}

/// A text, or a number as providers of numeric ids send it.
pub(super) fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    match claim(claims, name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A provider that says nothing of verification is taken at the operator's word; one that says no is not.
pub(super) fn identity(
    issuer: &str,
    subject: String,
    claims: &Map<String, Value>,
    names: &ClaimNames,
) -> Identity {
    let disowned = match claim(claims, "email_verified") {
        None | Some(Value::Null) => false,
        Some(said) => !(*said == Value::Bool(true) || said.as_str() == Some("true")),
    };
    let full = text(claims, &names.name).or_else(|| {
        let parts = [text(claims, &names.first_name), text(claims, &names.last_name)];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    });
    // A person without an address is still called something (field report K03).
    let called = || text(claims, "preferred_username").or_else(|| text(claims, "upn"));
    Identity {
        issuer: issuer.to_owned(),
        subject,
        email: names.email.iter().find_map(|name| text(claims, name)).as_deref().map(plain),
        verified: !disowned,
        name: full.or_else(called).as_deref().map(plain),
        groups: claim(claims, &names.groups).and_then(texts),
        role: names
            .role
            .as_ref()
            .and_then(|name| claim(claims, name).and_then(texts))
            .and_then(|said| said.iter().filter_map(|role| Role::parse(role)).min()),
        tenant: None,
        claims: claims.clone(),
    }
}

/// What is shown and searched: without control characters, and of a length that any database takes.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(255).collect()
}

/// A list of texts, or one text.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(all) => {
            Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Value::String(one) => Some(vec![one.clone()]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_dotted_name_goes_into_objects_and_a_number_is_an_id() {
        let claims =
            object(&json!({"data": {"user": {"id": 42}}, "a.b": "whole", "a": {"b": "deep"}}));
        assert_eq!(text(&claims, "data.user.id").as_deref(), Some("42"));
        assert_eq!(text(&claims, "a.b").as_deref(), Some("whole"));
        assert_eq!(text(&claims, "data.user.name"), None);
    }

    #[test]
    fn missing_groups_are_unknown_and_an_empty_list_is_none() {
        let of =
            |claims: Value| identity("i", "s".into(), &object(&claims), &ClaimNames::default());
        assert_eq!(of(json!({})).groups, None);
        assert_eq!(of(json!({"groups": []})).groups, Some(vec![]));
        assert_eq!(of(json!({"groups": "one"})).groups, Some(vec!["one".into()]));
        for odd in [json!(false), json!(0), json!("no"), json!({"a": 1})] {
            assert!(!of(json!({"email": "a@b.example", "email_verified": odd})).verified);
        }
        assert_eq!(of(json!({"role": "proxy_admin"})).role, None, "nobody named that claim");
        assert_eq!(of(json!({"given_name": "Ada", "family_name": "L"})).name.unwrap(), "Ada L");
    }
}
