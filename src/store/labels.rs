//! Sums by label: one row per label, day and person, added to in the transaction that writes the calls.
use super::{
    Error, FromRow, Operation, Params, Row, Tx, Value, rerate::More, sums::usage_sums,
    value::Param as _,
};
use crate::model::{Charge, Usage};
use std::collections::BTreeMap;

/// What a label is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Tag,
    EndUser,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::EndUser => "end_user",
        }
    }
}

/// Sorted, so that two batches lock the rows they share in the same order.
pub(super) async fn add<'a>(
    tx: &mut Tx<'_>,
    charges: impl Iterator<Item = &'a Charge>,
) -> Result<(), Error> {
    let mut sums: BTreeMap<(Kind, &str, i64, &str), Usage> = BTreeMap::new();
    for charge in charges {
        for (kind, label) in labels(charge) {
            let place = (kind, label, charge.at.day(), charge.user.as_str());
            *sums.entry(place).or_default() += charge.usage();
        }
    }
    for sum in sums {
        tx.run(
            "INSERT INTO label_usage (kind, label, day, user_id, calls, input_tokens, output_tokens,
                 cache_read_tokens, cache_write_tokens, reasoning_tokens, cost, unpriced_calls)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (kind, label, day, user_id) DO UPDATE SET
                 calls = label_usage.calls + excluded.calls,
                 input_tokens = label_usage.input_tokens + excluded.input_tokens,
                 output_tokens = label_usage.output_tokens + excluded.output_tokens,
                 cache_read_tokens = label_usage.cache_read_tokens + excluded.cache_read_tokens,
                 cache_write_tokens = label_usage.cache_write_tokens + excluded.cache_write_tokens,
                 reasoning_tokens = label_usage.reasoning_tokens + excluded.reasoning_tokens,
                 cost = label_usage.cost + excluded.cost,
                 unpriced_calls = label_usage.unpriced_calls + excluded.unpriced_calls",
            sum,
        )
        .await?;
    }
    Ok(())
}

/// What some calls cost was another sum.
pub(super) async fn correct(tx: &mut Tx<'_>, rows: &More<'_>) -> Result<(), Error> {
    let mut sums: BTreeMap<(Kind, &str, i64, &str), (i64, i64)> = BTreeMap::new();
    for (charge, (nano, unpriced)) in rows {
        for (kind, label) in labels(charge) {
            let sum = sums.entry((kind, label, charge.at.day(), charge.user.as_str())).or_default();
            *sum = (sum.0.saturating_add(*nano), sum.1 + unpriced);
        }
    }
    for ((kind, label, day, user), (nano, unpriced)) in sums {
        tx.run(
            "UPDATE label_usage SET cost = cost + $5, unpriced_calls = unpriced_calls + $6
             WHERE kind = $1 AND label = $2 AND day = $3 AND user_id = $4",
            (kind.name(), label, day, user, nano, unpriced),
        )
        .await?;
    }
    Ok(())
}

fn labels(charge: &Charge) -> impl Iterator<Item = (Kind, &str)> {
    let tags = charge.labels.tags.iter().map(|tag| (Kind::Tag, tag.as_str()));
    tags.chain(charge.labels.end_user.iter().map(|user| (Kind::EndUser, user.as_str())))
}

impl Params for ((Kind, &str, i64, &str), Usage) {
    fn into_values(self) -> Vec<Value> {
        let ((kind, label, day, user), usage) = self;
        vec![
            kind.name().to_value(),
            label.to_value(),
            day.to_value(),
            user.to_value(),
            usage.calls.to_value(),
            usage.input_tokens.to_value(),
            usage.output_tokens.to_value(),
            usage.cache_read_tokens.to_value(),
            usage.cache_write_tokens.to_value(),
            usage.reasoning_tokens.to_value(),
            usage.cost.to_value(),
            usage.unpriced_calls.to_value(),
        ]
    }
}

/// What was used under each label, day by day.
#[derive(Debug, Clone)]
pub struct LabelsByDay {
    pub kind: Kind,
    pub from: i64,
    pub to: i64,
    /// Only this person's calls.
    pub user: Option<String>,
    pub limit: i64,
}

struct Labelled(i64, String, Usage);

impl FromRow for Labelled {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self(row.take()?, row.take()?, Usage::from_row(row)?))
    }
}

macro_rules! by_label {
    ($whose:literal) => {
        concat!(
            "SELECT day, label, ",
            usage_sums!(),
            " FROM label_usage WHERE kind = $1 AND day >= $2 AND day <= $3",
            $whose,
            " GROUP BY day, label ORDER BY day, label LIMIT $4"
        )
    };
}

impl Operation for LabelsByDay {
    type Output = Vec<(i64, String, Usage)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let (kind, from, to, limit) = (self.kind.name(), self.from, self.to, self.limit);
        let rows: Vec<Labelled> = match &self.user {
            None => tx.all(by_label!(""), (kind, from, to, limit)).await?,
            Some(user) => {
                tx.all(by_label!(" AND user_id = $5"), (kind, from, to, limit, user)).await?
            }
        };
        Ok(rows.into_iter().map(|Labelled(day, label, usage)| (day, label, usage)).collect())
    }
}
