//! What an operator is told, once each.
use super::{Hash, Timestamp};
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub struct Alert {
    pub kind: AlertKind,
    /// What it is about: of two that say the same, one is told.
    pub once: String,
    pub at: Timestamp,
    pub data: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertKind {
    /// A share of a budget is spent.
    BudgetThreshold,
    /// A key was used that had been revoked.
    RevokedKeyUsed,
    /// An upstream has failed several times in a row.
    UpstreamDown,
    /// Calls will soon wait for the books.
    UsageQueueNearlyFull,
    /// `gatekey alerts test`.
    Test,
}

impl AlertKind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BudgetThreshold => "budget.threshold_reached",
            Self::RevokedKeyUsed => "key.used_after_revocation",
            Self::UpstreamDown => "upstream.down",
            Self::UsageQueueNearlyFull => "usage_queue.nearly_full",
            Self::Test => "test",
        }
    }
}

impl Alert {
    /// The same for the same news: whoever receives it twice can tell.
    #[must_use]
    pub fn id(&self) -> String {
        let hash = Hash::of(&self.once).0;
        let start = hash.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        format!("msg_{start:032x}")
    }

    /// As Standard Webhooks advises: what, when, and of whom.
    #[must_use]
    pub fn body(&self) -> String {
        json!({"type": self.kind.name(), "timestamp": self.at.rfc3339(), "data": self.data})
            .to_string()
    }
}
