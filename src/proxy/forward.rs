//! A call: judged, sent on, and its answer streamed back.
use super::{
    Proxy, begin,
    call::Call,
    catalog::Model,
    headers,
    meter::Meter,
    refusal::{Dialect, Reason, Refusal},
    request::{self, Head},
    tap::{Kind, Tap},
    upstream::{self, Question, UpstreamBody},
};
use crate::{
    config::UpstreamKind,
    guard::{Caller, NoCaller},
    model::Key,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use std::sync::Arc;

/// An error's body is collected, so that it can be cleaned; a longer one is replaced.
const LONGEST_ERROR: usize = 1 << 20;

pub(super) async fn chat(
    State(proxy): State<Proxy>,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> axum::response::Response {
    answer(&proxy, Dialect::OpenAi, caller, request).await
}

pub(super) async fn messages(
    State(proxy): State<Proxy>,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> axum::response::Response {
    answer(&proxy, Dialect::Anthropic, caller, request).await
}

async fn answer(
    proxy: &Proxy,
    dialect: Dialect,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> axum::response::Response {
    let outcome = async {
        let caller = caller?;
        if proxy.shutdown.closing.is_cancelled() {
            return Err(Reason::Stopping);
        }
        let (parts, body) = request.into_parts();
        let body = request::read(&parts.headers, body, proxy.settings.max_body).await?;
        let head = Head::find(&body)?;
        let model = proxy.model(dialect, &caller.key, &head.model)?;
        let query = parts.uri.query().filter(|_| dialect == Dialect::Anthropic);
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        proxy.forward((dialect, &caller.key, model), &head, body, (parts.headers, query)).await
    };
    match outcome.await {
        Ok(response) => response,
        Err(reason) => dialect.refuse(reason).into_response(),
    }
}

impl Dialect {
    fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }
}

impl Proxy {
    /// The model by the caller's name for it, if this key may call it in this protocol.
    pub(super) fn model(&self, dialect: Dialect, key: &Key, name: &str) -> Result<&Model, Reason> {
        if !key.models.allows(name) {
            return Err(Reason::NotAllowed(name.to_owned()));
        }
        let unknown = || {
            let text = format!("There is no model {name:?}. GET /v1/models lists what there is.");
            Reason::NoSuchModel(text)
        };
        let model = self.catalog.named(name).ok_or_else(unknown)?;
        let elsewhere = match (dialect, model.upstream.kind) {
            (Dialect::OpenAi, UpstreamKind::Anthropic) => Some("/v1/messages"),
            (Dialect::Anthropic, UpstreamKind::OpenAi) => Some("/v1/chat/completions"),
            _ => None,
        };
        match elsewhere {
            None => Ok(model),
            Some(path) => Err(Reason::NoSuchModel(format!(
                "The model {name:?} is served on {path}, not on this route."
            ))),
        }
    }

    async fn forward(
        &self,
        (dialect, key, model): (Dialect, &Arc<Key>, &Model),
        head: &Head,
        body: Bytes,
        (caller_headers, query): (HeaderMap, String),
    ) -> Result<axum::response::Response, Reason> {
        let inject = dialect == Dialect::OpenAi
            && head.stream
            && !head.asks_usage
            && model.upstream.inject_usage;
        let slot = self.books.slot().await?;
        let meter = Meter::new(dialect, body.len());
        let now = self.clock.now();
        let mut call = Call::new(slot, key, &model.name, now, (meter, self.metrics.clone()));
        let question = Question {
            dialect,
            path: dialect.path(),
            query,
            headers: caller_headers,
            body: head.rewrite(body, &model.wire_name, inject),
            stream: head.stream,
        };
        let asked = upstream::ask(&self.outbound, model, question).await;
        let begun = match asked {
            Ok(response) if response.status().is_success() => {
                self.begin((dialect, model), response, &mut call, inject).await
            }
            Ok(response) => Ok(Begun::Error(self.passed_on(dialect, model, response).await)),
            Err(reason) => Err(reason),
        };
        match begun {
            Ok(Begun::Answer { head, body, first, kind }) => {
                let waits = (self.settings.keepalive, self.shutdown.cut.clone());
                let tap = Tap::new(body, first, call, (kind, dialect), waits);
                Ok(Response::from_parts(head, Body::new(tap)))
            }
            Ok(Begun::Error(response)) => {
                call.release();
                Ok(response)
            }
            Err(reason) => {
                self.metrics.upstream_failed(&model.upstream.name);
                call.release();
                Err(reason)
            }
        }
    }

    /// A good answer, as far as its first bytes tell.
    async fn begin(
        &self,
        (dialect, model): (Dialect, &Model),
        response: Response<UpstreamBody>,
        call: &mut Call,
        inject: bool,
    ) -> Result<Begun, Reason> {
        let (mut head, mut body) = response.into_parts();
        let is = |name: HeaderName, what: &str| {
            head.headers.get(name).is_some_and(|v| v.as_bytes().starts_with(what.as_bytes()))
        };
        let events = is(header::CONTENT_TYPE, "text/event-stream");
        let plain = !head.headers.contains_key(header::CONTENT_ENCODING)
            || is(header::CONTENT_ENCODING, "identity");
        call.meter.begin(events, is(header::CONTENT_ENCODING, "gzip"));
        let kind = match (events && plain, inject) {
            (false, _) => Kind::Opaque,
            (true, false) => Kind::Events,
            (true, true) => Kind::EventsWithoutUsage,
        };
        let patience = (kind != Kind::Opaque).then_some(self.settings.keepalive);
        let first = begin::first(&mut body, &model.upstream, patience).await?;
        if let Some(first) = first.as_deref().filter(|_| kind != Kind::Opaque)
            && let Some(reason) = begin::refused(dialect, &model.upstream, first)
        {
            return Err(reason);
        }
        head.headers = headers::to_caller(head.headers, &model.upstream);
        if kind == Kind::Opaque {
            return Ok(Begun::Answer { head, body, first, kind });
        }
        head.headers.remove(header::CONTENT_LENGTH);
        // nginx would hold frames back.
        let name = HeaderName::from_static("x-accel-buffering");
        head.headers.insert(name, HeaderValue::from_static("no"));
        Ok(Begun::Answer { head, body, first, kind })
    }

    /// An upstream's own error: passed on in its words, but for the provider's key.
    async fn passed_on(
        &self,
        dialect: Dialect,
        model: &Model,
        response: Response<UpstreamBody>,
    ) -> axum::response::Response {
        let (head, body) = response.into_parts();
        let upstream = &model.upstream;
        self.metrics.upstream_failed(&upstream.name);
        tracing::warn!(upstream = upstream.name, status = %head.status, "an upstream refused a call");
        let headers = headers::to_caller(head.headers, upstream);
        let collected = Limited::new(body, LONGEST_ERROR).collect().await;
        let text = collected.map(|body| upstream.without_secret(&body.to_bytes()));
        // The provider's 401 is about the provider's key: a client that heard it would throw its own away.
        // A redirect is never followed.
        let (status, message) = match head.status {
            StatusCode::UNAUTHORIZED => (
                StatusCode::BAD_GATEWAY,
                Some("The upstream refused Gatekey's own credentials. Tell your admin.".to_owned()),
            ),
            status if status.is_client_error() || status.is_server_error() => (status, None),
            _ => (StatusCode::BAD_GATEWAY, Some("The upstream redirected the call.".to_owned())),
        };
        let is_json = text.as_ref().is_ok_and(|text| {
            serde_json::from_slice::<serde_json::Value>(text)
                .is_ok_and(|said| said.get("error").is_some())
        });
        let mut response = match (message, text) {
            (None, Ok(text)) if is_json => (status, Body::from(text)).into_response(),
            (message, _) => {
                let plain = format!("The upstream {:?} answered {status}.", upstream.name);
                let reason = Reason::Upstream { status, message: message.unwrap_or(plain) };
                Refusal { dialect, reason }.into_response()
            }
        };
        let json = HeaderValue::from_static("application/json");
        for (name, value) in &headers {
            if ![
                header::CONTENT_LENGTH,
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
                header::LOCATION,
            ]
            .contains(name)
            {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

enum Begun {
    Answer { head: http::response::Parts, body: UpstreamBody, first: Option<Bytes>, kind: Kind },
    Error(axum::response::Response),
}
