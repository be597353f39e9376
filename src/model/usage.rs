//! What calls used and cost, as it is counted and kept.
use super::{KeyId, Labels, NanoDollars, TeamId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Totals of some calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub calls: i64,
    /// All of the prompts, whatever they were read from.
    pub input_tokens: i64,
    pub output_tokens: i64,
    /// Of the input: read from the provider's cache.
    pub cache_read_tokens: i64,
    /// Of the input: written to it.
    pub cache_write_tokens: i64,
    /// Of the output: thought and not said.
    pub reasoning_tokens: i64,
    /// Of the calls whose price is known.
    pub cost: NanoDollars,
    /// Calls whose price was not known.
    pub unpriced_calls: i64,
}

/// The tokens of one call. What is priced apart is a part of the input or of the output, and never more than it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    pub input: i64,
    pub output: i64,
    pub cache_read: i64,
    pub cache_write_5m: i64,
    pub cache_write_1h: i64,
    pub audio_in: i64,
    pub image: i64,
    pub reasoning: i64,
    pub audio_out: i64,
}

/// What one call used that is no token, and may have a price of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Units {
    /// Made.
    pub images: i64,
    /// Of sound, heard or spoken.
    pub milliseconds: i64,
    /// Spoken.
    pub characters: i64,
    /// Queries of a search, as rerankers bill them.
    pub searches: i64,
}

impl Units {
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// All that a price is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub tokens: Tokens,
    pub units: Units,
}

/// What one call used and cost, and of whom: a row of the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// When it ended.
    pub at: Timestamp,
    /// `x-gatekey-request-id` of its answer.
    pub request: String,
    pub key: KeyId,
    pub user: UserId,
    pub team: Option<TeamId>,
    /// Empty: of no app.
    pub app: String,
    pub model: String,
    /// [`Route::path`](super::Route::path); empty in rows from before it was kept.
    #[serde(default)]
    pub route: String,
    pub tokens: Tokens,
    #[serde(default, skip_serializing_if = "Units::is_none")]
    pub units: Units,
    /// `None`: the price was not known.
    pub cost: Option<NanoDollars>,
    /// The version of the price it was reckoned with.
    pub price: Option<String>,
    /// The upstream did not report all: some numbers are ours.
    pub estimated: bool,
    /// The caller hung up.
    pub aborted: bool,
    /// The upstream broke off.
    pub failed: bool,
    /// The ledgers that its cost is booked on: name, and when the window began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ledgers: Vec<(String, Timestamp)>,
    /// What the caller calls it by; nobody is trusted for who pays by that.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// An answer that an upstream keeps, so that its owner is known: the upstream's name, and the id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<(String, String)>,
}

/// A row's name: when, the how manieth, and by which process; so they sort by time and none is given twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChargeId(pub String);

impl ChargeId {
    #[must_use]
    pub fn new(at: Timestamp, count: u64, process: u64) -> Self {
        Self(format!("{:010x}-{count:010x}-{process:016x}", at.0.max(0)))
    }

    /// Below every row of that second and later, above every earlier one.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        Self(format!("{:010x}", at.0.clamp(0, 0xff_ffff_ffff)))
    }
}

impl fmt::Display for ChargeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Tokens {
    /// No part is larger than what is left of its whole, whoever reported it.
    #[must_use]
    pub fn fitted(mut self) -> Self {
        let fit = |whole: i64, parts: &mut [&mut i64]| {
            let mut left = whole.max(0);
            for part in parts {
                **part = (**part).clamp(0, left);
                left -= **part;
            }
        };
        let (input, output) = (self.input, self.output);
        let Self { cache_read, cache_write_5m, cache_write_1h, audio_in, image, .. } = &mut self;
        fit(input, &mut [cache_read, cache_write_5m, cache_write_1h, audio_in, image]);
        let Self { reasoning, audio_out, .. } = &mut self;
        fit(output, &mut [reasoning, audio_out]);
        self
    }
}

impl Charge {
    /// As totals: one call.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let tokens = &self.tokens;
        Usage {
            calls: 1,
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cache_read_tokens: tokens.cache_read,
            cache_write_tokens: tokens.cache_write_5m.saturating_add(tokens.cache_write_1h),
            reasoning_tokens: tokens.reasoning,
            cost: self.cost.unwrap_or_default(),
            unpriced_calls: i64::from(self.cost.is_none()),
        }
    }
}

impl Usage {
    #[must_use]
    pub fn tokens(&self) -> i64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// For scripts: what the management API and the command line show.
    #[must_use]
    pub fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "reasoning_tokens": self.reasoning_tokens,
            "cost": self.cost.to_string(),
            "unpriced_calls": self.unpriced_calls,
        })
    }

    /// What it cost, for a person: `$0.42`, or that this is not known.
    #[must_use]
    pub fn cost_in_words(&self) -> String {
        match (self.cost.0, self.unpriced_calls) {
            (0, 1..) => "cost unknown".into(),
            (_, 1..) => format!("{} and more", self.cost.in_words()),
            _ => self.cost.in_words(),
        }
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        let add = |to: &mut i64, n: i64| *to = to.saturating_add(n);
        add(&mut self.calls, more.calls);
        add(&mut self.input_tokens, more.input_tokens);
        add(&mut self.output_tokens, more.output_tokens);
        add(&mut self.cache_read_tokens, more.cache_read_tokens);
        add(&mut self.cache_write_tokens, more.cache_write_tokens);
        add(&mut self.reasoning_tokens, more.reasoning_tokens);
        add(&mut self.cost.0, more.cost.0);
        add(&mut self.unpriced_calls, more.unpriced_calls);
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, more| {
            sum += more;
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_outgrow_their_whole() {
        let tokens = Tokens {
            input: 100,
            output: 10,
            cache_read: 80,
            cache_write_5m: 30,
            cache_write_1h: 5,
            audio_in: -4,
            image: 7,
            reasoning: 12,
            audio_out: 3,
        };
        let fitted = tokens.fitted();
        assert_eq!((fitted.cache_read, fitted.cache_write_5m, fitted.cache_write_1h), (80, 20, 0));
        assert_eq!((fitted.audio_in, fitted.image), (0, 0));
        assert_eq!((fitted.reasoning, fitted.audio_out), (10, 0));
    }

    #[test]
    fn rows_sort_by_time_and_then_in_order() {
        let id = |at, count| ChargeId::new(Timestamp(at), count, 7);
        let mut sorted = [id(1_800_000_000, 0x10), id(1_800_000_001, 2), id(1_800_000_000, 9)];
        sorted.sort();
        assert_eq!(sorted, [id(1_800_000_000, 9), id(1_800_000_000, 0x10), id(1_800_000_001, 2)]);
        let start = ChargeId::first_at(Timestamp(1_800_000_001));
        assert!(sorted[1] < start && start < sorted[2]);
    }
}
