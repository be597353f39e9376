//! Browsers that have signed in.
use super::{Error, FromRow, Operation, Row, Tx, audit};
use crate::model::{Hash, Timestamp, User};

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
            "SELECT users.id, email, name, role, blocked_at, idp, sessions.signed_in_at FROM sessions
             JOIN users ON users.id = sessions.user_id
             WHERE hash = $1 AND expires_at > $2 AND blocked_at IS NULL",
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

impl FromRow for Found {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self { user: User::from_row(row)?, idp: row.take()?, signed_in_at: row.take()? })
    }
}
