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
    if !is_programs(&request) {
        let text = "Nothing is here. Perhaps a link was cut short on its way.";
        return Problem::new(StatusCode::NOT_FOUND, "There is no such page", text)
            .with_way("Your keys", "/")
            .into_response();
    }
    let (dialect, base) = (dialect(&request), site.base_url());
    let message = match dialect {
        Dialect::Anthropic => format!(
            "Gatekey does not serve this path. For Anthropic's protocol set the base URL to {base} (without \
             /v1); calls go to {base}/v1/messages."
        ),
        Dialect::OpenAi | Dialect::OpenRouter => format!(
            "Gatekey does not serve this path. For OpenAI's protocol set the base URL to {base}/v1; calls \
             go to {base}/v1/chat/completions."
        ),
    };
    dialect.refuse(Reason::Lost(message)).into_response()
}

/// A path of ours, by a method it does not take; `Allow` names those it does.
pub async fn wrong_method(request: Request) -> Response {
    if !is_programs(&request) {
        let text = "This page cannot be asked for in this way. Go back and press its button again.";
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "That does not work here", text)
            .with_way("Your keys", "/")
            .into_response();
    }
    let message =
        format!("{} is not served on this path: the header Allow names what is.", request.method());
    dialect(&request).refuse(Reason::WrongMethod(message)).into_response()
}

fn words(request: &Request) -> impl Iterator<Item = &str> {
    request.uri().path().split('/').filter(|word| !word.is_empty())
}

/// Browsers ask for HTML; who asks for a path of a model API, or for nothing in particular, is a program.
fn is_programs(request: &Request) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    let html =
        accept.and_then(|accept| accept.to_str().ok()).is_some_and(|a| a.contains("text/html"));
    !html || words(request).next().is_some_and(|word| API.contains(&word))
}

fn dialect(request: &Request) -> Dialect {
    let anthropic = words(request).any(|word| word == "messages")
        || request.headers().contains_key("anthropic-version");
    let openrouter = request.uri().path().starts_with("/api/v1/");
    match (anthropic, openrouter) {
        (true, _) => Dialect::Anthropic,
        (false, true) => Dialect::OpenRouter,
        (false, false) => Dialect::OpenAi,
    }
}
