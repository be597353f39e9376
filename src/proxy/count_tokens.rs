//! `POST /v1/messages/count_tokens`: free of charge, for every model served on messages (field report K41).
use super::{
    Proxy, body,
    estimate::about,
    headers, passed_on,
    received::Sending,
    refusal::{Dialect, Reason},
    request::Head,
    upstream::{self, Question},
    wire::Wire,
};
use crate::{
    config::UpstreamKind,
    guard::{Caller, NoCaller},
    model::Route,
};
use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::json;

const LONGEST: usize = 64 * 1024;

#[derive(Deserialize)]
struct Counted {
    input_tokens: i64,
}

pub(super) async fn post(
    State(proxy): State<Proxy>,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> Response {
    match count(&proxy, caller, request).await {
        Ok(response) => response,
        Err(reason) => Dialect::Anthropic.refuse(reason).into_response(),
    }
}

fn counted(input_tokens: i64) -> Response {
    Json(json!({"input_tokens": input_tokens})).into_response()
}

async fn count(
    proxy: &Proxy,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> Result<Response, Reason> {
    let caller = caller?;
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, proxy.settings.max_body).await?;
    let (wire, head) = (Wire::new(Route::CountTokens), Head::find(&body, None, None)?);
    let model = proxy.model(wire.route, &caller.key, &head.model)?;
    let estimate = about(body.len());
    if model.upstream.kind == UpstreamKind::Demo {
        return Ok(counted(estimate));
    }
    let question = Question {
        wire,
        path: wire.path(),
        query: parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default(),
        headers: parts.headers,
        sending: Sending::json(head.rewrite(body, &model.wire_name, false)),
        stream: false,
    };
    let answer = upstream::ask(&proxy.outbound, model, question).await?;
    match answer.status() {
        StatusCode::OK => {}
        // A server that speaks messages and does not count: about right beats a context of zero.
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            return Ok(counted(estimate));
        }
        _ => return Ok(proxy.passed_on(Dialect::Anthropic, &model.upstream, answer).await),
    }
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, LONGEST).collect().await.ok();
    let said = body.and_then(|body| serde_json::from_slice::<Counted>(&body.to_bytes()).ok());
    let headers = headers::to_caller(head.headers, &model.upstream);
    Ok(passed_on::with(&headers, counted(said.map_or(estimate, |said| said.input_tokens.max(0)))))
}
