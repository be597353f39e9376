//! A page and its headers; and the page that says what went wrong.
use super::RequestId;
use crate::{model::OwnPath, store};
use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

/// No `form-action`: Chromium holds it against every later hop, so Allow would do nothing.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'";

pub struct Page<T>(pub T);

impl<T: Template> Page<T> {
    /// A page of the console, which no other window may hold on to. Sign-in and consent pages must leave
    /// their opener alone (row A17).
    pub fn apart(self) -> Response {
        let mut response = self.into_response();
        let name = HeaderName::from_static("cross-origin-opener-policy");
        response.headers_mut().insert(name, HeaderValue::from_static("same-origin"));
        response
    }
}

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let Ok(html) = self.0.render() else {
            tracing::error!("a page could not be rendered");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let mut response = Html(html).into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// What went wrong, and the way on.
#[derive(Template)]
#[template(path = "problem.html")]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    text: String,
    /// Begins anew, by a form.
    again: Option<OwnPath>,
    /// Lead on, by links; the first is the one most people want.
    ways: Vec<(String, String)>,
    retry_after: Option<i64>,
    /// For the admin who looks into the log; shown where something of ours is wrong.
    id: Option<RequestId>,
}

impl Problem {
    pub fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        let id = RequestId::current().filter(|_| status.is_server_error());
        Self {
            status,
            title,
            text: text.into(),
            again: None,
            ways: Vec::new(),
            retry_after: None,
            id,
        }
    }

    /// The database does not answer. Logged here, where it is said.
    #[must_use]
    pub fn unavailable(error: &store::Error) -> Self {
        tracing::error!(%error, "a page could not be served");
        let text = "Nothing is lost. Try again in a minute.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Gatekey cannot answer right now", text)
            .retry_after(5)
    }

    #[must_use]
    pub fn with_again(self, again: OwnPath) -> Self {
        Self { again: Some(again), ..self }
    }

    #[must_use]
    pub fn with_way(self, text: &'static str, to: impl Into<String>) -> Self {
        self.with_way_named(text, to)
    }

    /// The name is the operator's.
    #[must_use]
    pub fn with_way_named(mut self, text: &str, to: impl Into<String>) -> Self {
        self.ways.push((text.to_owned(), to.into()));
        self
    }

    #[must_use]
    pub fn retry_after(self, seconds: i64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = (status, Page(self)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
