//! What was spent by ledger and window: added to in the transaction that writes the calls, read when a ledger comes
//! into memory.
use super::{Error, Operation, Tx};
use crate::model::{ChargeId, KeyId, Spent, TeamId, Timestamp, UserId};

/// Whose money it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    Key(KeyId),
    User(UserId),
    Team(TeamId),
    Member(TeamId, UserId),
    /// By [`App::rule_of`](crate::model::App::rule_of) its id.
    App(String),
    /// A named budget.
    Budget(String),
    /// One of those, for one model.
    Model(Box<Holder>, String),
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
            Self::App(id) => format!("app:{id}"),
            Self::Budget(id) => format!("budget:{id}"),
            // No id has a space in it.
            Self::Model(whose, model) => format!("{} model:{model}", whose.ledger()),
        }
    }

    /// Under which name it is kept day by day: of a named budget, since keys come and go, and no row of the books says
    /// which budget they had.
    #[must_use]
    pub fn days(&self) -> Option<String> {
        let named = matches!(self.parts().0, Self::Budget(_));
        named.then(|| format!("{} by day", self.ledger()))
    }

    /// Whose it is, and for which model alone.
    fn parts(&self) -> (&Self, Option<&str>) {
        match self {
            Self::Model(whose, model) => (whose, Some(model)),
            all => (all, None),
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
        let nano = self.since(tx).await?;
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

/// Whole days are in the sums; of the day in which the window began, the calls themselves are read.
macro_rules! since {
    ($whose:literal) => {
        (
            concat!(
                "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) FROM usage
                 WHERE day >= $1 AND (CAST($2 AS TEXT) IS NULL OR model = $2)
                 AND (CAST($4 AS TEXT) IS NULL OR team_id = $4) AND ",
                $whose
            ),
            concat!(
                "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) FROM calls
                 WHERE id >= $1 AND id < $5 AND (CAST($2 AS TEXT) IS NULL OR model = $2)
                 AND (CAST($4 AS TEXT) IS NULL OR team_id = $4) AND ",
                $whose
            ),
        )
    };
}

impl OpenLedger {
    async fn since(&self, tx: &mut Tx<'_>) -> Result<i64, Error> {
        const DAY: i64 = 86_400;
        if let Some(days) = self.holder.days() {
            // The whole of the day in which the window began: what is not known more exactly is not given back.
            let from = Timestamp(self.began.0.div_euclid(DAY).saturating_mul(DAY));
            let sql = "SELECT CAST(COALESCE(SUM(nano), 0) AS BIGINT) FROM spent
                       WHERE ledger = $1 AND began >= $2";
            let (nano,) = tx.one(sql, (days, from)).await?;
            return Ok(nano);
        }
        let (whose, model) = self.holder.parts();
        let ((days, calls), id, team) = match whose {
            Holder::Key(id) => (
                since!("key_id IN (SELECT id FROM keys WHERE id = $3 OR root_id = $3)"),
                id.as_str(),
                None,
            ),
            Holder::User(id) => (since!("user_id = $3"), id.as_str(), None),
            Holder::Team(id) => (since!("team_id = $3"), id.as_str(), None),
            Holder::Member(team, user) => (since!("user_id = $3"), user.as_str(), Some(team)),
            Holder::App(id) => (since!("LOWER(app) = $3"), id.as_str(), None),
            // Kept by day, above.
            Holder::Budget(_) | Holder::Model(..) => return Ok(0),
        };
        let first_whole =
            self.began.0.div_euclid(DAY) + i64::from(self.began.0.rem_euclid(DAY) > 0);
        let (nano,): (i64,) = tx.one(days, (first_whole, model, id, team)).await?;
        if self.began.0.rem_euclid(DAY) == 0 {
            return Ok(nano);
        }
        let first = |at: i64| ChargeId::first_at(Timestamp(at));
        let (from, until) = (first(self.began.0), first(first_whole * DAY));
        let (of_that_day,): (i64,) = tx.one(calls, (from, model, id, team, until)).await?;
        Ok(nano.saturating_add(of_that_day))
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
         ON CONFLICT (ledger, began) DO UPDATE SET nano =
             CASE WHEN spent.nano + excluded.nano < 0 THEN 0 ELSE spent.nano + excluded.nano END",
        (ledger, began, nano),
    )
    .await
}
