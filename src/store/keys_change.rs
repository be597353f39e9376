//! A key changes: its fields, or its secret.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
    changes::{self, Change},
    keys::{is_live, select_keys},
    users::user_columns,
};
use crate::model::{Hash, Key, KeyId, KeyPatch, Timestamp};
use serde_json::{Value, json};

/// Changes the named fields and leaves the others.
pub struct UpdateKey {
    pub id: KeyId,
    /// The key on whose word it is done.
    pub by: Option<KeyId>,
    pub patch: KeyPatch,
    pub act: Act,
}

impl Operation for UpdateKey {
    type Output = Option<Key>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        if let Some(by) = &self.by
            && !is_live(tx, by, self.act.at).await?
        {
            return Ok(None);
        }
        let Some(mut key) = hold(tx, &self.id).await? else { return Ok(None) };
        let before = as_json(&key);
        self.patch.apply(&mut key);
        tx.run(
            "UPDATE keys SET alias = $2, models = $3, metadata = $4, expires_at = $5, blocked = $6,
                 limits = $7 WHERE id = $1",
            (
                &key.id,
                &key.alias,
                &key.models,
                &key.metadata,
                key.expires_at,
                key.blocked,
                &key.limits,
            ),
        )
        .await?;
        tell_children(tx, &key, self.act.at).await?;
        changes::insert(tx, &Change::Key(key.id.clone()), self.act.at).await?;
        let entry = self.act.entry(self.patch.action(), &key.id).of_user(&key.user);
        let entry = entry.of_app(key.app.as_deref()).changing(before, as_json(&key));
        audit::insert(tx, &entry).await?;
        Ok(Some(key))
    }
}

/// A new secret for the same key; the old one is dead at once.
pub struct Regenerate {
    pub id: KeyId,
    /// The key on whose word it is done.
    pub by: Option<KeyId>,
    pub hash: Hash,
    pub hint: String,
    pub patch: KeyPatch,
    pub act: Act,
}

impl Operation for Regenerate {
    type Output = Option<Key>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        if let Some(by) = &self.by
            && !is_live(tx, by, self.act.at).await?
        {
            return Ok(None);
        }
        let Some(mut key) = hold(tx, &self.id).await? else { return Ok(None) };
        let before = as_json(&key);
        self.patch.apply(&mut key);
        key.hint.clone_from(&self.hint);
        tx.run(
            "INSERT INTO ended_keys (hash, id, user_id, app, ended_at)
             SELECT hash, id, user_id, app, $2 FROM keys WHERE id = $1",
            (&key.id, self.act.at),
        )
        .await?;
        tx.run(
            "UPDATE keys SET hash = $2, hint = $3, alias = $4, models = $5, metadata = $6,
                 expires_at = $7, limits = $8 WHERE id = $1",
            (
                &key.id,
                self.hash,
                &key.hint,
                &key.alias,
                &key.models,
                &key.metadata,
                key.expires_at,
                &key.limits,
            ),
        )
        .await?;
        tell_children(tx, &key, self.act.at).await?;
        changes::insert(tx, &Change::Key(key.id.clone()), self.act.at).await?;
        let entry = self.act.entry("key.regenerate", &key.id).of_user(&key.user);
        let entry = entry.of_app(key.app.as_deref()).changing(before, as_json(&key));
        audit::insert(tx, &entry).await?;
        Ok(Some(key))
    }
}

/// The keys that were made with this one spend together with it, as its limits are now.
async fn tell_children(tx: &mut Tx<'_>, key: &Key, at: Timestamp) -> Result<(), Error> {
    let children: Vec<(KeyId,)> = tx
        .all(
            "UPDATE keys SET root_limits = $2 WHERE root_id = $1 AND root_limits <> $2 RETURNING id",
            (&key.id, &key.limits),
        )
        .await?;
    for (child,) in children {
        changes::insert(tx, &Change::Key(child), at).await?;
    }
    Ok(())
}

/// What of a key can change, for the audit.
fn as_json(key: &Key) -> Value {
    let metadata: Value = serde_json::from_str(&key.metadata).unwrap_or_default();
    json!({
        "key_alias": key.alias,
        "models": key.models,
        "metadata": metadata,
        "expires": key.expires_at.map(Timestamp::rfc3339),
        "blocked": key.blocked,
        "limits": key.limits,
    })
}

/// The key, and its row until the commit.
async fn hold(tx: &mut Tx<'_>, id: &KeyId) -> Result<Option<Key>, Error> {
    tx.run("UPDATE keys SET id = id WHERE id = $1", (id,)).await?;
    tx.optional(select_keys!("WHERE keys.id = $1"), (id,)).await
}
