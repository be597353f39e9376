//! A path that nobody serves: programs are told what to write instead, in their protocol (field report K40).
use super::refusal::{Dialect, Reason};
use crate::web::{Problem, Site};
use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// Words in the paths of model APIs, by which a program's mistake is told from a person's.
const API: [&str; 14] = [
    "v1",
    "v1beta",
    "api",
    "chat",
    "completions",
    "messages",
    "responses",
    "models",
    "embeddings",
    "images",
    "audio",
    "rerank",
    "moderations",
    "openai",
];

pub async fn lost(State(site): State<Site>, request: Request) -> Response {
    let path = request.uri().path();
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    let html = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let program = words.first().is_some_and(|word| API.contains(word)) || !html;
    if !program {
        let text = "Nothing is here. Perhaps a link was cut short on its way.";
        return Problem::new(StatusCode::NOT_FOUND, "There is no such page", text)
            .with_way("Your keys", "/")
            .into_response();
    }
    let anthropic =
        words.contains(&"messages") || request.headers().contains_key("anthropic-version");
    let base = site.base_url();
    let message = if anthropic {
        format!(
            "Gatekey does not serve this path. For Anthropic's protocol set the base URL to {base} (without \
             /v1); calls go to {base}/v1/messages."
        )
    } else {
        format!(
            "Gatekey does not serve this path. For OpenAI's protocol set the base URL to {base}/v1; calls \
             go to {base}/v1/chat/completions."
        )
    };
    let dialect = if anthropic { Dialect::Anthropic } else { Dialect::OpenAi };
    dialect.refuse(Reason::Lost(message)).into_response()
}
