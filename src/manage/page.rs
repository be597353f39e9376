//! The parameters of a list.
use super::Refusal;
use crate::web;
use axum::http::Uri;
use std::collections::BTreeMap;

/// Each at most once, and none that is not known.
pub(super) fn parameters(uri: &Uri, known: &[&str]) -> Result<BTreeMap<String, String>, Refusal> {
    let mut asked = BTreeMap::new();
    for (name, value) in web::pairs(uri) {
        if !known.contains(&name.as_str()) || value.contains('\0') {
            return Err(Refusal::field(&name, "is not a parameter of this request"));
        }
        if asked.insert(name.clone(), value).is_some() {
            return Err(Refusal::field(&name, "may be given only once"));
        }
    }
    Ok(asked)
}

pub(super) fn number(
    text: Option<&String>,
    name: &str,
    default: i64,
    most: i64,
) -> Result<i64, Refusal> {
    let Some(text) = text else { return Ok(default) };
    let number = text.parse::<i64>().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| Refusal::field(name, format!("must be a number from 1 to {most}")))
}
