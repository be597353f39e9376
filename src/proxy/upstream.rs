//! The way to an upstream and back.
use super::{
    catalog::{Model, Upstream},
    demo, headers,
    received::Sending,
    refusal::Reason,
    wire::Wire,
};
use crate::{
    config::UpstreamKind,
    world::{Outbound, Trouble},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Either, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

/// An answer's body: from the wire, or made here.
pub(super) enum UpstreamBody {
    Wire(Incoming),
    Made(UnsyncBoxBody<Bytes, Infallible>),
    /// The rest of one that has broken off.
    BrokenOff,
}

impl UpstreamBody {
    /// All of it has been read.
    pub(super) fn nothing() -> Self {
        Self::Made(Full::default().boxed_unsync())
    }
}

/// The upstream broke off.
#[derive(Debug, thiserror::Error)]
#[error("the upstream broke off its answer")]
pub(super) struct BrokenOff;

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Wire(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|f| f.map_err(|_| BrokenOff)))
            }
            Self::BrokenOff => Poll::Ready(Some(Err(BrokenOff))),
            Self::Made(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|f| f.map_err(|e| match e {})))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Wire(body) => body.is_end_stream(),
            Self::Made(body) => body.is_end_stream(),
            Self::BrokenOff => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Wire(body) => body.size_hint(),
            Self::Made(body) => body.size_hint(),
            Self::BrokenOff => SizeHint::default(),
        }
    }
}

/// What is asked of an upstream.
pub(super) struct Question {
    pub(super) wire: Wire,
    /// Below the upstream's base: ours, never the caller's.
    pub(super) path: &'static str,
    /// With its question mark; empty for none.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) sending: Sending,
    pub(super) stream: bool,
}

pub(super) async fn ask(
    outbound: &Outbound,
    model: &Model,
    question: Question,
) -> Result<Response<UpstreamBody>, Reason> {
    let upstream = &model.upstream;
    if upstream.kind == UpstreamKind::Demo {
        let body = question.sending.body.collect().await.map(http_body_util::Collected::to_bytes);
        return Ok(demo::answer(question.wire.route, &body.unwrap_or_default(), question.stream));
    }
    let url = format!("{}{}{}", upstream.base_url, question.path, question.query);
    let Sending { body, content_type, why_broken } = question.sending;
    let mut request = Request::post(url).body(body).map_err(|_| no_query())?;
    *request.headers_mut() = headers::to_upstream(question.headers, upstream, Some(content_type));
    let answer = outbound.send(request, upstream.timeout).await;
    // What broke off on its way here is no fault of the upstream's.
    let trouble = |trouble| why_broken.take().unwrap_or_else(|| in_words(upstream, trouble));
    answer.map(|response| response.map(UpstreamBody::Wire)).map_err(trouble)
}

fn no_query() -> Reason {
    Reason::BadRequest("The query cannot be passed on.".into())
}

/// Asks for what an upstream keeps, or to forget it.
pub(super) async fn ask_for_kept(
    outbound: &Outbound,
    upstream: &Upstream,
    (method, path): (Method, String),
    caller_headers: HeaderMap,
) -> Result<Response<UpstreamBody>, Reason> {
    let url = format!("{}{path}", upstream.base_url);
    let body = Either::Left(Full::default());
    let request = Request::builder().method(method).uri(url).body(body);
    let mut request = request.map_err(|_| no_query())?;
    *request.headers_mut() = headers::to_upstream(caller_headers, upstream, None);
    let answer = outbound.send(request, upstream.timeout).await;
    answer.map(|response| response.map(UpstreamBody::Wire)).map_err(|t| in_words(upstream, t))
}

/// Without an address or a key: those are the operator's (field report K42).
fn in_words(upstream: &Upstream, trouble: Trouble) -> Reason {
    tracing::warn!(upstream = upstream.name, %trouble, "a call failed");
    let status = match trouble {
        Trouble::Slow => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    Reason::Upstream { status, message: format!("The upstream {:?} {trouble}.", upstream.name) }
}
