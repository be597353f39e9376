//! Local accounts: people who sign in with a password of ours. Only its argon2id hash is here.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
};
use crate::model::{Hash, Role, Timestamp, User, UserId};
use serde_json::json;

/// The issuer of local accounts; no URL can be it.
pub const ISSUER: &str = "local";

pub struct AddAccount {
    pub username: String,
    /// In PHC form.
    pub password: String,
    pub email: Option<String>,
    pub role: Role,
    pub fresh: UserId,
    pub act: Act,
}

impl Operation for AddAccount {
    type Output = Added;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Added, Error> {
        // An account of the settings, whose owner is still known.
        let settled: Option<(UserId,)> = tx
            .optional(
                "SELECT user_id FROM identities WHERE issuer = 'local' AND subject = $1
                 AND NOT EXISTS (SELECT 1 FROM local_accounts WHERE username = $1)",
                (&self.username,),
            )
            .await?;
        if let Some((owner,)) = settled {
            return Ok(Added::NameOf(owner));
        }
        let added: Option<(String,)> = tx
            .optional(
                "INSERT INTO local_accounts (username, password, changed_at) VALUES ($1, $2, $3)
                 ON CONFLICT (username) DO NOTHING RETURNING username",
                (&self.username, &self.password, self.act.at),
            )
            .await?;
        if added.is_none() {
            return Ok(Added::NameTaken);
        }
        tx.run(
            "INSERT INTO users (id, email, name, role, hand_role, created_at)
             VALUES ($1, $2, $3, $4, $4, $5)",
            (&self.fresh, &self.email, &self.username, self.role, self.act.at),
        )
        .await?;
        tx.run("INSERT INTO issuers (issuer) VALUES ('local') ON CONFLICT (issuer) DO NOTHING", ())
            .await?;
        for word in User::words(self.email.as_deref(), Some(&self.username)) {
            tx.run("INSERT INTO user_words (word, user_id) VALUES ($1, $2)", (word, &self.fresh))
                .await?;
        }
        tx.run(
            "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)",
            (ISSUER, &self.username, &self.fresh, self.act.at),
        )
        .await?;
        let entry = self.act.about("user.add", &self.fresh).saying(self.role.name());
        let made = json!({"user_email": self.email, "user_alias": self.username,
            "user_role": self.role});
        audit::insert(tx, &entry.changing(json!({}), made)).await?;
        Ok(Added::Done)
    }
}

/// What became of a local account's making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    Done,
    NameTaken,
    /// The settings had an account of this name, whose owner is still known: a name is never handed on (row O12).
    NameOf(UserId),
}

pub struct PasswordOf {
    pub username: String,
}

impl Operation for PasswordOf {
    type Output = Option<String>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let found: Option<(String,)> = tx
            .optional("SELECT password FROM local_accounts WHERE username = $1", (&self.username,))
            .await?;
        Ok(found.map(|(password,)| password))
    }
}

/// The name by which a person signs in with a password of ours.
pub struct LocalNameOf(pub UserId);

impl Operation for LocalNameOf {
    type Output = Option<String>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let found: Vec<(String,)> = tx
            .all(
                "SELECT username FROM local_accounts WHERE username IN
                     (SELECT subject FROM identities WHERE user_id = $1 AND issuer = 'local')",
                (&self.0,),
            )
            .await?;
        Ok(found.into_iter().next().map(|(name,)| name))
    }
}

/// A new password. Whoever is signed in by the old one is not any more, but where it was changed.
pub struct SetPassword {
    pub username: String,
    /// In PHC form.
    pub password: String,
    /// The session that goes on.
    pub keep: Option<Hash>,
    pub act: Act,
}

impl Operation for SetPassword {
    /// Whether there is such an account.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        set_password(tx, (&self.username, &self.password), self.keep, &self.act).await
    }
}

async fn set_password(
    tx: &mut Tx<'_>,
    (username, password): (&str, &str),
    keep: Option<Hash>,
    act: &Act,
) -> Result<bool, Error> {
    let set: Option<(String,)> = tx
        .optional(
            "UPDATE local_accounts SET password = $2, changed_at = $3 WHERE username = $1
             RETURNING username",
            (username, password, act.at),
        )
        .await?;
    let owner: Option<(UserId,)> = tx
        .optional(
            "SELECT user_id FROM identities WHERE issuer = 'local' AND subject = $1",
            (username,),
        )
        .await?;
    let (Some(_), Some((user,))) = (set, owner) else { return Ok(false) };
    tx.run(
        "DELETE FROM sessions WHERE user_id = $1 AND hash <> $2",
        (&user, keep.unwrap_or(Hash([0; 32]))),
    )
    .await?;
    // A link that was made before does not outlive it.
    tx.run("DELETE FROM password_resets WHERE username = $1", (username,)).await?;
    audit::insert(tx, &act.about("user.password", &user)).await?;
    Ok(true)
}

/// A link by which the owner of an account sets a new password, once; an older one stops working.
pub struct OfferReset {
    pub user: UserId,
    pub token: Hash,
    pub expires_at: Timestamp,
    pub act: Act,
}

impl OfferReset {
    /// So long the link works.
    pub const SECONDS: i64 = 86_400;
}

impl Operation for OfferReset {
    /// Whether the person has a local account.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let Some(username) = LocalNameOf(self.user.clone()).run(tx).await? else {
            return Ok(false);
        };
        tx.run("DELETE FROM password_resets WHERE username = $1", (&username,)).await?;
        tx.run(
            "INSERT INTO password_resets (hash, username, expires_at) VALUES ($1, $2, $3)",
            (self.token, &username, self.expires_at),
        )
        .await?;
        audit::insert(tx, &self.act.about("user.password_reset", &self.user)).await?;
        Ok(true)
    }
}

/// Whose link this is, while it works.
pub struct ResetOf {
    pub token: Hash,
    pub at: Timestamp,
}

impl Operation for ResetOf {
    type Output = Option<String>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let found: Option<(String,)> = tx
            .optional(
                "SELECT username FROM password_resets WHERE hash = $1 AND expires_at > $2",
                (self.token, self.at),
            )
            .await?;
        Ok(found.map(|(username,)| username))
    }
}

/// The link is used up.
pub struct Reset {
    pub token: Hash,
    /// In PHC form.
    pub password: String,
    pub act: Act,
}

impl Operation for Reset {
    /// Whether the link still worked.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let found: Option<(String,)> = tx
            .optional(
                "DELETE FROM password_resets WHERE hash = $1 AND expires_at > $2 RETURNING username",
                (self.token, self.act.at),
            )
            .await?;
        let Some((username,)) = found else { return Ok(false) };
        set_password(tx, (&username, &self.password), None, &self.act).await
    }
}

/// Whether a sign-in form makes sense.
pub struct AnyAccount;

impl Operation for AnyAccount {
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let any: Option<(Timestamp,)> =
            tx.optional("SELECT changed_at FROM local_accounts LIMIT 1", ()).await?;
        Ok(any.is_some())
    }
}
