//! The columns that every table of sums has, read as one [`Usage`].
use super::{Error, FromRow, Row};
use crate::model::Usage;

/// The columns of a [`Usage`], in order. Postgres sums BIGINT into NUMERIC, which is none of our kinds.
macro_rules! usage_sums {
    () => {
        "CAST(COALESCE(SUM(calls), 0) AS BIGINT),
         CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT),
         CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT),
         CAST(COALESCE(SUM(cache_read_tokens), 0) AS BIGINT),
         CAST(COALESCE(SUM(cache_write_tokens), 0) AS BIGINT),
         CAST(COALESCE(SUM(reasoning_tokens), 0) AS BIGINT),
         CAST(COALESCE(SUM(cost), 0) AS BIGINT),
         CAST(COALESCE(SUM(unpriced_calls), 0) AS BIGINT)"
    };
}
pub(super) use usage_sums;

impl FromRow for Usage {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            calls: row.take()?,
            input_tokens: row.take()?,
            output_tokens: row.take()?,
            cache_read_tokens: row.take()?,
            cache_write_tokens: row.take()?,
            reasoning_tokens: row.take()?,
            cost: row.take()?,
            unpriced_calls: row.take()?,
        })
    }
}
