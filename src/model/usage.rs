//! What a call used, as it is counted.
use super::{KeyId, Timestamp, UserId};
use serde::Serialize;

/// Totals of some calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    pub calls: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
}

/// What one call used, and of whom.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub key: KeyId,
    pub user: UserId,
    pub app: String,
    pub model: String,
    pub at: Timestamp,
    pub input: i64,
    pub output: i64,
    /// The upstream reported nothing: the numbers are ours.
    pub estimated: bool,
    /// The caller hung up.
    pub aborted: bool,
    /// The upstream broke off.
    pub failed: bool,
}
