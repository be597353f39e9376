//! CORS of the link's JSON answers: for pages that fetch a key, without credentials.
use crate::config::Config;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use std::sync::Arc;

/// The origins that may read an answer; none named: every one.
#[derive(Clone)]
pub struct LinkCors(Arc<[String]>);

impl LinkCors {
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self(config.connect.allowed_origins.clone().into())
    }

    /// A layer around the link's URLs: adds the headers.
    pub async fn layer(State(cors): State<Self>, request: Request, next: Next) -> Response {
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = next.run(request).await;
        cors.add(response.headers_mut(), origin.as_ref());
        response
    }

    /// For the routes themselves: a method that is not served never gets to a layer.
    pub fn preflight() -> std::future::Ready<StatusCode> {
        std::future::ready(StatusCode::NO_CONTENT)
    }

    fn add(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
        let allowed = if self.0.is_empty() {
            Some(HeaderValue::from_static("*"))
        } else {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
            origin
                .filter(|origin| self.0.iter().any(|one| one.as_bytes() == origin.as_bytes()))
                .cloned()
        };
        let Some(allowed) = allowed else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Authorization"),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
