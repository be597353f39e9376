//! The query of a page, parsed at the edge: the types of its fields are its rules.
use super::Problem;
use axum::{
    Form,
    extract::{FromRequest, Query, Request},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
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

/// A form of a page of ours; one that is damaged gets a page too.
pub struct PageForm<T>(pub T);

impl<T, S> FromRequest<S> for PageForm<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let again = request.uri().path().to_owned();
        if let Ok(Form(fields)) = Form::from_request(request, state).await {
            return Ok(Self(fields));
        }
        let text = "The form came incomplete, so nothing was done. Fill it in again.";
        let again = if again.ends_with("/end") { "/".into() } else { again };
        Err(Problem::new(StatusCode::BAD_REQUEST, "Nothing was done", text)
            .with_way("Back", again)
            .into_response())
    }
}
