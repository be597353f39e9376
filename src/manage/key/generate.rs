//! `POST /key/generate`, `/key/service-account/generate`: a key by hand.
use super::{Actor, Manage, Refusal, body::Body, shape};
use crate::{
    model::{
        AccessKey, Groups, Key, KeyId, Lifetime, Limits, ModelList, TeamId, Timestamp, UserId,
    },
    store::{
        keys::{CreateKey, FreshKey, KeyById, MayOwn},
        users::{EnsureDefault, EnsureService},
    },
    web,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

const OWN: &str =
    "You can make keys for yourself, and service-account keys for teams you are an admin of.";

/// What is asked of a key.
struct Wish {
    alias: Option<String>,
    duration: Option<Lifetime>,
    models: ModelList,
    user: Option<String>,
    team: Option<String>,
    metadata: Map<String, Value>,
    limits: Limits,
    budget: Option<String>,
}

impl Wish {
    fn read(manage: &Manage, actor: &Actor, mut body: Body) -> Result<Self, Refusal> {
        let wish = Self {
            alias: body.text("key_alias")?.flatten(),
            duration: body.lifetime()?.flatten(),
            models: body.models()?.flatten().unwrap_or_default(),
            user: body.text("user_id")?.flatten(),
            team: body.text("team_id")?.flatten(),
            metadata: body.metadata()?.0.flatten().unwrap_or_default(),
            limits: manage.limits(&mut body)?.apply(&Limits::default()),
            budget: body.budget(actor)?.flatten(),
        };
        if body.text("key")?.flatten().is_some() {
            let why = "cannot be chosen: secrets are made here, from chance";
            return Err(Refusal::field("key", why));
        }
        body.done()?;
        Ok(wish)
    }
}

/// What a person may give a key of theirs, by another key of theirs: no more than that one has.
struct Bounds {
    models: ModelList,
    expires_at: Option<Timestamp>,
}

pub(super) async fn post(
    State(manage): State<Manage>,
    actor: Actor,
    body: Body,
) -> Result<Response, Refusal> {
    actor.must_change()?;
    let wish = Wish::read(&manage, &actor, body)?;
    let team = manage.team_of_wish(&actor, &wish).await?;
    let owner = manage.owner(&actor, wish.user.as_deref(), team.as_ref()).await?;
    manage.make(&actor, wish, owner, team).await
}

/// A team's own: no person's leaving ends it.
pub(super) async fn service_account(
    State(manage): State<Manage>,
    actor: Actor,
    body: Body,
) -> Result<Response, Refusal> {
    actor.must_change()?;
    let wish = Wish::read(&manage, &actor, body)?;
    if wish.user.is_some() {
        return Err(Refusal::field("user_id", "cannot be given: no person owns this key"));
    }
    let team = manage.team_of_wish(&actor, &wish).await?;
    let team = team.ok_or_else(|| Refusal::field("team_id", "must say whose key it is"))?;
    let owner = manage.service_of(&actor, &team).await?;
    manage.make(&actor, wish, owner, Some(team)).await
}

/// The secret is in this answer and in no other.
pub(super) fn made(secret: &AccessKey, key: &Key, grace: Option<Timestamp>) -> Response {
    let mut body = shape::key(key, None);
    if let Some(end) = grace {
        body["grace_ends_at"] = json!(end.rfc3339());
    }
    body["key"] = json!(secret.expose());
    body["token_id"] = json!(key.id);
    web::no_store(Json(body).into_response())
}

/// The wish, as far as the actor's own key reaches.
fn within(
    actor: &Actor,
    models: ModelList,
    duration: Option<Lifetime>,
    (at, groups): (Timestamp, &Groups),
) -> Result<Bounds, Refusal> {
    let wanted = duration.map(|duration| at.plus(duration.seconds()));
    let Some(own) = actor.key().filter(|_| !actor.is_admin()) else {
        return Ok(Bounds { models, expires_at: wanted });
    };
    let models = if models.0.is_empty() { own.models.clone() } else { models };
    if !models.within(&own.models, groups) {
        return Err(Refusal::field("models", "must lie within the models of the key you use"));
    }
    match (wanted, own.expires_at) {
        (Some(wanted), Some(end)) if wanted > end => {
            Err(Refusal::field("duration", "must end no later than the key you use"))
        }
        (wanted, end) => Ok(Bounds { models, expires_at: wanted.or(end) }),
    }
}

impl Manage {
    async fn make(
        &self,
        actor: &Actor,
        wish: Wish,
        owner: UserId,
        team: Option<TeamId>,
    ) -> Result<Response, Refusal> {
        self.must_be_budget(wish.budget.as_ref()).await?;
        let at = self.clock.now();
        let allowed = self.rules.of_key(wish.limits, wish.duration);
        let (limits, duration) = allowed.map_err(|(field, why)| Refusal::field(field, why))?;
        let bounds = within(actor, wish.models, duration, (at, &self.groups))?;
        if actor.key().is_some_and(|key| !actor.is_admin() && !key.may_beget()) {
            let text = "The key you use has limits of its own, and so has the key it was made with: it makes no \
                        other keys.";
            return Err(Refusal::Forbidden(text));
        }
        let secret = AccessKey::new(self.entropy.draw());
        let key = FreshKey {
            id: KeyId::new(self.entropy.draw()),
            hash: secret.hash(),
            hint: secret.hint(),
            alias: wish.alias,
            user: owner.clone(),
            grant: None,
            app: None,
            team,
            models: bounds.models,
            metadata: Value::Object(wish.metadata).to_string(),
            signed_in_at: actor.key().map_or(at, |key| key.signed_in_at),
            expires_at: bounds.expires_at,
            limits: limits.into(),
            budget: wish.budget,
            // What a person's key makes for them spends together with it; a team's own has the team's ledger.
            parent: actor
                .key()
                .filter(|key| !actor.is_admin() && key.user == owner)
                .map(|key| key.id.clone()),
        };
        let id = key.id.clone();
        let act = actor.act(self.entropy.draw(), at);
        let by = actor.key().map(|key| key.id.clone());
        match self.store.write(CreateKey { key, by, act }).await? {
            MayOwn::Yes => {}
            MayOwn::No => {
                let text = "user_id is blocked or gone, or your key has ended";
                return Err(Refusal::NoSuchUser(text.into()));
            }
            MayOwn::NoSuchBudget => return Err(Refusal::NotFound("budget", "budget_id")),
            MayOwn::NotInTeam => {
                let why = "names a team that the key's owner is not in, or that is blocked";
                return Err(Refusal::field("team_id", why));
            }
        }
        let key = self.store.read(KeyById(id)).await?.ok_or(Refusal::NoSuchKey)?;
        Ok(made(&secret, &key, None))
    }

    /// A key of a team makes keys of that team only.
    async fn team_of_wish(&self, actor: &Actor, wish: &Wish) -> Result<Option<TeamId>, Refusal> {
        let named = match &wish.team {
            Some(text) => Some(self.team(actor, text).await?.0.id),
            None => None,
        };
        let own = actor.key().filter(|_| !actor.is_admin()).and_then(|key| key.team.as_ref());
        match (named, own) {
            (Some(named), Some(own)) if named != own.id => {
                Err(Refusal::field("team_id", "must be the team of the key you use"))
            }
            (None, Some(own)) => Ok(Some(own.id.clone())),
            (named, _) => Ok(named),
        }
    }

    /// Whose key it will be. Every key belongs to somebody: an admin's without a name to the team, and without
    /// that to LiteLLM's `default_user_id` or to the admin.
    async fn owner(
        &self,
        actor: &Actor,
        named: Option<&str>,
        team: Option<&TeamId>,
    ) -> Result<UserId, Refusal> {
        let owner = match (named, team, actor.user()) {
            (Some(named), ..) if actor.is_admin() => self.user_named(named).await?.id,
            // Nobody learns here who there is.
            (Some(named), _, Some(own)) => match self.user_named(named).await {
                Ok(user) if user.id == *own => user.id,
                _ => return Err(Refusal::Forbidden(OWN)),
            },
            (None, Some(team), _) if actor.is_admin() => {
                return self.service_of(actor, team).await;
            }
            (None, _, Some(own)) => own.clone(),
            (_, _, None) => {
                return Ok(self.store.write(EnsureDefault { at: self.clock.now() }).await?);
            }
        };
        if actor.rights().may_make_key(&owner) { Ok(owner) } else { Err(Refusal::Forbidden(OWN)) }
    }

    async fn service_of(&self, actor: &Actor, team: &TeamId) -> Result<UserId, Refusal> {
        if !actor.rights().may_run_team(team) {
            return Err(Refusal::Forbidden("Only an admin, or an admin of the team, may do this."));
        }
        let ensure = EnsureService { team: team.clone(), at: self.clock.now() };
        Ok(self.store.write(ensure).await?)
    }
}
