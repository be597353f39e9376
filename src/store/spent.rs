//! What was spent by ledger and window: added to in the transaction that writes the calls, read when a ledger comes
//! into memory.
use super::{Error, Operation, Tx};
use crate::model::{KeyId, Spent, TeamId, Timestamp, UserId};

/// Whose money it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    Key(KeyId),
    User(UserId),
    Team(TeamId),
    Member(TeamId, UserId),
}

impl Holder {
    /// Under which name it is kept what they spent: nothing of an earlier way of counting is in it.
    #[must_use]
    pub fn ledger_of(&self, epoch: i64) -> String {
        if epoch == 0 { self.ledger() } else { format!("{}#{epoch}", self.ledger()) }
    }

    /// The ledger's name for people.
    #[must_use]
    pub fn ledger(&self) -> String {
        match self {
            Self::Key(id) => format!("key:{id}"),
            Self::User(id) => format!("user:{id}"),
            Self::Team(id) => format!("team:{id}"),
            Self::Member(team, user) => format!("member:{team}:{user}"),
        }
    }
}

/// Which window of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one that began then.
    Began(Timestamp),
    /// The newest.
    Newest,
}

/// What a ledger has spent, if it has been kept.
pub struct SpentOf {
    pub ledger: String,
    pub which: Which,
}

impl Operation for SpentOf {
    type Output = Option<Spent>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let found: Option<(Timestamp, i64)> = match self.which {
            Which::Began(began) => {
                tx.optional(
                    "SELECT began, nano FROM spent WHERE ledger = $1 AND began = $2",
                    (&self.ledger, began),
                )
                .await?
            }
            Which::Newest => {
                tx.optional(
                    "SELECT began, nano FROM spent WHERE ledger = $1 ORDER BY began DESC LIMIT 1",
                    (&self.ledger,),
                )
                .await?
            }
        };
        Ok(found.map(|(began, nano)| Spent { began, nano }))
    }
}

/// A ledger is kept from now on: what was spent since the window began is found in the books.
pub struct OpenLedger {
    pub holder: Holder,
    /// Zero: all that ever was.
    pub began: Timestamp,
    /// [`Limits::epoch`](crate::model::Limits::epoch).
    pub epoch: i64,
}

impl Operation for OpenLedger {
    type Output = Spent;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Spent, Error> {
        let nano =
            if self.began == Timestamp(0) { self.ever(tx).await? } else { self.since(tx).await? };
        let (began, nano) = tx
            .one(
                "INSERT INTO spent (ledger, began, nano) VALUES ($1, $2, $3)
                 ON CONFLICT (ledger, began) DO UPDATE SET nano = spent.nano
                 RETURNING began, nano",
                (self.holder.ledger_of(self.epoch), self.began, nano),
            )
            .await?;
        Ok(Spent { began, nano })
    }
}

macro_rules! ever {
    ($whose:literal) => {
        concat!("SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) FROM usage WHERE ", $whose)
    };
}

macro_rules! since {
    ($whose:literal) => {
        concat!(
            "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) FROM calls WHERE id >= $1 AND ",
            $whose
        )
    };
}

impl OpenLedger {
    async fn ever(&self, tx: &mut Tx<'_>) -> Result<i64, Error> {
        let (nano,) = match &self.holder {
            Holder::Key(id) => {
                tx.one(
                    ever!("key_id IN (SELECT id FROM keys WHERE id = $1 OR root_id = $1)"),
                    (id,),
                )
                .await?
            }
            Holder::User(id) => tx.one(ever!("user_id = $1"), (id,)).await?,
            Holder::Team(id) => tx.one(ever!("team_id = $1"), (id,)).await?,
            Holder::Member(team, user) => {
                tx.one(ever!("user_id = $2 AND team_id = $1"), (team, user)).await?
            }
        };
        Ok(nano)
    }

    async fn since(&self, tx: &mut Tx<'_>) -> Result<i64, Error> {
        let from = crate::model::ChargeId::first_at(self.began);
        let (nano,) = match &self.holder {
            Holder::Key(id) => {
                let whose = since!("key_id IN (SELECT id FROM keys WHERE id = $2 OR root_id = $2)");
                tx.one(whose, (from, id)).await?
            }
            Holder::User(id) => tx.one(since!("user_id = $2"), (from, id)).await?,
            Holder::Team(id) => tx.one(since!("team_id = $2"), (from, id)).await?,
            Holder::Member(team, user) => {
                tx.one(since!("user_id = $3 AND team_id = $2"), (from, team, user)).await?
            }
        };
        Ok(nano)
    }
}

/// Adds what calls have cost; the caller sorts them, so that two batches lock rows in the same order.
pub(super) async fn add(
    tx: &mut Tx<'_>,
    ledger: &str,
    began: Timestamp,
    nano: i64,
) -> Result<(), Error> {
    tx.run(
        "INSERT INTO spent (ledger, began, nano) VALUES ($1, $2, $3)
         ON CONFLICT (ledger, began) DO UPDATE SET nano = spent.nano + excluded.nano",
        (ledger, began, nano),
    )
    .await
}
