//! A key changes: its fields, or its secret.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
    budgets,
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
        if !change(tx, &mut key, (&self.patch, self.act.at)).await? {
            return Ok(None);
        }
        tx.run("UPDATE keys SET blocked = $2 WHERE id = $1", (&key.id, key.blocked)).await?;
        tell_children(tx, &key, self.act.at).await?;
        changes::insert(tx, &Change::Key(key.id.clone()), self.act.at).await?;
        let entry = self.act.entry(self.patch.action(), &key.id).of_user(&key.user);
        let entry = entry.of_app(key.app.as_deref()).changing(before, as_json(&key));
        audit::insert(tx, &entry).await?;
        Ok(Some(key))
    }
}

/// The key and its row get what the patch says. `false`: the budget that it names is gone.
async fn change(
    tx: &mut Tx<'_>,
    key: &mut Key,
    (patch, at): (&KeyPatch, Timestamp),
) -> Result<bool, Error> {
    patch.apply(key);
    if let Some(budget) = &patch.budget {
        if let Some(id) = budget
            && !budgets::hold(tx, id).await?
        {
            return Ok(false);
        }
        let before = key.budget.as_ref().map(|budget| budget.id.clone());
        tx.run("UPDATE keys SET budget_id = $2 WHERE id = $1", (&key.id, budget)).await?;
        // The keys that were made with it, and with those, go on spending together with it.
        let made: Vec<(KeyId,)> = tx
            .all(
                "WITH RECURSIVE made (id) AS (
                     SELECT id FROM keys WHERE parent_id = $1
                     UNION SELECT keys.id FROM keys JOIN made ON keys.parent_id = made.id
                 )
                 UPDATE keys SET budget_id = $2
                 WHERE id IN (SELECT id FROM made) AND budget_id IS NOT DISTINCT FROM $3
                 RETURNING id",
                (&key.id, budget, before),
            )
            .await?;
        for (child,) in made {
            changes::insert(tx, &Change::Key(child), at).await?;
        }
    }
    tx.run(
        "UPDATE keys SET alias = $2, models = $3, metadata = $4, expires_at = $5, limits = $6
         WHERE id = $1",
        (&key.id, &key.alias, &key.models, &key.metadata, key.expires_at, &key.limits),
    )
    .await?;
    if patch.budget.is_some()
        && let Some(now) = hold(tx, &key.id).await?
    {
        key.budget = now.budget;
    }
    Ok(true)
}

/// A new secret for the same key; the old one is dead at once, or after a while.
pub struct Regenerate {
    pub id: KeyId,
    /// The key on whose word it is done.
    pub by: Option<KeyId>,
    pub hash: Hash,
    pub hint: String,
    /// Until when the secret of now goes on working.
    pub grace: Option<Timestamp>,
    pub patch: KeyPatch,
    pub act: Act,
}

/// What became of a renewal.
pub enum Regenerated {
    Done(Box<Key>),
    /// This very secret is the key's already: the same was asked before.
    Again(Box<Key>),
    /// It was, and has been replaced since.
    Replaced,
    /// No such key, or what it is done on the word of counts no more.
    Gone,
}

impl Operation for Regenerate {
    type Output = Regenerated;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        if let Some(by) = &self.by
            && !is_live(tx, by, self.act.at).await?
        {
            return Ok(Regenerated::Gone);
        }
        let Some(mut key) = hold(tx, &self.id).await? else { return Ok(Regenerated::Gone) };
        if let Some(replaced) = self.was_done(tx).await? {
            let again = Regenerated::Again(Box::new(key));
            return Ok(if replaced { Regenerated::Replaced } else { again });
        }
        let before = as_json(&key);
        if !change(tx, &mut key, (&self.patch, self.act.at)).await? {
            return Ok(Regenerated::Gone);
        }
        key.hint.clone_from(&self.hint);
        // Of the secrets before, only the last one may go on.
        tx.run(
            "UPDATE ended_keys SET works_until = NULL WHERE id = $1 AND works_until IS NOT NULL",
            (&key.id,),
        )
        .await?;
        tx.run(
            "INSERT INTO ended_keys (hash, id, user_id, app, ended_at, works_until)
             SELECT hash, id, user_id, app, $2, $3 FROM keys WHERE id = $1",
            (&key.id, self.act.at, self.grace),
        )
        .await?;
        tx.run(
            "UPDATE keys SET hash = $2, hint = $3 WHERE id = $1",
            (&key.id, self.hash, &key.hint),
        )
        .await?;
        tell_children(tx, &key, self.act.at).await?;
        changes::insert(tx, &Change::Key(key.id.clone()), self.act.at).await?;
        let entry = self.act.entry("key.regenerate", &key.id).of_user(&key.user);
        let entry = entry.of_app(key.app.as_deref()).changing(before, as_json(&key));
        audit::insert(tx, &entry).await?;
        Ok(Regenerated::Done(Box::new(key)))
    }
}

impl Regenerate {
    /// Whether this very secret was given before, and if so, whether it has been replaced since.
    async fn was_done(&self, tx: &mut Tx<'_>) -> Result<Option<bool>, Error> {
        let now: Option<(KeyId,)> =
            tx.optional("SELECT id FROM keys WHERE hash = $1", (self.hash,)).await?;
        if now.is_some() {
            return Ok(Some(false));
        }
        let before: Option<(KeyId,)> =
            tx.optional("SELECT id FROM ended_keys WHERE hash = $1", (self.hash,)).await?;
        Ok(before.map(|_| true))
    }
}

/// Until when the secret before a key's last renewal goes on working, if it still does.
pub struct GraceOf {
    pub id: KeyId,
    pub at: Timestamp,
}

impl Operation for GraceOf {
    type Output = Option<Timestamp>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let found: Option<(Timestamp,)> = tx
            .optional(
                "SELECT works_until FROM ended_keys WHERE id = $1 AND works_until > $2
                 ORDER BY works_until DESC LIMIT 1",
                (&self.id, self.at),
            )
            .await?;
        Ok(found.map(|(end,)| end))
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
        "budget_id": key.budget.as_ref().map(|budget| &budget.id),
    })
}

/// The key, and its row until the commit.
async fn hold(tx: &mut Tx<'_>, id: &KeyId) -> Result<Option<Key>, Error> {
    tx.run("UPDATE keys SET id = id WHERE id = $1", (id,)).await?;
    tx.optional(select_keys!("WHERE keys.id = $1"), (id,)).await
}
