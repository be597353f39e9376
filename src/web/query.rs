//! The query of a page, parsed at the edge: the types of its fields are its rules.
use axum::{extract::Query, http::Uri};
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// A parameter is missing, or there twice, or not what its type says. In words, without the value.
#[derive(Debug)]
pub struct BadQuery(pub Cow<'static, str>);

/// The parameters that are known; the others are ignored.
pub fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, BadQuery> {
    match Query::try_from_uri(uri) {
        Ok(Query(known)) => Ok(known),
        Err(bad) => Err(BadQuery(bad.body_text().into())),
    }
}

/// Every pair, decoded, in order: for those who must see that one stands there twice.
#[must_use]
pub fn pairs(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}
