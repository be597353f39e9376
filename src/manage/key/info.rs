//! `GET /key/info`: a key, and what it used.
use super::{Actor, Manage, Refusal, shape};
use crate::{guard::Whose, manage::limits, model::Timestamp, store::usage::UsageOfKey, web};
use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use serde_json::json;
use std::time::Duration;

pub(super) async fn get(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    let pairs = web::pairs(&uri);
    let named: Vec<&str> =
        pairs.iter().filter(|(name, _)| name == "key").map(|(_, value)| value.as_str()).collect();
    let id = match (named.as_slice(), actor.key()) {
        ([], Some(own)) => own.id.to_string(),
        ([], None) => return Err(Refusal::field("key", "must say which key is meant")),
        ([one], _) => (*one).to_owned(),
        _ => return Err(Refusal::field("key", "may be given only once")),
    };
    // What was just used is in the answer.
    manage.books.settled(Duration::from_secs(1)).await;
    let key = manage.find(&actor, &id).await?;
    let usage = manage.store.read(UsageOfKey(key.id.clone())).await?;
    let accounts = manage.guard.accounts(&Whose::Key(key.id.clone())).await?;
    let mut info = shape::key(&key, Some(usage));
    let now = manage.clock.now();
    limits::add_used(&mut info, &key, &accounts, now);
    info["grace_ends_at"] = json!(manage.grace_of(&key, now).await?.map(Timestamp::rfc3339));
    let body = json!({"key": key.id, "id": key.id, "info": info});
    Ok(web::no_store(Json(body).into_response()))
}
