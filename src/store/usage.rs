//! What was used: one row per key, model and day, added to in the transaction that writes the calls themselves.
use super::{
    Error, FromRow, Operation, Params, Row, Tx, Value, answers, calls, labels, spent,
    sums::usage_sums, value::Param as _,
};
use crate::model::{Charge, ChargeId, KeyId, TeamId, Timestamp, Usage, UserId};
use std::collections::{BTreeMap, HashSet};

/// Writes calls, adds them to the sums, and notes when keys were last used.
///
/// A row counts once, however often it is written: after an answer that was lost, after a crash.
pub struct RecordUsage {
    /// Sorted by name.
    rows: Vec<(ChargeId, Charge)>,
    used: BTreeMap<KeyId, Timestamp>,
}

struct Sum {
    user: UserId,
    team: Option<TeamId>,
    app: String,
    usage: Usage,
    estimated: i64,
    aborted: i64,
    failed: i64,
}

impl RecordUsage {
    #[must_use]
    pub fn new(mut rows: Vec<(ChargeId, Charge)>, touched: Vec<(KeyId, Timestamp)>) -> Self {
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut used = BTreeMap::new();
        let of_rows = rows.iter().map(|(_, charge)| (charge.key.clone(), charge.at));
        for (key, at) in touched.into_iter().chain(of_rows) {
            let last = used.entry(key).or_insert(at);
            *last = at.max(*last);
        }
        Self { rows, used }
    }

    /// Those of the rows that are in the books already.
    async fn known(&self, tx: &mut Tx<'_>) -> Result<HashSet<ChargeId>, Error> {
        let (Some((first, _)), Some((last, _))) = (self.rows.first(), self.rows.last()) else {
            return Ok(HashSet::new());
        };
        let known: Vec<(ChargeId,)> =
            tx.all("SELECT id FROM calls WHERE id >= $1 AND id <= $2", (first, last)).await?;
        Ok(known.into_iter().map(|(id,)| id).collect())
    }
}

/// Sorted, so that two batches lock the rows they share in the same order.
fn sums<'a>(rows: impl Iterator<Item = &'a Charge>) -> BTreeMap<(KeyId, String, i64), Sum> {
    let mut sums = BTreeMap::new();
    for charge in rows {
        let place = (charge.key.clone(), charge.model.clone(), charge.at.day());
        let sum = sums.entry(place).or_insert_with(|| Sum {
            user: charge.user.clone(),
            team: charge.team.clone(),
            app: charge.app.clone(),
            usage: Usage::default(),
            estimated: 0,
            aborted: 0,
            failed: 0,
        });
        sum.usage += charge.usage();
        sum.estimated += i64::from(charge.estimated);
        sum.aborted += i64::from(charge.aborted);
        sum.failed += i64::from(charge.failed);
    }
    sums
}

impl Operation for RecordUsage {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let known = self.known(tx).await?;
        let fresh = || self.rows.iter().filter(|(id, _)| !known.contains(id));
        for (id, charge) in fresh() {
            calls::insert(tx, id, charge).await?;
            if let Some((upstream, answer)) = &charge.answer {
                answers::insert(tx, (upstream, answer), charge).await?;
            }
        }
        for (place, sum) in sums(fresh().map(|(_, charge)| charge)) {
            tx.run(
                "INSERT INTO usage (key_id, model, day, user_id, team_id, app, calls, input_tokens,
                     output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost,
                     unpriced_calls, estimated_calls, aborted_calls, failed_calls)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
                 ON CONFLICT (key_id, model, day) DO UPDATE SET
                     calls = usage.calls + excluded.calls,
                     input_tokens = usage.input_tokens + excluded.input_tokens,
                     output_tokens = usage.output_tokens + excluded.output_tokens,
                     cache_read_tokens = usage.cache_read_tokens + excluded.cache_read_tokens,
                     cache_write_tokens = usage.cache_write_tokens + excluded.cache_write_tokens,
                     reasoning_tokens = usage.reasoning_tokens + excluded.reasoning_tokens,
                     cost = usage.cost + excluded.cost,
                     unpriced_calls = usage.unpriced_calls + excluded.unpriced_calls,
                     estimated_calls = usage.estimated_calls + excluded.estimated_calls,
                     aborted_calls = usage.aborted_calls + excluded.aborted_calls,
                     failed_calls = usage.failed_calls + excluded.failed_calls",
                (place, sum),
            )
            .await?;
        }
        let mut spent: BTreeMap<(&str, Timestamp), i64> = BTreeMap::new();
        for (_, charge) in fresh() {
            for (ledger, began) in &charge.ledgers {
                let sum = spent.entry((ledger, *began)).or_default();
                *sum = sum.saturating_add(charge.cost.unwrap_or_default().0);
            }
        }
        for ((ledger, began), nano) in spent {
            spent::add(tx, ledger, began, nano).await?;
        }
        labels::add(tx, fresh().map(|(_, charge)| charge)).await?;
        for (key, at) in &self.used {
            tx.run(
                "UPDATE keys SET last_used_at = $2
                 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
                (key, *at),
            )
            .await?;
        }
        Ok(())
    }
}

impl Params for ((KeyId, String, i64), Sum) {
    fn into_values(self) -> Vec<Value> {
        let ((key, model, day), sum) = self;
        let usage = sum.usage;
        vec![
            key.to_value(),
            model.to_value(),
            day.to_value(),
            sum.user.to_value(),
            sum.team.to_value(),
            sum.app.to_value(),
            usage.calls.to_value(),
            usage.input_tokens.to_value(),
            usage.output_tokens.to_value(),
            usage.cache_read_tokens.to_value(),
            usage.cache_write_tokens.to_value(),
            usage.reasoning_tokens.to_value(),
            usage.cost.to_value(),
            usage.unpriced_calls.to_value(),
            sum.estimated.to_value(),
            sum.aborted.to_value(),
            sum.failed.to_value(),
        ]
    }
}

/// Totals of one key, over all models and days.
pub struct UsageOfKey(pub KeyId);

impl Operation for UsageOfKey {
    type Output = Usage;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Usage, Error> {
        tx.one(concat!("SELECT ", usage_sums!(), " FROM usage WHERE key_id = $1"), (&self.0,)).await
    }
}

/// Totals of a person, by key.
pub struct UsageOfUser(pub UserId);

struct OfKey(KeyId, Usage);

impl FromRow for OfKey {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self(row.take()?, Usage::from_row(row)?))
    }
}

impl Operation for UsageOfUser {
    type Output = BTreeMap<KeyId, Usage>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let rows: Vec<OfKey> = tx
            .all(
                concat!(
                    "SELECT key_id, ",
                    usage_sums!(),
                    " FROM usage WHERE user_id = $1 GROUP BY key_id"
                ),
                (&self.0,),
            )
            .await?;
        Ok(rows.into_iter().map(|OfKey(key, usage)| (key, usage)).collect())
    }
}
