//! The name of a request, in every answer and every line of the log.
use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, request::Parts},
};
use std::{convert::Infallible, sync::Arc};

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-gatekey-request-id");

#[derive(Debug, Clone)]
pub struct RequestId(Arc<str>);

impl RequestId {
    #[must_use]
    pub fn new(chance: [u8; 32]) -> Self {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        Self(URL_SAFE_NO_PAD.encode(&chance[..12]).into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("base64 is a header value")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(|| Self("-".into())))
    }
}
