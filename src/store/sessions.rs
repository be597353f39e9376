//! Browsers that have signed in.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::{self, Act},
    users::user_columns,
};
use crate::model::{Hash, Timestamp, User, UserId};

pub struct SessionOf {
    pub session: Hash,
    pub at: Timestamp,
}

/// Who is signed in, and since when.
#[derive(Debug)]
pub struct Found {
    pub user: User,
    pub idp: String,
    pub signed_in_at: Timestamp,
}

impl Operation for SessionOf {
    type Output = Option<Found>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.optional(
            concat!(
                "SELECT ",
                user_columns!(),
                ", idp, sessions.signed_in_at FROM sessions
                 JOIN users ON users.id = sessions.user_id
                 WHERE hash = $1 AND expires_at > $2 AND blocked_at IS NULL AND off_at IS NULL"
            ),
            (self.session, self.at),
        )
        .await
    }
}

/// Sign out.
pub struct EndSession {
    pub session: Hash,
    pub entry: audit::Entry,
}

impl Operation for EndSession {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run("DELETE FROM sessions WHERE hash = $1", (self.session,)).await?;
        audit::insert(tx, &self.entry).await
    }
}

/// Where a person is signed in.
#[derive(Debug, Clone)]
pub struct Listed {
    pub hash: Hash,
    pub idp: String,
    pub signed_in_at: Timestamp,
    pub address: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

/// The newest sessions of a person that still count.
pub struct SessionsOf {
    pub user: UserId,
    pub at: Timestamp,
    pub limit: i64,
}

impl Operation for SessionsOf {
    type Output = Vec<Listed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.all(
            "SELECT hash, idp, signed_in_at, address, agent FROM sessions
             WHERE user_id = $1 AND expires_at > $2 ORDER BY signed_in_at DESC, hash LIMIT $3",
            (&self.user, self.at, self.limit),
        )
        .await
    }
}

/// "Sign out everywhere".
pub struct EndSessions {
    pub user: UserId,
    pub act: Act,
}

impl Operation for EndSessions {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run("DELETE FROM sessions WHERE user_id = $1", (&self.user,)).await?;
        audit::insert(tx, &self.act.about("signout.everywhere", &self.user)).await
    }
}

impl FromRow for Listed {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            hash: row.take()?,
            idp: row.take()?,
            signed_in_at: row.take()?,
            address: row.take()?,
            agent: row.take()?,
        })
    }
}

impl FromRow for Found {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self { user: User::from_row(row)?, idp: row.take()?, signed_in_at: row.take()? })
    }
}
