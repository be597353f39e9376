//! An upstream's own error: passed on in its words, but for the provider's key.
use super::{
    Proxy,
    catalog::Upstream,
    headers,
    refusal::{Dialect, Reason, Refusal},
    upstream::UpstreamBody,
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use std::{io::Read as _, time::Duration};

/// It is collected, so that it can be cleaned; a longer one is replaced.
const LONGEST: usize = 1 << 20;
/// An error that does not come is none to wait for.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is repeated of a text that is no error of the protocol.
const LONGEST_WORDS: usize = 500;

impl Proxy {
    pub(super) async fn passed_on(
        &self,
        dialect: Dialect,
        upstream: &Upstream,
        response: Response<UpstreamBody>,
    ) -> axum::response::Response {
        let (head, body) = response.into_parts();
        let ours = head.status == StatusCode::UNAUTHORIZED || !head.status.is_client_error();
        if ours {
            self.upstream_failed(upstream);
        } else {
            upstream.answered();
        }
        tracing::warn!(upstream = upstream.name, status = %head.status, "an upstream refused a call");
        let gzip =
            head.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
        let headers = headers::to_caller(head.headers, upstream);
        let collected = tokio::time::timeout(PATIENCE, Limited::new(body, LONGEST).collect()).await;
        let text = match collected {
            Ok(Ok(body)) => upstream.without_secret(plain(&body.to_bytes(), gzip).into()),
            _ => Vec::new().into(),
        };
        with(&headers, answer(dialect, upstream, head.status, &text))
    }
}

fn plain(bytes: &[u8], gzip: bool) -> Vec<u8> {
    let mut text = Vec::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    if gzip && GzDecoder::new(bytes).take(most).read_to_end(&mut text).is_ok() {
        return text;
    }
    bytes.to_vec()
}

fn answer(
    dialect: Dialect,
    upstream: &Upstream,
    status: StatusCode,
    text: &[u8],
) -> axum::response::Response {
    let refuse = |status, message: String| {
        Refusal { dialect, reason: Reason::Upstream { status, message } }.into_response()
    };
    // The provider's 401 is about the provider's key: a client that heard it would throw its own away.
    if status == StatusCode::UNAUTHORIZED {
        let message = "The upstream refused Gatekey's own credentials. Tell your admin.";
        return refuse(StatusCode::BAD_GATEWAY, message.into());
    }
    // A redirect is never followed.
    if !(status.is_client_error() || status.is_server_error()) {
        return refuse(StatusCode::BAD_GATEWAY, "The upstream redirected the call.".into());
    }
    let said = serde_json::from_slice::<Value>(text).ok();
    let whole = said.as_ref().is_some_and(|said| said.get("error").is_some_and(Value::is_object));
    // OpenRouter's errors have a number as their code, whatever the upstream's have.
    if whole && dialect != Dialect::OpenRouter {
        let json = HeaderValue::from_static("application/json");
        return (status, [(header::CONTENT_TYPE, json)], Body::from(text.to_vec())).into_response();
    }
    refuse(status, words(upstream, status, said.as_ref(), text))
}

/// What the upstream says in a shape of its own.
fn words(upstream: &Upstream, status: StatusCode, said: Option<&Value>, text: &[u8]) -> String {
    let plain = || format!("The upstream {:?} answered {status}.", upstream.name);
    let members = ["error", "detail", "message"];
    let found = said.and_then(|said| members.iter().find_map(|member| said.get(member)));
    let found = found.and_then(|found| found.get("message")).or(found);
    let found = match (found, said) {
        (Some(Value::String(text)), _) => text.clone(),
        (Some(other), _) => other.to_string(),
        (None, Some(_)) => return plain(),
        (None, None) => String::from_utf8_lossy(text).trim().to_owned(),
    };
    // A page of HTML is nobody's message.
    if found.is_empty() || found.starts_with('<') {
        return plain();
    }
    found.chars().take(LONGEST_WORDS).collect()
}

/// The upstream's headers that belong to an error: `retry-after`, `request-id`, rate limits (K36).
pub(super) fn with(
    headers: &HeaderMap,
    mut response: axum::response::Response,
) -> axum::response::Response {
    const OF_THE_BODY: [header::HeaderName; 5] = [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::LOCATION,
        header::CACHE_CONTROL,
    ];
    for (name, value) in headers {
        if !OF_THE_BODY.contains(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
