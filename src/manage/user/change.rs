//! `POST /user/update`, `/user/delete`, `/user/block`, `/user/unblock`: an admin's, all of them. Nobody edits
//! themselves into more.
use super::{Actor, Manage, Refusal, named, shape};
use crate::{
    manage::body::{Body, LONGEST_METADATA},
    store::{
        leaving::{Back, Leave, Return, Who},
        members::TeamsOf,
        users::UserById,
        users_change::{UpdateUser, UserPatch, delete_user},
    },
    web,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

pub(super) async fn update(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    // Without an id the address names them, and is not changed.
    let named = match body.text("user_id")?.flatten() {
        Some(text) => text,
        None => body.need("user_email", "person")?,
    };
    let user = manage.about(&named).await?;
    let default_team = match body.text("default_team")? {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) => Some(Some(manage.team(&actor, &text).await?.0.id)),
    };
    let patch = UserPatch { default_team, ..manage.fields_of_user(&mut body)? };
    body.done()?;
    let before = manage.store.read(UserById(user.id.clone())).await?;
    let fits = before.is_some_and(|b| patch.metadata.apply(&b.metadata).len() <= LONGEST_METADATA);
    if !fits {
        return Err(Refusal::field("metadata", "would be larger than 16 kB"));
    }
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    let changed = manage.store.write(UpdateUser { id: user.id.clone(), patch, act }).await?;
    let listed = changed.ok_or(Refusal::NotFound("person", "user_id"))?;
    manage.guard.catch_up().await?;
    let teams = manage.store.read(TeamsOf(user.id.clone())).await?;
    let body = json!({"user_id": user.id, "data": shape::user(&listed, Some(&teams))});
    Ok(web::no_store(Json(body).into_response()))
}

pub(super) async fn delete(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let users = named(&manage, &mut body).await?;
    body.done()?;
    let mut deleted = Vec::new();
    for user in users {
        let act = || actor.act(manage.entropy.draw(), manage.clock.now());
        if !delete_user(&manage.store, &user.id, act).await? {
            let why = "names somebody who is gone, or default_user_id, which can only be blocked";
            return Err(Refusal::field("user_ids", why));
        }
        deleted.push(user.id);
    }
    manage.guard.catch_up().await?;
    Ok(Json(json!({"deleted_users": deleted})).into_response())
}

pub(super) async fn block(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let why = body.text("reason")?.flatten();
    let users = named(&manage, &mut body).await?;
    body.done()?;
    for user in &users {
        let act = actor.act(manage.entropy.draw(), manage.clock.now());
        let who = Who::Blocked(user.id.clone());
        manage.store.write(Leave { who, why: why.clone(), act }).await?;
    }
    manage.guard.catch_up().await?;
    Ok(Json(json!({"blocked_users": manage.shown(users).await?})).into_response())
}

pub(super) async fn unblock(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let users = named(&manage, &mut body).await?;
    body.done()?;
    for user in &users {
        let act = actor.act(manage.entropy.draw(), manage.clock.now());
        manage.store.write(Return { who: Back::User(user.id.clone()), act }).await?;
    }
    manage.guard.catch_up().await?;
    Ok(Json(json!({"unblocked_users": manage.shown(users).await?})).into_response())
}

impl Manage {
    async fn shown(&self, users: Vec<crate::model::User>) -> Result<Vec<Value>, Refusal> {
        let mut shown = Vec::new();
        for user in users {
            let listed = self.store.read(UserById(user.id)).await?;
            shown.extend(listed.map(|listed| shape::user(&listed, None)));
        }
        Ok(shown)
    }
}
