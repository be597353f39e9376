//! What other processes must forget: each change of a key or a person that another one may hold in memory.
//!
//! The counter's row is locked until the commit, so numbers appear in order and none is skipped: whoever has
//! read up to `n` needs only what is above it.
use super::{Error, Operation, Tx};
use crate::model::{KeyId, TeamId, Timestamp, UserId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Key(KeyId),
    /// Everything of a person.
    User(UserId),
    /// Every key of a team.
    Team(TeamId),
    /// Every key of an app, whoever connected it.
    App(String),
    /// Every key that has this budget.
    Budget(String),
    /// What calls have cost: ledgers are read anew.
    Books,
    /// More than can be named.
    All,
}

pub(super) async fn insert(tx: &mut Tx<'_>, change: &Change, at: Timestamp) -> Result<(), Error> {
    let (what, id) = match change {
        Change::Key(id) => ("key", id.as_str()),
        Change::User(id) => ("user", id.as_str()),
        Change::Team(id) => ("team", id.as_str()),
        Change::App(id) => ("app", id.as_str()),
        Change::Budget(id) => ("budget", id.as_str()),
        Change::Books => ("books", ""),
        Change::All => ("all", ""),
    };
    tx.run("UPDATE change_counter SET last = last + 1 WHERE name = 'changes'", ()).await?;
    tx.run(
        "INSERT INTO changes (seq, what, id, at)
         SELECT last, $1, $2, $3 FROM change_counter WHERE name = 'changes'",
        (what, id, at),
    )
    .await
}

/// Where the feed stands now.
pub struct LastChange;

impl Operation for LastChange {
    type Output = i64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, Error> {
        let (last,) = tx.one("SELECT last FROM change_counter WHERE name = 'changes'", ()).await?;
        Ok(last)
    }
}

pub struct ChangesAfter {
    pub seq: i64,
}

impl ChangesAfter {
    pub const MOST: usize = 1000;
}

impl Operation for ChangesAfter {
    type Output = Vec<(i64, Change)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let rows: Vec<(i64, String, String)> = tx
            .all(
                "SELECT seq, what, id FROM changes WHERE seq > $1 ORDER BY seq LIMIT 1000",
                (self.seq,),
            )
            .await?;
        let change = |(seq, what, id): (i64, String, String)| {
            let change = match what.as_str() {
                "key" => Change::Key(KeyId::named(&id)),
                "user" => Change::User(UserId::named(&id)),
                "team" => Change::Team(TeamId::named(&id)),
                "app" => Change::App(id),
                "budget" => Change::Budget(id),
                // Also what a newer server says.
                "books" => Change::Books,
                _ => Change::All,
            };
            (seq, change)
        };
        Ok(rows.into_iter().map(change).collect())
    }
}
