//! `POST /team/member_add`, `/team/member_delete`: by an admin, or an admin of the team.
use super::{Actor, Manage, Refusal};
use crate::{
    manage::body::Body,
    model::{LimitsPatch, ModelList, Team, TeamRole, UserId},
    store::{
        member_limits::SetMemberLimits,
        members::{AddMembers, RemoveMember},
    },
    web,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::json;

pub(super) async fn add(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    let team = manage.run_team(&actor, &mut body).await?;
    let named = body.objects("member")?;
    if named.is_empty() {
        return Err(Refusal::field("member", "must say who: {\"role\": \"user\", \"user_id\": …}"));
    }
    let rules = Rules::read(&manage, &mut body)?;
    body.done()?;
    let mut members = Vec::new();
    for one in named {
        members.push(member(&manage, &actor, one.into()).await?);
    }
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    let users: Vec<_> = members.iter().map(|(user, _)| user.clone()).collect();
    if !manage.store.write(AddMembers { team: team.id.clone(), members, act }).await? {
        return Err(Refusal::NoSuchUser(
            "member names somebody who is gone, or the team is".into(),
        ));
    }
    for user in &users {
        if rules.models.is_some() || !rules.limits.is_empty() {
            manage.limit_member(&actor, &team, user, rules.clone()).await?;
        }
    }
    manage.guard.catch_up().await?;
    let mut shape = manage.team_with_members(team.id.as_str(), &actor).await?;
    shape["updated_users"] = users.iter().map(|user| json!({"user_id": user})).collect();
    shape["updated_team_memberships"] = json!([]);
    Ok(web::no_store(Json(shape).into_response()))
}

pub(super) async fn delete(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    let team = manage.run_team(&actor, &mut body).await?;
    let named = body.text("user_id")?.flatten().or(body.text("user_email")?.flatten());
    body.done()?;
    let named = named.ok_or_else(|| Refusal::field("user_id", "must say who is meant"))?;
    let user = manage.user_named(&named).await?;
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    let remove = RemoveMember { team: team.id.clone(), user: user.id, act };
    if !manage.store.write(remove).await? {
        return Err(Refusal::NoSuchUser("user_id names nobody who is in this team".into()));
    }
    manage.guard.catch_up().await?;
    manage.answer_team(team.id.as_str(), &actor).await
}

/// What one member may call and spend in the team, and how fast; and their role, if it is said.
pub(super) async fn update(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    let team = manage.run_team(&actor, &mut body).await?;
    let named = body.text("user_id")?.flatten().or(body.text("user_email")?.flatten());
    let role = body.text("role")?.flatten().map(|text| role_named(&text)).transpose()?;
    let rules = Rules::read(&manage, &mut body)?;
    body.done()?;
    let named = named.ok_or_else(|| Refusal::field("user_id", "must say who is meant"))?;
    let user = manage.user_named(&named).await?.id;
    manage.limit_member(&actor, &team, &user, rules).await?;
    if let Some(role) = role {
        let act = actor.act(manage.entropy.draw(), manage.clock.now());
        let members = vec![(user.clone(), role)];
        manage.store.write(AddMembers { team: team.id.clone(), members, act }).await?;
    }
    manage.guard.catch_up().await?;
    manage.answer_team(team.id.as_str(), &actor).await
}

/// What binds a member's keys of the team.
#[derive(Clone)]
struct Rules {
    models: Option<ModelList>,
    limits: LimitsPatch,
}

impl Rules {
    fn read(manage: &Manage, body: &mut Body) -> Result<Self, Refusal> {
        let models = body.models()?.map(Option::unwrap_or_default);
        Ok(Self { models, limits: manage.member_limits(body)? })
    }
}

fn role_named(text: &str) -> Result<TeamRole, Refusal> {
    TeamRole::parse(text).ok_or_else(|| Refusal::field("role", "must be \"admin\" or \"user\""))
}

/// `{"role", "user_id" | "user_email"}`. An admin may name somebody who is not known yet, as LiteLLM's scripts do.
pub(super) async fn member(
    manage: &Manage,
    actor: &Actor,
    mut one: Body,
) -> Result<(UserId, TeamRole), Refusal> {
    let role = match one.text("role")?.flatten().as_deref() {
        None => TeamRole::User,
        Some(text) => role_named(text)?,
    };
    let (id, email) = (one.text("user_id")?.flatten(), one.text("user_email")?.flatten());
    one.done()?;
    Ok((manage.member_named(actor, id, email).await?, role))
}

impl Manage {
    /// Somebody who is known, or, for an admin, made in advance.
    pub(super) async fn member_named(
        &self,
        actor: &Actor,
        id: Option<String>,
        email: Option<String>,
    ) -> Result<UserId, Refusal> {
        let Some(named) = id.as_ref().or(email.as_ref()) else {
            return Err(Refusal::field("user_id", "must say who is meant"));
        };
        match self.find_user(named).await? {
            Some(user) => Ok(user.id),
            None if actor.is_admin() => self.make_in_advance(actor, id, email).await,
            None => Err(Refusal::NoSuchUser(
                "user_id names nobody we know; only an admin adds somebody new".into(),
            )),
        }
    }

    async fn limit_member(
        &self,
        actor: &Actor,
        team: &Team,
        user: &UserId,
        rules: Rules,
    ) -> Result<(), Refusal> {
        let (team, user) = (team.id.clone(), user.clone());
        let act = actor.act(self.entropy.draw(), self.clock.now());
        let Rules { models, limits } = rules;
        let set = SetMemberLimits { team, user, models, patch: limits, act };
        let nobody = "user_id names nobody who is in this team";
        let found = self.store.write(set).await?;
        found.then_some(()).ok_or_else(|| Refusal::NoSuchUser(nobody.into()))
    }

    /// The team that the body names, for whoever looks after it.
    async fn run_team(&self, actor: &Actor, body: &mut Body) -> Result<Team, Refusal> {
        actor.must_change()?;
        let named = body.need("team_id", "team")?;
        let (team, _) = self.team(actor, &named).await?;
        if actor.rights().may_run_team(&team.id) {
            Ok(team)
        } else {
            Err(Refusal::Forbidden("Only an admin, or an admin of the team, may do this."))
        }
    }
}
