//! The name of a request, in every answer and every line of the log.
use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, request::Parts},
};
use std::{convert::Infallible, sync::Arc};
use tracing::Instrument as _;

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

tokio::task_local! {
    static CURRENT: RequestId;
}

impl RequestId {
    /// Runs a request under its name, which its log lines and its pages then carry.
    pub async fn around<F: Future>(self, request: F) -> F::Output {
        let span = tracing::info_span!("request", id = self.as_str());
        CURRENT.scope(self, request.instrument(span)).await
    }

    /// The name of the request that is being answered.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(|| Self("-".into())))
    }
}
