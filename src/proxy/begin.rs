//! How an answer begins: nothing is said to the caller before the upstream has said something sensible
//! (field report K35).
use super::{
    catalog::Upstream,
    refusal::{Dialect, Reason},
    sse,
    upstream::UpstreamBody,
    usage::{ErrorSaid, Said},
};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use std::time::Duration;

/// The first bytes; or none yet, when the upstream is slow and the caller should not wait in silence.
pub(super) async fn first(
    body: &mut UpstreamBody,
    upstream: &Upstream,
    patience: Option<Duration>,
) -> Result<Option<Bytes>, Reason> {
    let next = async {
        loop {
            match body.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(data),
                    _ => {}
                },
                Some(Err(_)) => return Err(bad(upstream, "broke off before it said anything")),
                None => return Err(bad(upstream, "answered 200 and said nothing")),
            }
        }
    };
    match patience {
        None => next.await.map(Some),
        Some(patience) => match tokio::time::timeout(patience, next).await {
            Ok(first) => first.map(Some),
            Err(_) => Ok(None),
        },
    }
}

/// An error as the first event of a stream gets a status of its own.
pub(super) fn refused(dialect: Dialect, upstream: &Upstream, first: &[u8]) -> Option<Reason> {
    let event = &first[..sse::event_end(first)?];
    let said = Said::parse(sse::data(event)?)?;
    let Some(ErrorSaid::Object { kind, message, code }) = said.error else { return None };
    let status = match dialect {
        Dialect::Anthropic => kind.as_deref().and_then(anthropic_status),
        Dialect::OpenAi => code.as_ref().and_then(carried_status),
    };
    let message = message.unwrap_or_else(|| "no reason was given".into());
    let clean = upstream.without_secret(message.as_bytes());
    Some(Reason::Upstream {
        status: status.unwrap_or(StatusCode::BAD_GATEWAY),
        message: String::from_utf8_lossy(&clean).into_owned(),
    })
}

/// A number, or a number in quotes, that is an error's.
fn carried_status(code: &serde_json::Value) -> Option<StatusCode> {
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(number).ok()?).ok()?;
    // The provider's 401 is about the provider's key, not about the caller's.
    let ours = status.is_client_error() || status.is_server_error();
    (ours && status != StatusCode::UNAUTHORIZED).then_some(status)
}

fn anthropic_status(kind: &str) -> Option<StatusCode> {
    let code = match kind {
        "invalid_request_error" => 400,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "api_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    };
    StatusCode::from_u16(code).ok()
}

fn bad(upstream: &Upstream, what: &str) -> Reason {
    tracing::warn!(upstream = upstream.name, what, "a call failed");
    let message = format!("The upstream {:?} {what}.", upstream.name);
    Reason::Upstream { status: StatusCode::BAD_GATEWAY, message }
}
