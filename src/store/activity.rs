//! What was used by day, and by whom: read from the sums, never from the calls themselves.
use super::{Error, FromRow, Operation, Row, Tx, sums::usage_sums};
use crate::model::Usage;

/// Whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    Key(String),
    User(String),
    Team(String),
    App(String),
    Model(String),
    Everybody,
}

/// By day and model, the first day first.
#[derive(Debug, Clone)]
pub struct Activity {
    pub of: Of,
    /// Days since 1970, UTC; both count.
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Clone)]
pub struct DayOfModel {
    pub day: i64,
    pub model: String,
    pub estimated_calls: i64,
    pub aborted_calls: i64,
    pub failed_calls: i64,
    pub usage: Usage,
}

impl FromRow for DayOfModel {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            day: row.take()?,
            model: row.take()?,
            estimated_calls: row.take()?,
            aborted_calls: row.take()?,
            failed_calls: row.take()?,
            usage: Usage::from_row(row)?,
        })
    }
}

macro_rules! by_day {
    ($whose:literal) => {
        concat!(
            "SELECT day, model, CAST(SUM(estimated_calls) AS BIGINT),
                 CAST(SUM(aborted_calls) AS BIGINT), CAST(SUM(failed_calls) AS BIGINT), ",
            usage_sums!(),
            " FROM usage WHERE day >= $1 AND day <= $2",
            $whose,
            " GROUP BY day, model ORDER BY day, model"
        )
    };
}

impl Operation for Activity {
    type Output = Vec<DayOfModel>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let (from, to) = (self.from, self.to);
        match &self.of {
            Of::Key(id) => tx.all(by_day!(" AND key_id = $3"), (from, to, id)).await,
            Of::User(id) => tx.all(by_day!(" AND user_id = $3"), (from, to, id)).await,
            Of::Team(id) => tx.all(by_day!(" AND team_id = $3"), (from, to, id)).await,
            Of::App(id) => tx.all(by_day!(" AND app = $3"), (from, to, id)).await,
            Of::Model(name) => tx.all(by_day!(" AND model = $3"), (from, to, name)).await,
            Of::Everybody => tx.all(by_day!(""), (from, to)).await,
        }
    }
}

/// By what sums are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    User,
    Team,
    App,
    Key,
    Model,
}

/// Who used what in those days, the dearest first.
#[derive(Debug, Clone)]
pub struct Spend {
    pub by: By,
    pub from: i64,
    pub to: i64,
    pub limit: i64,
}

/// What one of them used; without a name: of no team.
#[derive(Debug, Clone)]
pub struct Share {
    pub of: Option<String>,
    pub usage: Usage,
}

impl FromRow for Share {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self { of: row.take()?, usage: Usage::from_row(row)? })
    }
}

macro_rules! by {
    ($column:literal) => {
        concat!(
            "SELECT ",
            $column,
            ", ",
            usage_sums!(),
            " FROM usage WHERE day >= $1 AND day <= $2 GROUP BY ",
            $column,
            " ORDER BY SUM(cost) DESC, SUM(calls) DESC, ",
            $column,
            " LIMIT $3"
        )
    };
}

impl Operation for Spend {
    type Output = Vec<Share>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let params = (self.from, self.to, self.limit);
        match self.by {
            By::User => tx.all(by!("user_id"), params).await,
            By::Team => tx.all(by!("team_id"), params).await,
            By::App => tx.all(by!("app"), params).await,
            By::Key => tx.all(by!("key_id"), params).await,
            By::Model => tx.all(by!("model"), params).await,
        }
    }
}
