//! `POST /key/delete`: keys end, by value, id or alias.
use super::{Actor, Manage, Refusal, body::Body};
use crate::{
    model::Key,
    store::{
        keys_end::{EndKeys, Which},
        keys_list::KeysByAlias,
    },
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::json;

pub(super) async fn post(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_current()?;
    let mut named = body.texts("keys")?.flatten().unwrap_or_default();
    named.extend(body.text("key")?.flatten());
    let aliases = body.texts("key_aliases")?.flatten().unwrap_or_default();
    body.done()?;
    if named.is_empty() && aliases.is_empty() {
        return Err(Refusal::field("keys", "must name at least one key"));
    }
    // All are found before one ends: a mistake in the list ends nothing.
    let mut keys: Vec<Key> = Vec::new();
    for name in &named {
        keys.push(manage.find(&actor, name).await?);
    }
    for alias in aliases {
        let user = actor.user().cloned().filter(|_| !actor.rights().sees_all());
        let found = manage.store.read(KeysByAlias { alias, user }).await?;
        if found.is_empty() {
            return Err(Refusal::NoSuchKey);
        }
        keys.extend(found);
    }
    if keys.iter().any(|key| !actor.rights().may_end_key(key)) {
        return Err(Refusal::Forbidden("You may not end one of these keys."));
    }
    let mut ended = Vec::new();
    for key in keys {
        let act = actor.act(manage.entropy.draw(), manage.clock.now());
        ended.extend(manage.store.write(EndKeys { which: Which::Id(key.id), act }).await?);
    }
    manage.guard.catch_up().await?;
    Ok(Json(json!({"deleted_keys": ended})).into_response())
}
