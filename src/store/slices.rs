//! What was used in some days by whoever fits, cut by day, by whom, and by model: read from the sums.
use super::{Error, FromRow, Operation, Row, Tx, activity::By, activity::Share, sums::usage_sums};
use crate::model::Usage;

/// Whose; what is not named fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// Days since 1970, UTC; both count.
    pub from: i64,
    pub to: i64,
    pub key: Option<String>,
    pub user: Option<String>,
    pub team: Option<String>,
    pub app: Option<String>,
    pub model: Option<String>,
}

macro_rules! slice {
    ($($column:literal),*) => {
        concat!(
            "SELECT ",
            $($column,)*
            usage_sums!(),
            " FROM usage WHERE day >= $1 AND day <= $2
               AND (CAST($3 AS TEXT) IS NULL OR key_id = $3)
               AND (CAST($4 AS TEXT) IS NULL OR user_id = $4)
               AND (CAST($5 AS TEXT) IS NULL OR team_id = $5)
               AND (CAST($6 AS TEXT) IS NULL OR app = $6)
               AND (CAST($7 AS TEXT) IS NULL OR model = $7)"
        )
    };
}

macro_rules! by_whom {
    ($column:literal) => {
        concat!(
            slice!($column, ", "),
            " GROUP BY ",
            $column,
            " ORDER BY SUM(cost) DESC, SUM(calls) DESC, ",
            $column,
            " LIMIT $8"
        )
    };
}

macro_rules! by_day_and_whom {
    ($column:literal) => {
        concat!(
            slice!("day, ", $column, ", model, "),
            " GROUP BY day, ",
            $column,
            ", model ORDER BY day, ",
            $column,
            ", model LIMIT $8"
        )
    };
}

/// By day, the first day first.
pub struct ByDay(pub Slice);

struct Day(i64, Usage);

impl FromRow for Day {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self(row.take()?, Usage::from_row(row)?))
    }
}

impl Operation for ByDay {
    type Output = Vec<(i64, Usage)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let s = &self.0;
        let params = (s.from, s.to, &s.key, &s.user, &s.team, &s.app, &s.model);
        let days: Vec<Day> =
            tx.all(concat!(slice!("day, "), " GROUP BY day ORDER BY day"), params).await?;
        Ok(days.into_iter().map(|Day(day, usage)| (day, usage)).collect())
    }
}

/// By whom, the dearest first.
pub struct ByWhom {
    pub slice: Slice,
    pub by: By,
    pub limit: i64,
}

impl Operation for ByWhom {
    type Output = Vec<Share>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let s = &self.slice;
        let params = (s.from, s.to, &s.key, &s.user, &s.team, &s.app, &s.model, self.limit);
        let sql = match self.by {
            By::User => by_whom!("user_id"),
            By::Team => by_whom!("team_id"),
            By::App => by_whom!("app"),
            By::Key => by_whom!("key_id"),
            By::Model => by_whom!("model"),
        };
        tx.all(sql, params).await
    }
}

/// By day, by whom and by model, the first day first.
pub struct ByDayAndWhom {
    pub slice: Slice,
    pub by: By,
    pub limit: i64,
}

#[derive(Debug, Clone)]
pub struct Cell {
    pub day: i64,
    /// Without a name: of no team.
    pub of: Option<String>,
    pub model: String,
    pub usage: Usage,
}

impl FromRow for Cell {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            day: row.take()?,
            of: row.take()?,
            model: row.take()?,
            usage: Usage::from_row(row)?,
        })
    }
}

impl Operation for ByDayAndWhom {
    type Output = Vec<Cell>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let s = &self.slice;
        let params = (s.from, s.to, &s.key, &s.user, &s.team, &s.app, &s.model, self.limit);
        let sql = match self.by {
            By::User => by_day_and_whom!("user_id"),
            By::Team => by_day_and_whom!("team_id"),
            By::App => by_day_and_whom!("app"),
            By::Key => by_day_and_whom!("key_id"),
            By::Model => by_day_and_whom!("model"),
        };
        tx.all(sql, params).await
    }
}
