//! `POST /team/update`, `/team/delete`, `/team/block`, `/team/unblock`: what a team may use is an admin's to say; its
//! own admins keep its metadata.
use super::{Actor, Manage, Refusal, new::good_alias};
use crate::{
    manage::body::{Body, LONGEST_METADATA},
    store::{
        leaving::{Back, Leave, Return, Who},
        teams::{Changed, TeamPatch, UpdateTeam, delete_team},
    },
    web,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::json;

pub(super) async fn update(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_change()?;
    let named = body.need("team_id", "team")?;
    let (team, _) = manage.team(&actor, &named).await?;
    let patch = TeamPatch {
        alias: body.text("team_alias")?.flatten().map(good_alias).transpose()?,
        models: body.models()?.map(Option::unwrap_or_default),
        metadata: body.metadata()?,
        limits: manage.limits(&mut body)?,
    };
    body.done()?;
    let own = patch.alias.is_none() && patch.models.is_none() && patch.limits.is_empty();
    if !(actor.is_admin() || (own && actor.rights().may_run_team(&team.id))) {
        let text = "Only an admin may do this; the admins of a team may change its metadata.";
        return Err(Refusal::Forbidden(text));
    }
    if patch.metadata.apply(&team.metadata).len() > LONGEST_METADATA {
        return Err(Refusal::field("metadata", "would be larger than 16 kB"));
    }
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    match manage.store.write(UpdateTeam { id: team.id.clone(), patch, act }).await? {
        Changed::Done(_) => {}
        Changed::NoSuchTeam => return Err(Refusal::NotFound("team", "team_id")),
        Changed::NameTaken => {
            return Err(Refusal::field("team_alias", "is another team's already"));
        }
    }
    manage.guard.catch_up().await?;
    let data = manage.team_with_members(team.id.as_str(), &actor).await?;
    let body = json!({"team_id": team.id, "data": data});
    Ok(web::no_store(Json(body).into_response()))
}

pub(super) async fn delete(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let named = body.texts("team_ids")?.flatten().unwrap_or_default();
    body.done()?;
    if named.is_empty() {
        return Err(Refusal::field("team_ids", "must name at least one team"));
    }
    // All are found before one goes: a mistake in the list deletes nothing.
    let mut teams = Vec::new();
    for text in &named {
        teams.push(manage.team(&actor, text).await?.0.id);
    }
    for team in &teams {
        let act = || actor.act(manage.entropy.draw(), manage.clock.now());
        delete_team(&manage.store, team, act).await?;
    }
    manage.guard.catch_up().await?;
    Ok(Json(json!({"deleted_teams": teams})).into_response())
}

pub(super) async fn block(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let named = body.need("team_id", "team")?;
    let why = body.text("reason")?.flatten();
    body.done()?;
    let (team, _) = manage.team(&actor, &named).await?;
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    manage.store.write(Leave { who: Who::Team(team.id.clone()), why, act }).await?;
    manage.guard.catch_up().await?;
    manage.answer_team(team.id.as_str(), &actor).await
}

pub(super) async fn unblock(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let named = body.need("team_id", "team")?;
    body.done()?;
    let (team, _) = manage.team(&actor, &named).await?;
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    manage.store.write(Return { who: Back::Team(team.id.clone()), act }).await?;
    manage.guard.catch_up().await?;
    manage.answer_team(team.id.as_str(), &actor).await
}
