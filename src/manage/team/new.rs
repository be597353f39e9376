//! `POST /team/new`.
use super::{Actor, Manage, Refusal, members::member};
use crate::{
    manage::{body::Body, chosen_id::chosen},
    model::{Limits, Team, TeamId, TeamRole, UserId},
    store::teams::{Made, NewTeam},
};
use axum::{extract::State, response::Response};

pub(super) async fn post(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let id = match body.text("team_id")?.flatten() {
        Some(text) => chosen(&text, "team_id").map(|()| TeamId::named(&text))?,
        None => TeamId::new(manage.entropy.draw()),
    };
    let alias = match body.text("team_alias")?.flatten() {
        Some(alias) => good_alias(alias)?,
        None => id.to_string(),
    };
    let models = body.models()?.flatten().unwrap_or_default();
    let metadata = body.metadata()?.apply("{}");
    let members = manage.members_of_body(&actor, &mut body).await?;
    let limits = manage.limits(&mut body)?.apply(&Limits::default());
    body.done()?;
    let team =
        Team { id: id.clone(), alias, models, metadata, blocked: None, limits: limits.into() };
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    match manage.store.write(NewTeam { team, members, act }).await? {
        Made::Done => {}
        Made::NameTaken => {
            return Err(Refusal::field("team_alias", "or team_id is another team's already"));
        }
        Made::IdUsed => {
            let why = "was used before by a team that is gone; ids are not used twice";
            return Err(Refusal::field("team_id", why));
        }
        Made::NoSuchMember => {
            return Err(Refusal::field("members_with_roles", "names somebody who is gone"));
        }
    }
    manage.guard.catch_up().await?;
    manage.answer_team(id.as_str(), &actor).await
}

pub(super) fn good_alias(alias: String) -> Result<String, Refusal> {
    let good = !alias.trim().is_empty() && alias.len() <= 255 && !alias.contains(char::is_control);
    good.then_some(alias)
        .ok_or_else(|| Refusal::field("team_alias", "must have 1 to 255 characters"))
}

impl Manage {
    /// Those of `members_with_roles`, `admins` and `members`.
    async fn members_of_body(
        &self,
        actor: &Actor,
        body: &mut Body,
    ) -> Result<Vec<(UserId, TeamRole)>, Refusal> {
        let mut members = Vec::new();
        for one in body.objects("members_with_roles")? {
            members.push(member(self, actor, one.into()).await?);
        }
        for (field, role) in [("admins", TeamRole::Admin), ("members", TeamRole::User)] {
            for text in body.texts(field)?.flatten().unwrap_or_default() {
                members.push((self.member_named(actor, Some(text), None).await?, role));
            }
        }
        Ok(members)
    }
}
