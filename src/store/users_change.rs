//! What an admin says of people: made in advance, changed, deleted.
use super::{
    Error, Operation, Store, Tx,
    audit::{self, Act},
    changes::{self, Change},
    keys::{self, FreshKey},
    keys_end::{EndKeys, Which},
    leaving::{Leave, Who},
    members,
    retired_ids::{is_retired, retire},
    users::{EnsureDefault, FindUsers, Listed, find},
};
use crate::model::{LimitsPatch, MetadataPatch, ModelList, Role, TeamId, TeamRole, User, UserId};
use serde_json::{Value, json};

/// Somebody is made in advance: they may have teams and keys before they first sign in.
pub struct NewUser {
    pub id: UserId,
    pub patch: UserPatch,
    pub teams: Vec<TeamId>,
    /// Their first key.
    pub key: Option<FreshKey>,
    pub act: Act,
}

/// What became of a person's making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Done,
    IdTaken,
    /// The id was used before; whoever had it is gone (row O12).
    IdUsed,
    /// Somebody has signed in with this address, or waits under it.
    EmailTaken,
    NoSuchTeam,
}

impl Operation for NewUser {
    type Output = Made;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Made, Error> {
        if is_retired(tx, self.id.as_str()).await? {
            return Ok(Made::IdUsed);
        }
        if let Some(refused) = self.judge(tx).await? {
            return Ok(refused);
        }
        let email = self.patch.email.as_ref().and_then(Option::as_ref);
        if let Some(email) = email {
            tx.run(
                "INSERT INTO invitations (email, user_id, created_at) VALUES ($1, $2, $3)",
                (email.to_lowercase(), &self.id, self.act.at),
            )
            .await?;
        }
        tx.run(
            "INSERT INTO users (id, role, created_at) VALUES ($1, 'internal_user', $2)",
            (&self.id, self.act.at),
        )
        .await?;
        let Some(before) = find(tx, &self.id).await? else { return Ok(Made::IdTaken) };
        let after = self.patch.apply(&before);
        save(tx, &after, &self.patch).await?;
        let entry = self.act.about("user.new", &self.id);
        audit::insert(tx, &entry.changing(json!({}), as_json(&after))).await?;
        for team in &self.teams {
            let members = [(self.id.clone(), TeamRole::User)];
            members::add(tx, team, &members, &self.act).await?;
        }
        if let Some(key) = &self.key {
            keys::insert(tx, key, &self.act).await?;
        }
        Ok(Made::Done)
    }
}

impl NewUser {
    async fn judge(&self, tx: &mut Tx<'_>) -> Result<Option<Made>, Error> {
        let taken: Option<(UserId,)> =
            tx.optional("SELECT id FROM users WHERE id = $1", (&self.id,)).await?;
        if taken.is_some() {
            return Ok(Some(Made::IdTaken));
        }
        for team in &self.teams {
            let known: Option<(TeamId,)> =
                tx.optional("SELECT id FROM teams WHERE id = $1", (team,)).await?;
            if known.is_none() {
                return Ok(Some(Made::NoSuchTeam));
            }
        }
        let Some(Some(email)) = &self.patch.email else { return Ok(None) };
        let known = FindUsers(email.clone()).run(tx).await?;
        let waits: Option<(UserId,)> = tx
            .optional("SELECT user_id FROM invitations WHERE email = $1", (email.to_lowercase(),))
            .await?;
        Ok((!known.is_empty() || waits.is_some()).then_some(Made::EmailTaken))
    }
}

/// A change of the named fields; `Some(None)` clears.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    pub email: Option<Option<String>>,
    pub name: Option<Option<String>>,
    /// By hand. Taken back, the provider's word counts, at the next sign-in; until then the least.
    pub role: Option<Option<Role>>,
    pub models: Option<ModelList>,
    pub metadata: MetadataPatch,
    pub default_team: Option<Option<TeamId>>,
    pub limits: LimitsPatch,
}

impl UserPatch {
    fn apply(&self, to: &Listed) -> Listed {
        let mut after = to.clone();
        let user = &mut after.user;
        if let Some(email) = &self.email {
            user.email.clone_from(email);
        }
        if let Some(name) = &self.name {
            user.name.clone_from(name);
        }
        match self.role {
            Some(Some(role)) => user.role = role,
            Some(None) if after.by_hand == Some(user.role) && !after.by_group => {
                user.role = Role::InternalUser;
            }
            Some(None) | None => {}
        }
        if let Some(models) = &self.models {
            user.models.clone_from(models);
        }
        if let Some(team) = &self.default_team {
            user.default_team.clone_from(team);
        }
        user.limits = self.limits.apply(&user.limits).into();
        after.metadata = self.metadata.apply(&after.metadata);
        after
    }
}

pub struct UpdateUser {
    pub id: UserId,
    pub patch: UserPatch,
    pub act: Act,
}

