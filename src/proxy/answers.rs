//! Answers that an upstream keeps (`/v1/responses/{id}`): only for whom they were made.
use super::{
    Proxy, begin,
    catalog::{Model, Upstream},
    headers,
    members::{Cannot, More},
    refusal::{Dialect, Reason},
    upstream,
};
use crate::{
    config::UpstreamKind,
    guard::{Caller, NoCaller},
    model::{Key, Route},
    store::answers::{AnswersById, ForgetAnswer, Kept},
};
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{Method, header},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt as _, Limited};
use std::time::Duration;

/// No provider's ids are longer.
const LONGEST_ID: usize = 256;

/// `GET /v1/responses` with `Upgrade: websocket` (field report K39).
pub(super) async fn no_websocket(request: Request) -> Response {
    if request.headers().contains_key(header::UPGRADE) {
        return Dialect::OpenAi.refuse(Reason::NoWebSocket).into_response();
    }
    let mut response = super::wrong_method(request).await;
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
    response
}

/// What OpenAI has there and we have not: counting, compacting, cancelling.
pub(super) async fn not_served(request: Request) -> Response {
    let path = request.uri().path();
    let text = format!(
        "Gatekey does not serve {path}: of answers it serves POST /v1/responses, and GET and DELETE by id."
    );
    Dialect::OpenAi.refuse(Reason::Lost(text)).into_response()
}

pub(super) async fn get(
    State(proxy): State<Proxy>,
    Path(id): Path<String>,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> Response {
    in_words(proxy.kept(caller, &id, (Method::GET, ""), request).await)
}

pub(super) async fn input_items(
    State(proxy): State<Proxy>,
    Path(id): Path<String>,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> Response {
    in_words(proxy.kept(caller, &id, (Method::GET, "/input_items"), request).await)
}

pub(super) async fn delete(
    State(proxy): State<Proxy>,
    Path(id): Path<String>,
    caller: Result<Caller, NoCaller>,
    request: Request,
) -> Response {
    in_words(proxy.kept(caller, &id, (Method::DELETE, ""), request).await)
}

fn in_words(outcome: Result<Response, Reason>) -> Response {
    outcome.unwrap_or_else(|reason| Dialect::OpenAi.refuse(reason).into_response())
}

/// Tools that the provider runs, bills beside the tokens, and of which it does not say how much that was.
const BILLED_APART: [&str; 3] = ["code_interpreter", "file_search", "image_generation"];

impl Proxy {
    /// Whether this key may ask so: on its own earlier answers, and with nothing that nobody would pay for. Answers
    /// with the tokens of the answer it goes on from.
    pub(super) async fn may_ask(
        &self,
        key: &Key,
        upstream: &Upstream,
        more: &More,
    ) -> Result<i64, Reason> {
        if let Some(cannot) = more.cannot {
            return Err(Reason::BadRequest(cannot.in_words().into()));
        }
        let allowed = &upstream.hosted_tools;
        let apart =
            |tool: &&String| BILLED_APART.contains(&tool.as_str()) && !allowed.contains(tool);
        let Some(tools) = &more.tools else {
            let text = "tools must be a list of objects, each with one type.";
            return Err(Reason::BadRequest(text.into()));
        };
        if let Some(tool) = tools.iter().find(apart) {
            return Err(Reason::BadRequest(format!(
                "The tool {tool:?} is not served: the provider bills it beside the tokens and does not say how much. \
                 An admin can allow it ([[upstream]] hosted_tools)."
            )));
        }
        let Some(previous) = &more.previous else { return Ok(0) };
        match self
            .owned(key, previous)
            .await?
            .into_iter()
            .find(|kept| kept.upstream == upstream.name)
        {
            Some(kept) => Ok(kept.tokens),
            None => Err(Reason::BadRequest(format!(
                "There is no response {previous:?} that this key, or its app for the same person, has made with this \
                 model's upstream (previous_response_id)."
            ))),
        }
    }

    /// What is known of answers by this id that are this key's.
    async fn owned(&self, key: &Key, id: &str) -> Result<Vec<Kept>, Reason> {
        if !is_id(id) {
            return Ok(Vec::new());
        }
        let find = || AnswersById(id.to_owned());
        let mut found = self.store.read(find()).await?;
        if found.is_empty() {
            // It may just have been made.
            self.books.settled(Duration::from_secs(1)).await;
            found = self.store.read(find()).await?;
        }
        found.retain(|kept| kept.belongs_to(key));
        Ok(found)
    }

    async fn kept(
        &self,
        caller: Result<Caller, NoCaller>,
        id: &str,
        (method, below): (Method, &str),
        request: Request,
    ) -> Result<Response, Reason> {
        let key = caller?.key;
        if self.shutdown.closing.is_cancelled() {
            return Err(Reason::Stopping);
        }
        if !key.allows_route(Route::Responses) {
            return Err(Reason::RouteNotAllowed(Route::Responses));
        }
        let none = || {
            Reason::Lost(format!(
                "There is no response {id:?} that this key, or its app for the same person, has made."
            ))
        };
        let kept = self.owned(&key, id).await?.into_iter().next().ok_or_else(none)?;
        let of = |model: &&Model| model.upstream.name == kept.upstream;
        let upstream = &self.catalog.all().find(of).ok_or_else(none)?.upstream;
        if upstream.kind != UpstreamKind::OpenAi {
            return Err(none());
        }
        let (parts, _) = request.into_parts();
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let asked = (method.clone(), format!("/responses/{id}{below}{query}"));
        let answer = upstream::ask_for_kept(&self.outbound, upstream, asked, parts.headers).await?;
        if !answer.status().is_success() {
            return Ok(self.passed_on(Dialect::OpenAi, upstream, answer).await);
        }
        if method == Method::DELETE {
            let (upstream, id) = (kept.upstream, id.to_owned());
            self.store.write(ForgetAnswer { upstream, id }).await?;
        }
        let (mut head, body) = answer.into_parts();
        head.headers = headers::to_caller(head.headers, upstream);
        head.headers.remove(header::CONTENT_LENGTH);
        let whole = Limited::new(body, self.settings.max_body).collect();
        let whole = tokio::time::timeout(upstream.timeout, whole).await;
        let Ok(Ok(whole)) = whole else { return Err(begin::slow(upstream)) };
        let clean = upstream.without_secret(whole.to_bytes());
        Ok(Response::from_parts(head, Body::from(clean)))
    }
}

impl Cannot {
    fn in_words(self) -> &'static str {
        match self {
            Self::Background => {
                "background is not served: what it uses could not be booked. Send background: false."
            }
            Self::Conversation => {
                "conversation is not served: whose it is would not be known. Send previous_response_id."
            }
            Self::References => {
                "input has an item that is only named (item_reference): whose it is would not be known. Send the \
                 items themselves, or previous_response_id."
            }
        }
    }
}

/// Nothing that means something in a path.
fn is_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-.:=".contains(&b);
    let dots = id.bytes().all(|byte| byte == b'.');
    !dots && id.len() <= LONGEST_ID && id.bytes().all(fits)
}
