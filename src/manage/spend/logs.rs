//! `GET /spend/logs`: each call with its tokens, its cost and the price it was reckoned with, the newest first.
use super::{Actor, Manage, Refusal, span};
use crate::{
    manage::{
        cursor::Cursors,
        page::{number, parameters},
    },
    model::{ChargeId, Route, Timestamp},
    store::calls::{Booked, ListCalls},
    web,
};
use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

const LARGEST_PAGE: i64 = 1000;
const FILTERS: [&str; 10] = [
    "start_date",
    "end_date",
    "user_id",
    "team_id",
    "key_id",
    "app",
    "model",
    "route",
    "tag",
    "end_user",
];

pub(super) async fn get(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    actor.must_not_be_bound()?;
    let known = [&FILTERS[..], &["cursor", "page_size"]].concat();
    let mut asked = parameters(&uri, &known)?;
    let cursor = asked.remove("cursor");
    let size = number(asked.remove("page_size").as_ref(), "page_size", 100, LARGEST_PAGE)?;
    let cursors = Cursors { keyring: &manage.keyring, list: "books", filters: &asked };
    let below = match cursor {
        None => None,
        Some(text) => {
            let place = cursors.open(&text).and_then(|place| String::from_utf8(place).ok());
            let why = "is not one of ours for these filters; begin without it";
            Some(ChargeId(place.ok_or_else(|| Refusal::field("cursor", why))?))
        }
    };
    let list = manage.wanted(&actor, &asked, (below, size)).await?;
    // What was just used is in it.
    manage.books.settled(Duration::from_secs(1)).await;
    let page = manage.store.read(list).await?;
    let next = page.next.and_then(|last| cursors.seal(last.0.as_bytes()));
    let data: Vec<Value> = page.calls.iter().map(shape).collect();
    Ok(web::no_store(Json(json!({"data": data, "next_cursor": next})).into_response()))
}

impl Manage {
    /// Everything for those who see all; a team's for who runs it; a key's for who may read it; else one's own.
    async fn wanted(
        &self,
        actor: &Actor,
        asked: &BTreeMap<String, String>,
        (below, limit): (Option<ChargeId>, i64),
    ) -> Result<ListCalls, Refusal> {
        let (since, until) = span(asked)?;
        let named = |name: &str| asked.get(name).cloned();
        let mut list = ListCalls {
            since: since.unwrap_or(Timestamp(0)),
            until: until.unwrap_or(Timestamp(i64::MAX)),
            key: named("key_id"),
            user: named("user_id"),
            team: None,
            app: named("app"),
            model: named("model"),
            route: asked.get("route").map(|path| route(path)).transpose()?,
            end_user: named("end_user"),
            tag: named("tag"),
            below,
            limit,
        };
        if let Some(text) = asked.get("team_id") {
            list.team = Some(self.team(actor, text).await?.0.id.to_string());
        }
        if actor.rights().sees_all() {
            return Ok(list);
        }
        if let Some(key) = &list.key {
            list.key = Some(self.find(actor, key).await?.id.to_string());
            return Ok(list);
        }
        let team = list.team.as_deref().map(crate::model::TeamId::named);
        if team.is_some_and(|team| actor.rights().may_run_team(&team)) {
            return Ok(list);
        }
        let own = actor.user().map(ToString::to_string);
        if list.user.is_some() && list.user != own {
            return Err(Refusal::Forbidden("Only admins read what others used."));
        }
        list.user = own;
        Ok(list)
    }
}

/// As it is kept, however it is written.
fn route(path: &str) -> Result<String, Refusal> {
    let known = Route::named(path).map(|route| route.path().to_owned());
    known.ok_or_else(|| Refusal::field("route", "must be a route of models, such as /v1/responses"))
}

/// By LiteLLM's names where it has one; `cost` is exact, `spend` the same as a number.
fn shape(booked: &Booked) -> Value {
    let (charge, tokens) = (&booked.charge, &booked.charge.tokens);
    let status = match (charge.failed, charge.aborted) {
        (true, _) => "failure",
        (false, true) => "aborted",
        (false, false) => "success",
    };
    json!({
        "id": booked.id,
        "request_id": charge.request,
        "endTime": charge.at.rfc3339(),
        "key_id": charge.key,
        "user_id": charge.user,
        "team_id": charge.team,
        "app": Some(&charge.app).filter(|app| !app.is_empty()),
        "model": charge.model,
        "route": Some(&charge.route).filter(|route| !route.is_empty()),
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input.saturating_add(tokens.output),
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation_5m_input_tokens": tokens.cache_write_5m,
        "cache_creation_1h_input_tokens": tokens.cache_write_1h,
        "audio_input_tokens": tokens.audio_in,
        "image_tokens": tokens.image,
        "reasoning_tokens": tokens.reasoning,
        "audio_output_tokens": tokens.audio_out,
        "images": charge.units.images,
        "audio_milliseconds": charge.units.milliseconds,
        "characters": charge.units.characters,
        "search_units": charge.units.searches,
        "request_tags": charge.labels.tags,
        "end_user": charge.labels.end_user,
        "spend": charge.cost.map(crate::model::NanoDollars::dollars),
        "cost": charge.cost.map(|cost| cost.to_string()),
        "price_version": charge.price,
        "status": status,
        "estimated": charge.estimated,
    })
}
