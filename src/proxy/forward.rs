//! A call: judged, sent on, and its answer streamed back.
use super::{
    Proxy, admit, begin,
    call::Call,
    catalog::Model,
    estimate::Prompt,
    headers,
    meter::Meter,
    metrics::Here,
    openrouter, passed_on,
    refusal::{Dialect, Reason},
    request::{self, Head},
    tap::{Cut, Kind, Tap},
    upstream::{self, Question, UpstreamBody},
};
use crate::{
    config::UpstreamKind,
    guard::{Caller, NoCaller},
    model::{Key, Route},
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, header},
    response::IntoResponse,
};
use bytes::Bytes;
use http_body::Body as _;
use tokio::time::Instant;

pub(super) async fn chat(
    State(proxy): State<Proxy>,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> axum::response::Response {
    answer(&proxy, Dialect::OpenAi, caller, request).await
}

/// The same, with OpenRouter's errors.
pub(super) async fn openrouter_chat(
    State(proxy): State<Proxy>,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> axum::response::Response {
    answer(&proxy, Dialect::OpenRouter, caller, request).await
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
        let mut here = proxy.metrics.here();
        let (parts, body) = request.into_parts();
        let body = request::read(&parts.headers, body, proxy.settings.max_body).await?;
        here.was_read();
        let head = Head::find(&body)?;
        let model = proxy.model(dialect.route(), dialect, &caller.key, &head.model)?;
        let query = parts.uri.query().filter(|_| dialect == Dialect::Anthropic);
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        proxy.forward((dialect, &caller, model), &head, body, (parts.headers, query, here)).await
    };
    match outcome.await {
        Ok(response) => response,
        Err(reason) => {
            proxy.metrics.refused(reason.kind());
            dialect.refuse(reason).into_response()
        }
    }
}

impl Dialect {
    fn route(self) -> Route {
        match self {
            Self::OpenAi | Self::OpenRouter => Route::ChatCompletions,
            Self::Anthropic => Route::Messages,
        }
    }

    /// At an upstream, whose base URL has the `/v1` of OpenAI's.
    fn path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::OpenRouter => "/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }
}

impl Proxy {
    /// The model by the caller's name for it, if this key may call it by this route in this protocol.
    pub(super) fn model(
        &self,
        route: Route,
        dialect: Dialect,
        key: &Key,
        name: &str,
    ) -> Result<&Model, Reason> {
        if !key.allows_route(route) {
            return Err(Reason::RouteNotAllowed(route));
        }
        let found = self.catalog.named(name);
        if !key.allows(name, found.map_or(&[], |model| &model.groups)) {
            return Err(Reason::NotAllowed(name.to_owned()));
        }
        let unknown = || {
            let text = format!("There is no model {name:?}. GET /v1/models lists what there is.");
            Reason::NoSuchModel(text)
        };
        let model = found.ok_or_else(unknown)?;
        let elsewhere = match (dialect, model.upstream.kind) {
            (Dialect::OpenAi | Dialect::OpenRouter, UpstreamKind::Anthropic) => {
                Some("/v1/messages")
            }
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
        (dialect, caller, model): (Dialect, &Caller, &Model),
        head: &Head,
        body: Bytes,
        (caller_headers, query, here): (HeaderMap, String, Here),
    ) -> Result<axum::response::Response, Reason> {
        let inject = dialect != Dialect::Anthropic
            && head.stream
            && !head.asks_usage
            && model.upstream.inject_usage;
        let slot = self.books.slot().await?;
        let prompt = Prompt::of(&body);
        let reservation = self.admit(caller, model, head, prompt.at_most())?;
        let meter = Meter::new(dialect, prompt);
        let parts = (meter, self.metrics.clone(), here);
        let mut call =
            Call::new((slot, reservation), &caller.key, model, self.clock.clone(), parts);
        let question = Question {
            dialect,
            path: dialect.path(),
            query,
            headers: caller_headers,
            body: head.rewrite(body, &model.wire_name, inject),
            stream: head.stream,
        };
        let end = caller.leash.end(&self.shutdown.cut);
        let begun = tokio::select! {
            begun = self.begin((dialect, model), question, &mut call, inject) => begun,
            // The server stops, or the key has ended, and nothing has been said yet.
            () = end.cancelled() => Err(self.cut_short()),
        };
        match begun {
            Ok(Begun::Answer { mut head, body, first, kind }) => {
                let limits = (&caller.accounts, model.name.as_str());
                admit::tell(&mut head.headers, limits, dialect, self.clock.now());
                let leash = caller.leash.clone();
                let cut = Cut { end, leash, stopping: self.shutdown.cut.clone() };
                let waits = (self.settings.keepalive, cut);
                let tap =
                    Tap::new((body, model.upstream.clone()), first, call, (kind, dialect), waits);
                Ok(Response::from_parts(head, Body::new(tap)))
            }
            Ok(Begun::Error(response)) => {
                call.release();
                Ok(response)
            }
            Err(cut @ (Reason::Stopping | Reason::Caller(_))) => Err(cut),
            Err(reason) => {
                self.metrics.upstream_failed(&model.upstream.name);
                call.release();
                Err(reason)
            }
        }
    }

    fn cut_short(&self) -> Reason {
        if self.shutdown.cut.is_cancelled() {
            Reason::Stopping
        } else {
            Reason::Caller(NoCaller::Blocked)
        }
    }

    /// The question goes out, and the answer begins.
    async fn begin(
        &self,
        (dialect, model): (Dialect, &Model),
        question: Question,
        call: &mut Call,
        inject: bool,
    ) -> Result<Begun, Reason> {
        let asked = Instant::now();
        let response = upstream::ask(&self.outbound, model, question).await?;
        if !response.status().is_success() {
            return Ok(Begun::Error(self.passed_on(dialect, model, response).await));
        }
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
            (true, false) if dialect == Dialect::OpenRouter => Kind::Edited { with_usage: true },
            (true, false) => Kind::Events,
            (true, true) => Kind::Edited { with_usage: false },
        };
        let upstream = &model.upstream;
        let mut cost = None;
        let (first, failed) = if kind == Kind::Opaque {
            let first = tokio::time::timeout(upstream.timeout, begin::first(&mut body, upstream));
            let slow = |_| begin::slow(upstream);
            let first = first.await.map_err(slow)??;
            // Only an answer that is here as a whole can still be judged.
            let whole = plain && !events && body.is_end_stream();
            let failed = whole.then(|| begin::failed(dialect, upstream, &first)).flatten();
            cost = whole.then(|| call.cost_of(&first)).flatten();
            (first, failed)
        } else {
            let patience = self.settings.keepalive;
            let first = begin::first_event(&mut body, upstream, patience).await?;
            let failed = begin::refused(dialect, upstream, &first);
            (first, failed)
        };
        call.answered(asked);
        head.headers = headers::to_caller(head.headers, upstream);
        if let Some(cost) = cost {
            admit::tell_dollars(&mut head.headers, "x-litellm-response-cost", cost);
        }
        if let Some(reason) = failed {
            self.metrics.upstream_failed(&upstream.name);
            let refusal = dialect.refuse(reason).into_response();
            return Ok(Begun::Error(passed_on::with(&head.headers, refusal)));
        }
        let first = if dialect == Dialect::OpenRouter && kind == Kind::Opaque && plain {
            // The body grows by it.
            head.headers.remove(header::CONTENT_LENGTH);
            openrouter::with_fingerprint(first)
        } else {
            first
        };
        if kind != Kind::Opaque {
            head.headers.remove(header::CONTENT_LENGTH);
            // nginx would hold frames back.
            let name = HeaderName::from_static("x-accel-buffering");
            head.headers.insert(name, HeaderValue::from_static("no"));
        }
        Ok(Begun::Answer { head, body, first, kind })
    }
}

enum Begun {
    Answer { head: http::response::Parts, body: UpstreamBody, first: Bytes, kind: Kind },
    Error(axum::response::Response),
}
