//! `POST /key/update`, `/key/block`, `/key/unblock`.
use super::{
    Actor, Manage, Refusal,
    body::{Body, LONGEST_METADATA},
    shape,
};
use crate::{
    model::{Key, KeyPatch, Timestamp},
    store::keys_change::UpdateKey,
    web,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};

pub(super) async fn post(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_change()?;
    let named = needed_key(&mut body)?;
    let patch = manage.patch(&mut body, &actor, manage.clock.now())?;
    body.done()?;
    manage.change(&actor, &named, patch).await
}

pub(super) async fn block(
    State(manage): State<Manage>,
    actor: Actor,
    body: Body,
) -> Result<Response, Refusal> {
    set_blocked(&manage, &actor, body, true).await
}

pub(super) async fn unblock(
    State(manage): State<Manage>,
    actor: Actor,
    body: Body,
) -> Result<Response, Refusal> {
    set_blocked(&manage, &actor, body, false).await
}

async fn set_blocked(
    manage: &Manage,
    actor: &Actor,
    mut body: Body,
    blocked: bool,
) -> Result<Response, Refusal> {
    actor.must_change()?;
    let named = needed_key(&mut body)?;
    body.done()?;
    let key = manage.find(actor, &named).await?;
    if !actor.rights().may_block_key(&key) {
        return Err(Refusal::Forbidden(
            "Only an admin, or an admin of the key's team, may do this.",
        ));
    }
    let patch = KeyPatch { blocked: Some(blocked), ..KeyPatch::default() };
    manage.change(actor, &named, patch).await
}

fn needed_key(body: &mut Body) -> Result<String, Refusal> {
    let named = body.text("key")?.flatten();
    named.ok_or_else(|| Refusal::field("key", "must say which key is meant, by value or by id"))
}

/// A key that reaches further than the actor's own is not the actor's to change: regenerating it would be
/// a way to a longer life or more models.
pub(super) fn must_reach(manage: &Manage, actor: &Actor, key: &Key) -> Result<(), Refusal> {
    let Some(own) = actor.key().filter(|_| !actor.is_admin()) else { return Ok(()) };
    let own_team = own.team.as_ref().map(|team| &team.id);
    let team = key.team.as_ref().map(|team| &team.id);
    let longer = match (key.expires_at, own.expires_at) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(end), Some(own)) => end > own,
    };
    let elsewhere = own_team.is_some() && team != own_team;
    let unbound = !key.is_bound_like(own);
    if longer
        || elsewhere
        || unbound
        || !key.models.within(&own.models, &manage.groups)
        || key.blocked
    {
        return Err(Refusal::Forbidden("That key reaches further than the one you use."));
    }
    Ok(())
}

/// Member by member, metadata must not outgrow what one request may bring.
pub(super) fn must_fit(patch: &KeyPatch, key: &Key) -> Result<(), Refusal> {
    let mut changed = key.clone();
    patch.apply(&mut changed);
    if changed.metadata.len() > LONGEST_METADATA {
        return Err(Refusal::field("metadata", "would be larger than 16 kB"));
    }
    Ok(())
}

impl Manage {
    /// A person changes keys within the key they use; an admin as they like.
    pub(super) fn patch(
        &self,
        body: &mut Body,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<KeyPatch, Refusal> {
        if body.text("team_id")?.is_some() {
            return Err(Refusal::field("team_id", "cannot be changed: make a key for that team"));
        }
        let (limits, budget) = (self.limits(body)?, body.budget(actor)?);
        let duration = body.lifetime()?;
        let models = body.models()?.map(Option::unwrap_or_default);
        let expires_at = duration.map(|d| d.map(|duration| at.plus(duration.seconds())));
        if let Some(own) = actor.key().filter(|_| !actor.is_admin()) {
            if models.as_ref().is_some_and(|models| !models.within(&own.models, &self.groups)) {
                return Err(Refusal::field(
                    "models",
                    "must lie within the models of the key you use",
                ));
            }
            let later = |end: Option<Timestamp>| match (end, own.expires_at) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(end), Some(own)) => end > own,
            };
            if !limits.is_empty() && own.is_limited() {
                let text = "The key you use has limits of its own: only an admin changes limits.";
                return Err(Refusal::Forbidden(text));
            }
            if expires_at.is_some_and(later) {
                return Err(Refusal::field("duration", "must end no later than the key you use"));
            }
        }
        Ok(KeyPatch {
            alias: body.text("key_alias")?,
            models,
            expires_at,
            metadata: body.metadata()?,
            blocked: None,
            limits,
            budget,
        })
    }

    /// No later change asks for more than the making of a key may; what is cleared gets the bound back.
    pub(super) fn must_be_bound(&self, patch: &KeyPatch, key: &Key) -> Result<(), Refusal> {
        if patch.limits.is_empty() {
            return Ok(());
        }
        let judged = self.rules.of_key(patch.limits.apply(&key.limits), None);
        judged.map(drop).map_err(|(field, why)| Refusal::field(field, why))
    }

    async fn change(
        &self,
        actor: &Actor,
        named: &str,
        patch: KeyPatch,
    ) -> Result<Response, Refusal> {
        let key = self.find(actor, named).await?;
        if !actor.rights().may_change_key(&key) {
            return Err(Refusal::Forbidden("You may look at this key, not change it."));
        }
        if patch.blocked.is_none() {
            must_reach(self, actor, &key)?;
        }
        must_fit(&patch, &key)?;
        self.must_be_bound(&patch, &key)?;
        self.must_be_budget(patch.budget.as_ref().and_then(Option::as_ref)).await?;
        let act = actor.act(self.entropy.draw(), self.clock.now());
        let by = actor.key().map(|key| key.id.clone());
        let update = UpdateKey { id: key.id, by, patch, act };
        let key = self.store.write(update).await?.ok_or(Refusal::NoSuchKey)?;
        self.guard.catch_up().await?;
        let mut body = shape::key(&key, None);
        body["key"] = body["id"].clone();
        Ok(web::no_store(Json(body).into_response()))
    }
}
