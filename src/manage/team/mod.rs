//! `/team/*`: who may use what together, as LiteLLM names it.
mod change;
mod list;
mod members;
mod new;
mod shape;

use super::{Actor, Manage, Refusal};
use crate::{
    model::{Team, Timestamp},
    store::{members::MembersOf, teams::TeamNamed},
    web,
};
use axum::{
    Json, Router,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;
pub(super) use shape::team as team_shape;

pub(super) fn routes() -> Router<Manage> {
    Router::new()
        .route("/team/new", post(new::post))
        .route("/team/info", get(list::info))
        .route("/team/list", get(list::list))
        .route("/team/update", post(change::update))
        .route("/team/delete", post(change::delete))
        .route("/team/block", post(change::block))
        .route("/team/unblock", post(change::unblock))
        .route("/team/member_add", post(members::add))
        .route("/team/member_update", post(members::update))
        .route("/team/member_delete", post(members::delete))
}

/// Of a team's members so many are shown.
const SHOWN: i64 = 5_000;

impl Manage {
    /// The team a text means, by id or name, if the actor may see it; others are as unknown as none.
    pub(super) async fn team(
        &self,
        actor: &Actor,
        named: &str,
    ) -> Result<(Team, Timestamp), Refusal> {
        let found = if named.contains('\0') {
            None
        } else {
            self.store.read(TeamNamed(named.to_owned())).await?
        };
        let found = found.filter(|(team, _)| actor.rights().may_read_team(&team.id));
        found.ok_or(Refusal::NotFound("team", "team_id"))
    }

    /// The same with its members, as most answers have it.
    async fn team_with_members(&self, named: &str, actor: &Actor) -> Result<Value, Refusal> {
        let (team, made) = self.team(actor, named).await?;
        let members = self.store.read(MembersOf { team: team.id.clone(), limit: SHOWN }).await?;
        Ok(shape::team(&team, made, Some(&members)))
    }

    async fn answer_team(&self, named: &str, actor: &Actor) -> Result<Response, Refusal> {
        let shape = self.team_with_members(named, actor).await?;
        Ok(web::no_store(Json(shape).into_response()))
    }
}
