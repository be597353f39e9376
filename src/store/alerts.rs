//! What operators are to be told, until it is: a row each, kept after that so that nothing is told twice.
use super::{Error, FromRow, Operation, Row, Tx};
use crate::model::{Alert, Timestamp};

/// Kept unless it is there already, be it told or not.
pub struct AddAlert(pub Alert);

impl Operation for AddAlert {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run(
            "INSERT INTO alerts (id, kind, at, body, tries, next_at) VALUES ($1, $2, $3, $4, 0, $3)
             ON CONFLICT (id) DO NOTHING",
            (self.0.id(), self.0.kind.name(), self.0.at, self.0.body()),
        )
        .await
    }
}

/// How many wait, and whether one is due.
pub struct AlertsWaiting {
    pub at: Timestamp,
}

impl Operation for AlertsWaiting {
    type Output = (i64, bool);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let (waiting, first): (i64, Option<Timestamp>) = tx
            .one("SELECT COUNT(*), MIN(next_at) FROM alerts WHERE next_at IS NOT NULL", ())
            .await?;
        Ok((waiting, first.is_some_and(|first| first <= self.at)))
    }
}

/// One that is due, taken so that no other server sends it meanwhile.
#[derive(Debug, Clone)]
pub struct Due {
    pub id: String,
    pub kind: String,
    pub body: String,
    /// This one counts.
    pub tries: i64,
}

impl FromRow for Due {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self { id: row.take()?, kind: row.take()?, body: row.take()?, tries: row.take()? })
    }
}

pub struct TakeDueAlerts {
    pub at: Timestamp,
    /// If nothing is heard of them until then, they are due again.
    pub until: Timestamp,
    pub most: i64,
}

impl Operation for TakeDueAlerts {
    type Output = Vec<Due>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.all(
            "UPDATE alerts SET tries = tries + 1, next_at = $2
             WHERE next_at <= $1 AND id IN
                 (SELECT id FROM alerts WHERE next_at <= $1 ORDER BY next_at, id LIMIT $3)
             RETURNING id, kind, body, tries",
            (self.at, self.until, self.most),
        )
        .await
    }
}

/// What became of one: told, to be tried again, or given up.
pub struct NoteAlert {
    pub id: String,
    /// Of which attempt: one that another server has made since is not overwritten.
    pub tries: i64,
    pub next_at: Option<Timestamp>,
    pub told_at: Option<Timestamp>,
}

impl Operation for NoteAlert {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run(
            "UPDATE alerts SET next_at = $2, told_at = $3
             WHERE id = $1 AND tries = $4 AND told_at IS NULL",
            (&self.id, self.next_at, self.told_at, self.tries),
        )
        .await
    }
}
