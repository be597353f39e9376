//! A call: judged, sent on, and its answer streamed back.
use super::{
    Proxy, admit, begin,
    call::Call,
    catalog::Model,
    headers,
    meter::{Content, Meter},
    metrics::Here,
    openrouter, passed_on,
    received::Received,
    refusal::{Dialect, Reason},
    tap::{Cut, Kind, Tap},
    upstream::{self, Question, UpstreamBody},
    wire::{Flow, Wire},
};
use crate::{
    config::UpstreamKind,
    guard::{Caller, NoCaller},
    model::{Key, Route},
};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, header},
    response::IntoResponse,
};
use bytes::Bytes;
use tokio::time::Instant;

/// On a route, of the model that its path names, if it does.
pub(super) async fn answer(
    proxy: &Proxy,
    (wire, named): (Wire, Option<String>),
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
        let received = Received::read(proxy, wire.route, named, (&parts.headers, body)).await?;
        here.was_read();
        let model = proxy.model(wire.route, &caller.key, received.model())?;
        let context = match received.more().filter(|_| wire.route == Route::Responses) {
            Some(more) => Box::pin(proxy.may_ask(&caller.key, &model.upstream, more)).await?,
            None => 0,
        };
        let query = parts.uri.query().filter(|_| wire.dialect == Dialect::Anthropic);
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let more = (parts.headers, query, here, context);
        proxy.forward((wire, &caller, model), received, more).await
    };
    match outcome.await {
        Ok(response) => response,
        Err(reason) => {
            proxy.metrics.refused(reason.kind());
            wire.dialect.refuse(reason).into_response()
        }
    }
}

impl Proxy {
    /// The model by the caller's name for it, if this key may call it by this route.
    pub(super) fn model(&self, route: Route, key: &Key, name: &str) -> Result<&Model, Reason> {
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
        let kind = model.upstream.kind;
        if kind.serves(route) {
            return Ok(model);
        }
        let elsewhere = match kind {
            UpstreamKind::Anthropic => Route::Messages,
            UpstreamKind::OpenAi | UpstreamKind::Demo => Route::ChatCompletions,
        };
        Err(Reason::NoSuchModel(format!(
            "The model {name:?} is served on {}, not on this route.",
            elsewhere.path()
        )))
    }

    async fn forward(
        &self,
        (wire, caller, model): (Wire, &Caller, &Model),
        received: Received,
        (caller_headers, query, here, context): (HeaderMap, String, Here, i64),
    ) -> Result<axum::response::Response, Reason> {
        let inject = received.lacks_usage(wire) && model.upstream.inject_usage;
        let slot = self.books.slot().await?;
        if self.books.is_nearly_full() {
            self.tell_of_the_queue();
        }
        let mut asked = received.asked(wire.route);
        asked.context = context;
        let reservation = self.admit(caller, model, &asked)?;
        let labels = received.labels(&caller_headers, &self.tag_headers);
        let meter = Meter::new(wire, asked, &model.tariff.price);
        let parts = (meter, labels, self.metrics.clone(), here);
        let mut call =
            Call::new((slot, reservation), &caller.key, model, self.clock.clone(), parts);
        let question = Question {
            wire,
            path: wire.path(),
            query,
            headers: caller_headers,
            stream: received.streams(),
            sending: received.into_sending(&model.wire_name, inject),
        };
        let end = caller.leash.end(&self.shutdown.cut);
        let begun = tokio::select! {
            begun = self.begin((wire, model), question, &mut call, inject) => begun,
            // The server stops, or the key has ended, and nothing has been said yet.
            () = end.cancelled() => Err(self.cut_short()),
        };
        match begun {
            Ok(Begun::Answer { mut head, body, first, kind }) => {
                let limits = (&caller.accounts, model.name.as_str());
                admit::tell(&mut head.headers, limits, wire.dialect, self.clock.now());
                let leash = caller.leash.clone();
                let cut = Cut { end, leash, stopping: self.shutdown.cut.clone() };
                let waits = (self.settings.keepalive, cut);
                let tap =
                    Tap::new((body, model.upstream.clone()), first, call, (kind, wire), waits);
                Ok(Response::from_parts(head, Body::new(tap)))
            }
            Ok(Begun::Error(response)) => {
                call.release();
                Ok(response)
            }
            Err(cut @ (Reason::Stopping | Reason::Caller(_))) => Err(cut),
            Err(reason) => {
                if matches!(reason, Reason::Upstream { .. }) {
                    self.upstream_failed(&model.upstream);
                }
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
        (wire, model): (Wire, &Model),
        question: Question,
        call: &mut Call,
        inject: bool,
    ) -> Result<Begun, Reason> {
        let asked = Instant::now();
        let response = upstream::ask(&self.outbound, model, question).await?;
        if !response.status().is_success() {
            return Ok(Begun::Error(self.passed_on(wire.dialect, &model.upstream, response).await));
        }
        let (mut head, mut body) = response.into_parts();
        let is = |name: HeaderName, what: &str| {
            head.headers.get(name).is_some_and(|v| v.as_bytes().starts_with(what.as_bytes()))
        };
        let content = content(&head.headers, wire);
        let plain = !head.headers.contains_key(header::CONTENT_ENCODING)
            || is(header::CONTENT_ENCODING, "identity");
        call.meter.begin(content, is(header::CONTENT_ENCODING, "gzip"));
        let kind = Kind::of(content == Content::Events && plain, inject, wire);
        let upstream = &model.upstream;
        let mut cost = None;
        let (first, failed) = if kind == Kind::Opaque {
            let json = plain && content == Content::Json;
            let (first, whole) = begin::no_stream(&mut body, upstream, json).await?;
            let failed = whole.then(|| begin::failed(wire, upstream, &first)).flatten();
            cost = whole.then(|| call.cost_of(&first)).flatten();
            (first, failed)
        } else {
            let patience = self.settings.keepalive;
            let first = begin::first_event(&mut body, upstream, patience).await?;
            let failed = begin::refused(wire, upstream, &first);
            (first, failed)
        };
        call.answered(asked);
        head.headers = headers::to_caller(head.headers, upstream);
        if let Some(cost) = cost {
            admit::tell_dollars(&mut head.headers, "x-litellm-response-cost", cost);
        }
        if let Some(reason) = failed {
            self.upstream_said(upstream, &reason);
            let refusal = wire.dialect.refuse(reason).into_response();
            return Ok(Begun::Error(passed_on::with(&head.headers, refusal)));
        }
        let first = if wire.dialect == Dialect::OpenRouter && kind == Kind::Opaque && plain {
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

/// What comes, by its head. What answers with text says JSON, whatever its head says.
fn content(headers: &HeaderMap, wire: Wire) -> Content {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    match kind {
        Some(kind) if kind.starts_with("text/event-stream") => Content::Events,
        Some(kind) if wire.flow() == Flow::Typed && !kind.contains("json") => Content::Other,
        _ => Content::Json,
    }
}

enum Begun {
    Answer { head: http::response::Parts, body: UpstreamBody, first: Bytes, kind: Kind },
    Error(axum::response::Response),
}
