//! How an answer begins: nothing is said to the caller before the upstream has said something sensible
//! (field report K35).
use super::{
    catalog::Upstream,
    refusal::{Dialect, Reason},
    said::{ErrorSaid, Said},
    sse,
    upstream::UpstreamBody,
    wire::Wire,
};
use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What is read before the first event is whole; a longer one is no error.
const LONGEST_START: usize = 64 * 1024;

/// The first bytes of an answer that is not a stream of events.
async fn first(body: &mut UpstreamBody, upstream: &Upstream) -> Result<Bytes, Reason> {
    match next(body).await {
        Next::Data(data) => Ok(data),
        Next::Broken => Err(bad(upstream, "broke off before it said anything")),
        Next::End => Err(bad(upstream, "answered 200 and said nothing")),
    }
}

/// How an answer begins that is no stream, and whether that is all of it: of JSON that is short and comes at once, which
/// can be judged as a whole.
pub(super) async fn no_stream(
    body: &mut UpstreamBody,
    upstream: &Upstream,
    json: bool,
) -> Result<(Bytes, bool), Reason> {
    let first = tokio::time::timeout(upstream.timeout, first(body, upstream)).await;
    let first = first.map_err(|_| slow(upstream))??;
    if !json || body.is_end_stream() {
        return Ok((first, json));
    }
    let (first, ended) = rest(body, first).await;
    let whole = ended == Ended::Well;
    match ended {
        Ended::Well => *body = UpstreamBody::nothing(),
        // It says so only once.
        Ended::Broken => *body = UpstreamBody::BrokenOff,
        Ended::NotYet => {}
    }
    Ok((first, whole))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Well,
    Broken,
    NotYet,
}

/// What else comes at once, and whether it has ended.
async fn rest(body: &mut UpstreamBody, first: Bytes) -> (Bytes, Ended) {
    let until = Instant::now() + AT_ONCE;
    let (mut whole, mut ended) = (Vec::new(), Ended::NotYet);
    while first.len() + whole.len() <= LONGEST_START {
        let next = timeout_at(until, next(body)).await;
        match next {
            Ok(Next::Data(data)) => {
                if whole.is_empty() {
                    whole.extend_from_slice(&first);
                }
                whole.extend_from_slice(&data);
            }
            Ok(Next::End) => ended = Ended::Well,
            Ok(Next::Broken) => ended = Ended::Broken,
            Err(_) => break,
        }
        if ended != Ended::NotYet {
            break;
        }
    }
    (if whole.is_empty() { first } else { whole.into() }, ended)
}

/// The bytes up to the first event that says something; fewer, or none, when the upstream takes its time and
/// the caller should not wait in silence.
pub(super) async fn first_event(
    body: &mut UpstreamBody,
    upstream: &Upstream,
    patience: Duration,
) -> Result<Bytes, Reason> {
    let until = Instant::now() + patience;
    let mut start = Vec::new();
    loop {
        match timeout_at(until, next(body)).await {
            Ok(Next::Data(data)) if start.is_empty() && telling(&data).is_some() => {
                return Ok(data);
            }
            Ok(Next::Data(data)) => start.extend_from_slice(&data),
            Ok(Next::End) if telling(&start).is_none() => {
                return Err(bad(upstream, "answered 200 and said nothing"));
            }
            Ok(Next::Broken) if telling(&start).is_none() => {
                return Err(bad(upstream, "broke off before it said anything"));
            }
            // Nothing for so long: what is here goes on, and comments will follow.
            Ok(Next::End | Next::Broken) | Err(_) => return Ok(start.into()),
        }
        if telling(&start).is_some() || start.len() > LONGEST_START {
            return Ok(start.into());
        }
    }
}

/// Whoever sends a short answer in pieces sends them together.
const AT_ONCE: Duration = Duration::from_millis(500);

enum Next {
    Data(Bytes),
    End,
    Broken,
}

async fn next(body: &mut UpstreamBody) -> Next {
    loop {
        match body.frame().await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Next::Data(data),
                _ => {}
            },
            Some(Err(_)) => return Next::Broken,
            None => return Next::End,
        }
    }
}

/// The data of the first whole event that is neither a comment nor a ping.
fn telling(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let end = sse::event_end(bytes)?;
        let (event, rest) = bytes.split_at(end);
        let data = sse::data(event).filter(|data| !data.is_empty());
        match data {
            Some(data) if memchr::memmem::find(data, b"\"ping\"").is_none() => return Some(data),
            _ => bytes = rest,
        }
    }
}

/// An error as the first event of a stream gets a status of its own.
pub(super) fn refused(wire: Wire, upstream: &Upstream, start: &[u8]) -> Option<Reason> {
    failed(wire, upstream, telling(start)?)
}

/// An error where an answer should be gets the status it carries, or 502.
pub(super) fn failed(wire: Wire, upstream: &Upstream, json: &[u8]) -> Option<Reason> {
    memchr::memmem::find(json, b"\"error\"")?;
    let said = Said::parse(json).filter(|said| said.choices.is_none() && said.usage.is_none())?;
    let (status, message) = match said.into_error()? {
        ErrorSaid::Object { kind, message, code } => {
            let status = match wire.dialect {
                Dialect::Anthropic => kind.as_deref().and_then(anthropic_status),
                Dialect::OpenAi | Dialect::OpenRouter => code.as_ref().and_then(carried_status),
            };
            (status, message)
        }
        ErrorSaid::Text(message) => (None, Some(message)),
        ErrorSaid::Other(_) => (None, None),
    };
    let message = message.unwrap_or_else(|| "The upstream failed and gave no reason.".into());
    let clean = upstream.without_secret(message.into());
    Some(Reason::Upstream {
        status: status.unwrap_or(StatusCode::BAD_GATEWAY),
        message: String::from_utf8_lossy(&clean).into_owned(),
    })
}

/// A number, or a number in quotes, that is an error's; or OpenAI's word for one.
fn carried_status(code: &serde_json::Value) -> Option<StatusCode> {
    match code.as_str() {
        Some("rate_limit_exceeded") => return Some(StatusCode::TOO_MANY_REQUESTS),
        Some("invalid_prompt" | "context_length_exceeded") => return Some(StatusCode::BAD_REQUEST),
        _ => {}
    }
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

/// It sent a head and no answer.
pub(super) fn slow(upstream: &Upstream) -> Reason {
    let message = format!("The upstream {:?} did not answer in time.", upstream.name);
    Reason::Upstream { status: StatusCode::GATEWAY_TIMEOUT, message }
}

fn bad(upstream: &Upstream, what: &str) -> Reason {
    tracing::warn!(upstream = upstream.name, what, "a call failed");
    let message = format!("The upstream {:?} {what}.", upstream.name);
    Reason::Upstream { status: StatusCode::BAD_GATEWAY, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_pings_say_nothing() {
        assert_eq!(telling(b": x\n\ndata: {\"type\": \"ping\"}\n\n"), None);
        assert_eq!(
            telling(b"event: ping\ndata: {\"type\":\"ping\"}\n\ndata: {\"a\":1}\n\n"),
            Some(&b"{\"a\":1}"[..])
        );
        assert_eq!(telling(b"data: {\"half"), None);
    }
}
