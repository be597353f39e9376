//! What was used: one row per key, model and day, added to in batches.
use super::{Error, Operation, Tx};
use crate::model::{Hash, KeyId, Timestamp, Tokens, Usage, UserId};
use std::collections::BTreeMap;

/// Adds a batch of calls to the totals, and notes when keys were last used.
///
/// A batch has an id, kept for a day: one whose answer was lost may be written again, and counts once.
pub struct RecordUsage {
    id: Hash,
    at: Timestamp,
    sums: BTreeMap<(KeyId, String, i64), Sum>,
    used: BTreeMap<KeyId, Timestamp>,
}

struct Sum {
    user: UserId,
    app: String,
    usage: Usage,
    estimated: i64,
    aborted: i64,
    failed: i64,
}

impl RecordUsage {
    /// Summed and sorted, so that two batches lock the rows they share in the same order.
    #[must_use]
    pub fn new(id: Hash, calls: Vec<Tokens>, touched: Vec<(KeyId, Timestamp)>) -> Self {
        let moments = calls.iter().map(|call| call.at).chain(touched.iter().map(|(_, at)| *at));
        let at = moments.max().unwrap_or(Timestamp(0));
        let used = touched.into_iter().collect();
        let mut batch = Self { id, at, sums: BTreeMap::new(), used };
        for call in calls {
            let last = batch.used.entry(call.key.clone()).or_insert(call.at);
            *last = call.at.max(*last);
            let sum = batch
                .sums
                .entry((call.key, call.model, call.at.day()))
                .or_insert_with(|| Sum::new(call.user, call.app));
            sum.usage.calls += 1;
            sum.usage.input_tokens = sum.usage.input_tokens.saturating_add(call.input);
            sum.usage.output_tokens = sum.usage.output_tokens.saturating_add(call.output);
            sum.estimated += i64::from(call.estimated);
            sum.aborted += i64::from(call.aborted);
            sum.failed += i64::from(call.failed);
        }
        batch
    }
}

impl Sum {
    fn new(user: UserId, app: String) -> Self {
        Self { user, app, usage: Usage::default(), estimated: 0, aborted: 0, failed: 0 }
    }
}

impl Operation for RecordUsage {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let first: Option<(Hash,)> = tx
            .optional(
                "INSERT INTO booked_batches (id, at) VALUES ($1, $2)
                 ON CONFLICT (id) DO NOTHING RETURNING id",
                (self.id, self.at),
            )
            .await?;
        if first.is_none() {
            return Ok(());
        }
        for ((key, model, day), sum) in &self.sums {
            tx.run(
                "INSERT INTO usage (key_id, model, day, user_id, app, calls, input_tokens,
                     output_tokens, estimated_calls, aborted_calls, failed_calls)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                 ON CONFLICT (key_id, model, day) DO UPDATE SET
                     calls = usage.calls + excluded.calls,
                     input_tokens = usage.input_tokens + excluded.input_tokens,
                     output_tokens = usage.output_tokens + excluded.output_tokens,
                     estimated_calls = usage.estimated_calls + excluded.estimated_calls,
                     aborted_calls = usage.aborted_calls + excluded.aborted_calls,
                     failed_calls = usage.failed_calls + excluded.failed_calls",
                (
                    key,
                    model,
                    *day,
                    &sum.user,
                    &sum.app,
                    sum.usage.calls,
                    sum.usage.input_tokens,
                    sum.usage.output_tokens,
                    sum.estimated,
                    sum.aborted,
                    sum.failed,
                ),
            )
            .await?;
        }
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

/// Totals of one key, over all models and days.
pub struct UsageOfKey(pub KeyId);

impl Operation for UsageOfKey {
    type Output = Usage;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Usage, Error> {
        // Postgres sums BIGINT into NUMERIC, which is none of our kinds.
        let (calls, input_tokens, output_tokens) = tx
            .one(
                "SELECT CAST(COALESCE(SUM(calls), 0) AS BIGINT),
                        CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT),
                        CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT)
                 FROM usage WHERE key_id = $1",
                (&self.0,),
            )
            .await?;
        Ok(Usage { calls, input_tokens, output_tokens })
    }
}

/// Totals of a person, by key.
pub struct UsageOfUser(pub UserId);

impl Operation for UsageOfUser {
    type Output = BTreeMap<KeyId, Usage>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let rows: Vec<(KeyId, i64, i64, i64)> = tx
            .all(
                "SELECT key_id, CAST(SUM(calls) AS BIGINT), CAST(SUM(input_tokens) AS BIGINT),
                        CAST(SUM(output_tokens) AS BIGINT)
                 FROM usage WHERE user_id = $1 GROUP BY key_id",
                (&self.0,),
            )
            .await?;
        let usage = |(key, calls, input_tokens, output_tokens)| {
            (key, Usage { calls, input_tokens, output_tokens })
        };
        Ok(rows.into_iter().map(usage).collect())
    }
}

/// What a key used of a model on a day.
#[derive(Debug, Clone)]
pub struct KeyDay {
    pub model: String,
    /// Days since 1970, UTC.
    pub day: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
}

pub struct DaysOfKey(pub KeyId);

impl Operation for DaysOfKey {
    type Output = Vec<KeyDay>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let rows: Vec<(String, i64, i64, i64)> = tx
            .all(
                "SELECT model, day, input_tokens, output_tokens FROM usage WHERE key_id = $1",
                (&self.0,),
            )
            .await?;
        let day = |(model, day, input_tokens, output_tokens)| KeyDay {
            model,
            day,
            input_tokens,
            output_tokens,
        };
        Ok(rows.into_iter().map(day).collect())
    }
}
