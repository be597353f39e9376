//! How a browser is sent away, to us or to a [`Destination`]; and OAuth's words for a refusal.
use super::Page;
use crate::model::Destination;
use askama::Template;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// To a page of ours.
#[must_use]
pub fn see_other(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path), (header::CACHE_CONTROL, "no-store")])
        .into_response()
}

/// To an app. Browsers drop a redirect to an editor's scheme after a form, so there a page navigates and stays useful.
#[must_use]
pub fn send(to: &Destination, app: &str, news: News<'_>) -> Response {
    if !to.is_web() {
        let connected = !matches!(news, News::Denied);
        let copy = if let News::Key(copy) = news { Some(copy) } else { None };
        return Page(Returned { url: to.link(), app, connected, copy }).into_response();
    }
    let Ok(location) = HeaderValue::try_from(to.location()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut response = no_store(StatusCode::SEE_OTHER.into_response());
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// What the app hears.
pub enum News<'a> {
    Denied,
    /// A code, which is worth nothing to a person.
    Code,
    /// A key, for when nothing opens.
    Key(Copy<'a>),
}

/// What a person may copy by hand, and how long it lives.
pub struct Copy<'a> {
    pub key: &'a str,
    pub until: &'a str,
}

#[derive(Template)]
#[template(path = "returned.html")]
struct Returned<'a> {
    url: &'a str,
    app: &'a str,
    connected: bool,
    copy: Option<Copy<'a>>,
}

/// A secret, or what nobody should keep.
#[must_use]
pub fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

/// An error whose code is a number, as OpenRouter's programs read it; with the seconds to wait, if that helps.
#[must_use]
pub fn numbered_error(status: StatusCode, message: &str, wait: Option<i64>) -> Response {
    let body = json!({"error": {"code": status.as_u16(), "message": message}});
    let mut response = no_store((status, Json(body)).into_response());
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// RFC 6749 §5.2.
#[must_use]
pub fn oauth_error(status: StatusCode, error: &str, description: &str) -> Response {
    let body = json!({"error": error, "error_description": description});
    no_store((status, Json(body)).into_response())
}
