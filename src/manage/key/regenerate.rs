//! `POST /key/regenerate`: a new secret for the same key. Asked again with the same `Idempotency-Key`, it has the same
//! outcome, so that a lost answer is no lost key (field report K25): the secret is then derived, not drawn, and kept
//! nowhere.
use super::{
    Actor, Manage, Refusal,
    body::Body,
    generate::made,
    update::{must_fit, must_reach},
};
use crate::{
    model::{AccessKey, Key, KeyPatch, Lifetime, Timestamp},
    store::{
        keys::{KeyByHash, Presented},
        keys_change::{GraceOf, Regenerate, Regenerated},
    },
};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};

/// A secret that others still have works no longer than this after it was replaced.
const LONGEST_GRACE: Lifetime = Lifetime::days(30);

pub(super) async fn post(
    State(manage): State<Manage>,
    actor: Actor,
    headers: HeaderMap,
    mut body: Body,
) -> Result<Response, Refusal> {
    let named = match (body.text("key")?.flatten(), actor.key()) {
        (Some(named), _) => named,
        (None, Some(own)) => own.id.to_string(),
        (None, None) => return Err(Refusal::field("key", "must say which key is meant")),
    };
    replace(&manage, (&actor, &headers), &named, body).await
}

pub(super) async fn named(
    State(manage): State<Manage>,
    Path(named): Path<String>,
    actor: Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    replace(&manage, (&actor, &headers), &named, body).await
}

async fn replace(
    manage: &Manage,
    (actor, headers): (&Actor, &HeaderMap),
    named: &str,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_not_be_bound()?;
    let at = manage.clock.now();
    let asked_before = idempotency_key(headers)?;
    let patch = manage.patch(&mut body, actor, at)?;
    let grace = body.lifetime_of("grace_period")?.flatten();
    body.done()?;
    if grace.is_some_and(|grace| grace > LONGEST_GRACE) {
        return Err(Refusal::field("grace_period", "must be at most 30d"));
    }
    let key = manage.find(actor, named).await?;
    if !actor.rights().may_renew_key(&key) {
        let text = "A new secret would act as the key's owner: only they and an admin may make it.";
        return Err(Refusal::Forbidden(text));
    }
    let (secret, replay) = manage.secret(actor, &key, asked_before.as_deref()).await?;
    // A key that has renewed itself may hear the same again by its secret before, and nothing more.
    if !(replay && actor.key().is_some_and(|own| own.id == key.id)) {
        actor.must_change()?;
        must_reach(manage, actor, &key)?;
    }
    must_fit(&patch, &key)?;
    manage.must_be_bound(&patch, &key)?;
    manage.must_be_budget(patch.budget.as_ref().and_then(Option::as_ref)).await?;
    let operation = Regenerate {
        id: key.id,
        by: actor.key().map(|key| key.id.clone()),
        hash: secret.hash(),
        hint: secret.hint(),
        grace: grace.map(|grace| at.plus(grace.seconds())),
        patch: patch.clone(),
        act: actor.act(manage.entropy.draw(), at),
    };
    let id = operation.id.clone();
    let (key, again) = match manage.store.write(operation).await? {
        Regenerated::Done(key) => (key, false),
        Regenerated::Again(key) if key.id == id && says_the_same(&patch, &key) => (key, true),
        Regenerated::Again(_) => return Err(Refusal::KeyUsed),
        Regenerated::Replaced => return Err(Refusal::KeyReplaced),
        Regenerated::Gone => return Err(Refusal::NoSuchKey),
    };
    manage.guard.catch_up().await?;
    let mut response = made(&secret, &key, manage.grace_of(&key, at).await?);
    if again {
        let name = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all("idempotency-key").iter();
    let (first, more) = (values.next(), values.next());
    let text = first.map(|value| value.to_str().unwrap_or_default());
    let good = text.is_none_or(|text| (1..=255).contains(&text.len()));
    if more.is_some() || !good {
        let why = "must be one text of 1 to 255 visible ASCII characters";
        return Err(Refusal::field("Idempotency-Key", why));
    }
    Ok(text.map(str::to_owned))
}

/// Whether the key is as this patch would make it. When it ends moves with the time of asking.
fn says_the_same(patch: &KeyPatch, key: &Key) -> bool {
    let mut changed = key.clone();
    patch.apply(&mut changed);
    let budget = key.budget.as_ref().map(|budget| budget.id.clone());
    changed.alias == key.alias
        && changed.models == key.models
        && changed.metadata == key.metadata
        && changed.limits == key.limits
        && patch.budget.as_ref().is_none_or(|named| *named == budget)
}

impl Manage {
    /// Drawn, or derived from our secret and what was asked by whom; and whether it is the key's already.
    async fn secret(
        &self,
        actor: &Actor,
        key: &Key,
        asked: Option<&str>,
    ) -> Result<(AccessKey, bool), Refusal> {
        let Some(asked) = asked else { return Ok((AccessKey::new(self.entropy.draw()), false)) };
        let who = actor.user().map_or("master_key", |user| user.as_str());
        let purpose: [&[u8]; 6] = [
            b"secret of a renewed key\0",
            key.id.as_str().as_bytes(),
            b"\0",
            who.as_bytes(),
            b"\0",
            asked.as_bytes(),
        ];
        // The newest first: by an older one it was made before `server.secret` was changed.
        let mut newest = None;
        for name in self.keyring.names() {
            let Some(derived) = self.keyring.derive(name, &purpose) else { continue };
            let secret = AccessKey::new(derived);
            if self.is_secret_of(key, &secret).await? {
                return Ok((secret, true));
            }
            newest = newest.or(Some(secret));
        }
        Ok((newest.unwrap_or_else(|| AccessKey::new(self.entropy.draw())), false))
    }

    async fn is_secret_of(&self, key: &Key, secret: &AccessKey) -> Result<bool, Refusal> {
        let by_hash = KeyByHash { hash: secret.hash(), at: self.clock.now() };
        let found = self.store.read(by_hash).await?;
        Ok(matches!(found, Presented::Key(found) if found.id == key.id && !found.in_grace))
    }

    /// Until when the secret before the last renewal works, if it still does.
    pub(super) async fn grace_of(
        &self,
        key: &Key,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, Refusal> {
        Ok(self.store.read(GraceOf { id: key.id.clone(), at }).await?)
    }
}
