//! `POST /key/generate`: a key by hand.
use super::{Actor, Manage, Refusal, body::Body, shape};
use crate::{
    model::{AccessKey, Key, KeyId, Lifetime, ModelList, Timestamp, User, UserId},
    store::{
        keys::{CreateKey, FreshKey, KeyById},
        users::{EnsureDefault, FindUsers},
    },
    web,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// What a person may give a key of theirs, by another key of theirs: no more than that one has.
struct Bounds {
    models: ModelList,
    expires_at: Option<Timestamp>,
}

pub(super) async fn post(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_change_keys()?;
    let alias = body.text("key_alias")?.flatten();
    let duration = body.lifetime()?.flatten();
    let models = body.models()?.flatten().unwrap_or_default();
    let user_id = body.text("user_id")?.flatten();
    let metadata = body.object("metadata")?.flatten().unwrap_or_default();
    if body.text("key")?.flatten().is_some() {
        return Err(Refusal::field("key", "cannot be chosen: secrets are made here, from chance"));
    }
    body.done()?;
    let at = manage.clock.now();
    let bounds = within(&actor, models, duration, at)?;
    let owner = manage.owner(&actor, user_id).await?;
    let secret = AccessKey::new(manage.entropy.draw());
    let key = FreshKey {
        id: KeyId::new(manage.entropy.draw()),
        hash: secret.hash(),
        hint: secret.hint(),
        alias,
        user: owner,
        grant: None,
        app: None,
        models: bounds.models,
        metadata: serde_json::Value::Object(metadata).to_string(),
        signed_in_at: actor.key().map_or(at, |key| key.signed_in_at),
        expires_at: bounds.expires_at,
    };
    let id = key.id.clone();
    let act = actor.act(manage.entropy.draw(), at);
    if !manage
        .store
        .write(CreateKey { key, by: actor.key().map(|key| key.id.clone()), act })
        .await?
    {
        return Err(Refusal::NoSuchUser(
            "user_id is blocked or gone, or your key has ended".into(),
        ));
    }
    let key = manage.store.read(KeyById(id)).await?.ok_or(Refusal::NoSuchKey)?;
    Ok(made(&secret, &key))
}

/// The secret is in this answer and in no other.
pub(super) fn made(secret: &AccessKey, key: &Key) -> Response {
    let mut body = shape::key(key, None);
    body["key"] = json!(secret.expose());
    body["token_id"] = json!(key.id);
    web::no_store(Json(body).into_response())
}

/// The wish, as far as the actor's own key reaches.
fn within(
    actor: &Actor,
    models: ModelList,
    duration: Option<Lifetime>,
    at: Timestamp,
) -> Result<Bounds, Refusal> {
    let wanted = duration.map(|duration| at.plus(duration.seconds()));
    let Some(own) = actor.key().filter(|_| !actor.is_admin()) else {
        return Ok(Bounds { models, expires_at: wanted });
    };
    let models = if models.0.is_empty() { own.models.clone() } else { models };
    if !models.within(&own.models) {
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
    /// Whose key it will be. Every key belongs to somebody; the master key's without a name belong to
    /// LiteLLM's `default_user_id`.
    async fn owner(&self, actor: &Actor, named: Option<String>) -> Result<UserId, Refusal> {
        let own = actor.key().map(|key| &key.user);
        let Some(named) = named else {
            return match own {
                Some(own) => Ok(own.clone()),
                None => Ok(self.store.write(EnsureDefault { at: self.clock.now() }).await?),
            };
        };
        let found: Vec<User> = self.store.read(FindUsers(named)).await?;
        let [user] = found.as_slice() else {
            let message = if found.is_empty() {
                "user_id names nobody we know"
            } else {
                "user_id is an e-mail that several people have: use an id"
            };
            return Err(Refusal::NoSuchUser(message.into()));
        };
        if actor.is_admin() || own == Some(&user.id) {
            Ok(user.id.clone())
        } else {
            Err(Refusal::Forbidden("You can make keys for yourself only."))
        }
    }
}
