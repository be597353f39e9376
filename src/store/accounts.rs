//! Local accounts: people who sign in with a password of ours. Only its argon2id hash is here.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
};
use crate::model::{Role, Timestamp, UserId};

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
    /// Whether the name was free.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let added: Option<(String,)> = tx
            .optional(
                "INSERT INTO local_accounts (username, password, changed_at) VALUES ($1, $2, $3)
                 ON CONFLICT (username) DO NOTHING RETURNING username",
                (&self.username, &self.password, self.act.at),
            )
            .await?;
        if added.is_none() {
            return Ok(false);
        }
        tx.run(
            "INSERT INTO users (id, email, name, role, created_at) VALUES ($1, $2, $3, $4, $5)",
            (&self.fresh, &self.email, &self.username, self.role, self.act.at),
        )
        .await?;
        tx.run(
            "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)",
            (ISSUER, &self.username, &self.fresh, self.act.at),
        )
        .await?;
        let entry = self.act.entry("user.add", &self.fresh).saying(self.role.name());
        audit::insert(tx, &entry).await?;
        Ok(true)
    }
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
