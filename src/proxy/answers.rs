//! Answers that an upstream keeps (`/v1/responses/{id}`): only for whom they were made.
use super::{
    Proxy, begin, headers,
    refusal::{Dialect, Reason},
    request::More,
    upstream,
};
use crate::{
    guard::{Caller, NoCaller},
    model::{Key, Route},
    store::answers::{AnswerById, ForgetAnswer, Kept},
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

impl Proxy {
    /// Whether this key may ask so: on its own earlier answers, and with nothing that nobody would pay for.
    pub(super) async fn may_ask(&self, key: &Key, more: &More) -> Result<(), Reason> {
        let wrong = |text: &str| Err(Reason::BadRequest(text.into()));
        if more.background {
            return wrong(
                "background is not served: what it uses could not be booked. Send background: false.",
            );
        }
        if more.conversation {
            return wrong(
                "conversation is not served: whose it is would not be known. Send previous_response_id.",
            );
        }
        let Some(previous) = &more.previous else { return Ok(()) };
        match self.owned(key, previous).await? {
            Some(_) => Ok(()),
            None => Err(Reason::BadRequest(format!(
                "There is no response {previous:?} that this key, or its app for the same person, has made \
                 (previous_response_id)."
            ))),
        }
    }

    /// What is known of an answer, if it is this key's.
    async fn owned(&self, key: &Key, id: &str) -> Result<Option<Kept>, Reason> {
        if !is_id(id) {
            return Ok(None);
        }
        let find = || AnswerById(id.to_owned());
        let mut found = self.store.read(find()).await?;
        if found.is_none() {
            // It may just have been made.
            self.books.settled(Duration::from_secs(1)).await;
            found = self.store.read(find()).await?;
        }
        Ok(found.filter(|kept| kept.belongs_to(key)))
    }

    async fn kept(
        &self,
        caller: Result<Caller, NoCaller>,
        id: &str,
        (method, below): (Method, &str),
        request: Request,
    ) -> Result<Response, Reason> {
        let key = caller?.key;
        if !key.allows_route(Route::Responses) {
            return Err(Reason::RouteNotAllowed(Route::Responses));
        }
        let none = || {
            Reason::Lost(format!(
                "There is no response {id:?} that this key, or its app for the same person, has made."
            ))
        };
        let kept = self.owned(&key, id).await?.ok_or_else(none)?;
        let model = self.catalog.named(&kept.model).ok_or_else(none)?;
        if !model.upstream.kind.serves(Route::Responses) {
            return Err(none());
        }
        let (parts, _) = request.into_parts();
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let asked = (method.clone(), format!("/responses/{id}{below}{query}"));
        let answer =
            upstream::ask_for_kept(&self.outbound, &model.upstream, asked, parts.headers).await?;
        if !answer.status().is_success() {
            return Ok(self.passed_on(Dialect::OpenAi, &model.upstream, answer).await);
        }
        if method == Method::DELETE {
            self.store.write(ForgetAnswer(id.to_owned())).await?;
        }
        let (mut head, body) = answer.into_parts();
        head.headers = headers::to_caller(head.headers, &model.upstream);
        head.headers.remove(header::CONTENT_LENGTH);
        let whole = Limited::new(body, self.settings.max_body).collect();
        let whole = tokio::time::timeout(model.upstream.timeout, whole).await;
        let Ok(Ok(whole)) = whole else { return Err(begin::slow(&model.upstream)) };
        let clean = model.upstream.without_secret(whole.to_bytes());
        Ok(Response::from_parts(head, Body::from(clean)))
    }
}

/// Nothing that means something in a path.
fn is_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(fits)
}
