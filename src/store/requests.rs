//! Requests that wait for a person. Leaving this table is the single use of a request.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::{self, Entry},
    polls,
};
use crate::model::{ConnectRequest, Dialect, Hash, Timestamp, Waiting};

pub struct SaveRequest {
    pub handle: Hash,
    pub browser: Hash,
    pub dialect: Dialect,
    pub request: ConnectRequest,
    pub expires_at: Timestamp,
}

impl SaveRequest {
    /// A browser that begins and never ends keeps its newest (row A24).
    pub const MOST_OF_A_BROWSER: i64 = 50;
}

impl Operation for SaveRequest {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run(
            "INSERT INTO requests (hash, browser, dialect, request, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
            (self.handle, self.browser, self.dialect.0, &self.request, self.expires_at),
        )
        .await?;
        tx.run(
            "DELETE FROM requests WHERE browser = $1 AND hash IN
                 (SELECT hash FROM requests WHERE browser = $1 AND hash <> $2
                  ORDER BY expires_at DESC, hash LIMIT 1000 OFFSET $3)",
            (self.browser, self.handle, Self::MOST_OF_A_BROWSER),
        )
        .await
    }
}

/// What waits under this handle, expired or not: the answer owes "Start again".
pub struct RequestOf {
    pub handle: Hash,
}

impl Operation for RequestOf {
    type Output = Option<Waiting>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.optional(
            "SELECT request, browser, expires_at FROM requests WHERE hash = $1",
            (self.handle,),
        )
        .await
    }
}

/// An expired request begins anew, under a new handle. The row is kept for this, not the app's URL:
/// that may hold a secret, such as a `plain` challenge.
pub struct RenewRequest {
    pub handle: Hash,
    pub browser: Hash,
    pub fresh: Hash,
    pub at: Timestamp,
    pub expires_at: Timestamp,
}

impl Operation for RenewRequest {
    /// Whether there was such a request.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let renewed: Option<(Hash,)> = tx
            .optional(
                "UPDATE requests SET hash = $3, expires_at = $5
                 WHERE hash = $1 AND browser = $2 AND expires_at <= $4 RETURNING hash",
                (self.handle, self.browser, self.fresh, self.at, self.expires_at),
            )
            .await?;
        Ok(renewed.is_some())
    }
}

/// Everything that must hold for a request to be answered. Passing it uses the request up.
#[derive(Clone, Copy)]
pub struct Gate {
    pub handle: Hash,
    pub browser: Hash,
    pub dialect: Dialect,
    pub at: Timestamp,
}

impl Gate {
    pub(super) async fn pass(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let passed: Option<(Hash,)> = tx
            .optional(
                "DELETE FROM requests
                 WHERE hash = $1 AND browser = $2 AND dialect = $3 AND expires_at > $4
                 RETURNING hash",
                (self.handle, self.browser, self.dialect.0, self.at),
            )
            .await?;
        Ok(passed.is_some())
    }
}

/// A person said no: the request goes, its terminal need not wait, and nothing stays but a line of the audit.
pub struct Deny {
    pub gate: Gate,
    pub poll: Option<Hash>,
    pub entry: Entry,
}

impl Operation for Deny {
    /// Whether this was the answer; another may have come first.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        // First the poll, then the request, as an approval does.
        if let Some(poll) = self.poll {
            tx.run("UPDATE polls SET tries = tries WHERE id = $1", (poll,)).await?;
        }
        let passed = self.gate.pass(tx).await?;
        if passed {
            if let Some(poll) = self.poll {
                polls::end(tx, poll).await?;
            }
            audit::insert(tx, &self.entry).await?;
        }
        Ok(passed)
    }
}

impl FromRow for Waiting {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self { request: row.take()?, browser: row.take()?, expires_at: row.take()? })
    }
}