impl Operation for UpdateUser {
    type Output = Option<Listed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.run("UPDATE users SET id = id WHERE id = $1", (&self.id,)).await?;
        let Some(before) = find(tx, &self.id).await? else { return Ok(None) };
        let after = self.patch.apply(&before);
        if let Some(email) = &self.patch.email {
            self.invite_anew(tx, &before, email.as_deref()).await?;
        }
        save(tx, &after, &self.patch).await?;
        if before.user.role != after.user.role {
            // A session is never carried over into another role (row C10).
            tx.run("DELETE FROM sessions WHERE user_id = $1", (&self.id,)).await?;
        }
        changes::insert(tx, &Change::User(self.id.clone()), self.act.at).await?;
        let entry = self.act.about("user.update", &self.id);
        audit::insert(tx, &entry.changing(as_json(&before), as_json(&after))).await?;
        Ok(Some(after))
    }
}

impl UpdateUser {
    /// An address that an admin gives is no guess; who has never signed in is claimed by it, and by no older one.
    async fn invite_anew(
        &self,
        tx: &mut Tx<'_>,
        before: &Listed,
        email: Option<&str>,
    ) -> Result<(), Error> {
        tx.run("UPDATE users SET email_doubt = NULL WHERE id = $1", (&self.id,)).await?;
        if before.signed_in_at.is_some() {
            return Ok(());
        }
        tx.run("DELETE FROM invitations WHERE user_id = $1", (&self.id,)).await?;
        let Some(email) = email else { return Ok(()) };
        tx.run(
            "INSERT INTO invitations (email, user_id, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (email) DO NOTHING",
            (email.to_lowercase(), &self.id, self.act.at),
        )
        .await
    }
}

/// A role that an admin gives is kept beside: it counts again when the provider gives none.
async fn save(tx: &mut Tx<'_>, listed: &Listed, patch: &UserPatch) -> Result<(), Error> {
    let user = &listed.user;
    let by_hand = patch.role.unwrap_or(listed.by_hand);
    tx.run(
        "UPDATE users SET email = $2, name = $3,
             role_by = CASE WHEN $9 THEN NULL ELSE role_by END,
             role = $4, hand_role = $5, models = $6, metadata = $7, default_team = $8,
             limits = $10 WHERE id = $1",
        (
            &user.id,
            &user.email,
            &user.name,
            user.role,
            by_hand,
            &user.models,
            &listed.metadata,
            &user.default_team,
            matches!(patch.role, Some(Some(_))),
            &user.limits,
        ),
    )
    .await?;
    index(tx, user).await
}

/// Under which words a search finds the person.
pub(super) async fn index(tx: &mut Tx<'_>, user: &User) -> Result<(), Error> {
    tx.run("DELETE FROM user_words WHERE user_id = $1", (&user.id,)).await?;
    for word in User::words(user.email.as_deref(), user.name.as_deref()) {
        tx.run("INSERT INTO user_words (word, user_id) VALUES ($1, $2)", (word, &user.id)).await?;
    }
    Ok(())
}

/// First nothing of a person counts; then it is taken away, a part at a time. Broken off, it can be asked again.
pub async fn delete_user(store: &Store, id: &UserId, act: impl Fn() -> Act) -> Result<bool, Error> {
    if *id == EnsureDefault::id() {
        // It is made again when it is needed, and ids are not used twice.
        return Ok(false);
    }
    let why = Some("deleted".to_owned());
    store.write(Leave { who: Who::Blocked(id.clone()), why, act: act() }).await?;
    EndKeys::all(store, &Which::User(id.clone()), &act, |_| ()).await?;
    store.write(DeleteUser { id: id.clone(), act: act() }).await
}

/// What is left of a person who was blocked and whose keys have been ended. The books keep what they used.
struct DeleteUser {
    id: UserId,
    act: Act,
}

impl Operation for DeleteUser {
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let Some(gone) = find(tx, &self.id).await? else { return Ok(false) };
        // Held first, as everywhere.
        tx.run("UPDATE users SET id = id WHERE id = $1", (&self.id,)).await?;
        for sql in [
            "DELETE FROM sessions WHERE user_id = $1",
            "DELETE FROM grants WHERE user_id = $1",
            "DELETE FROM members WHERE user_id = $1",
            "DELETE FROM invitations WHERE user_id = $1",
            "DELETE FROM password_resets WHERE username IN
                 (SELECT subject FROM identities WHERE user_id = $1 AND issuer = 'local')",
            "DELETE FROM local_accounts WHERE username IN
                 (SELECT subject FROM identities WHERE user_id = $1 AND issuer = 'local')",
            "DELETE FROM identities WHERE user_id = $1",
            "DELETE FROM user_words WHERE user_id = $1",
            "DELETE FROM users WHERE id = $1",
        ] {
            tx.run(sql, (&self.id,)).await?;
        }
        retire(tx, self.id.as_str(), self.act.at).await?;
        changes::insert(tx, &Change::User(self.id.clone()), self.act.at).await?;
        let entry = self.act.about("user.delete", &self.id);
        audit::insert(tx, &entry.changing(as_json(&gone), json!({}))).await?;
        Ok(true)
    }
}

fn as_json(listed: &Listed) -> Value {
    let user = &listed.user;
    let metadata: Value = serde_json::from_str(&listed.metadata).unwrap_or_default();
    json!({
        "user_email": user.email,
        "user_alias": user.name,
        "user_role": user.role,
        "models": user.models,
        "metadata": metadata,
        "default_team": user.default_team,
        "limits": user.limits,
    })
}
