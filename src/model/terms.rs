//! What an app asks of its key, and what a person allows it.
use super::{KeptLimits, LIFETIMES, Lifetime, Limits, ModelList, NanoDollars, Timestamp, Window};
use serde::{Deserialize, Serialize};

/// What an app wants of its key: what it gets unless the person says otherwise, and the most a person may say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    /// Seconds of life.
    pub seconds: i64,
    /// The most seconds a person may choose.
    pub longest: i64,
    /// The app itself wants it to end then.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// What the app would call the key.
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default)]
    pub limit: Option<Limit>,
}

/// What an app would spend at most: shown on the consent page, and then a limit of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub dollars: NanoDollars,
    pub each: Option<Each>,
}

/// When a limit begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Each {
    Daily,
    Weekly,
    Monthly,
}

/// What a person allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub seconds: i64,
    pub models: ModelList,
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default)]
    pub limit: Option<Limit>,
    /// What its key is bound by: that limit, and what the settings give every key.
    #[serde(default)]
    pub limits: KeptLimits,
}

impl Asks {
    /// Nothing but a lifetime.
    #[must_use]
    pub fn living(seconds: i64, longest: i64) -> Self {
        Self { seconds, longest, ends_at: None, label: None, limit: None }
    }

    /// What the page offers, shortest first; what the app gets by itself is among them.
    #[must_use]
    pub fn choices(&self) -> Vec<Lifetime> {
        let own = Lifetime::of_seconds(self.seconds);
        let mut choices: Vec<_> =
            LIFETIMES.into_iter().filter(|l| l.seconds() <= self.longest).chain([own]).collect();
        choices.sort_unstable();
        choices.dedup();
        choices
    }

    /// A choice in words: the app's own end is a moment.
    #[must_use]
    pub fn said(&self, choice: Lifetime) -> String {
        match self.ends_at {
            Some(end) if choice.seconds() == self.seconds => format!("until {}", end.in_words()),
            _ => choice.in_words(),
        }
    }

    /// Never more than may be offered: a form can be edited by the person who sends it.
    #[must_use]
    pub fn allow(self, chosen: Option<Lifetime>) -> Terms {
        let seconds = chosen.map_or(self.seconds, Lifetime::seconds);
        Terms {
            seconds: seconds.min(self.longest.max(self.seconds)),
            models: ModelList::default(),
            ends_at: self.ends_at,
            label: self.label,
            limit: self.limit,
            limits: KeptLimits::default(),
        }
    }
}

impl Terms {
    /// Nothing but a lifetime.
    #[must_use]
    pub fn living(seconds: i64) -> Self {
        Asks::living(seconds, seconds).allow(None)
    }

    /// Counted from when the key is made, not from when it was allowed.
    #[must_use]
    pub fn key_ends(&self, now: Timestamp) -> Timestamp {
        let ends = now.plus(self.seconds);
        self.ends_at.map_or(ends, |asked| asked.min(ends))
    }
}

impl Each {
    /// OpenRouter's words.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "daily" => Some(Self::Daily),
            "weekly" => Some(Self::Weekly),
            "monthly" => Some(Self::Monthly),
            _ => None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

impl Limit {
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            max_budget: Some(self.dollars),
            budget_duration: self.each.map(Window::Calendar),
            ..Limits::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c2_a_form_cannot_ask_for_longer_than_the_page_offers() {
        let asks = Asks::living(86_400, 7 * 86_400);
        let allowed = |chosen| asks.clone().allow(chosen).seconds;
        assert_eq!(allowed(None), 86_400);
        assert_eq!(allowed(Some(Lifetime::hours(1))), 3_600);
        assert_eq!(allowed(Some(Lifetime::days(365))), 7 * 86_400);
        let offered: Vec<_> = asks.choices().into_iter().map(Lifetime::seconds).collect();
        assert_eq!(offered, [3_600, 28_800, 86_400, 604_800]);
    }

    #[test]
    fn an_app_s_own_end_binds_however_late_the_key_is_made() {
        let end = Timestamp(1_800_000_000);
        let asks = Asks { ends_at: Some(end), ..Asks::living(1000, 1000) };
        assert_eq!(asks.said(Lifetime::of_seconds(1000)), "until 15 January, 08:00 UTC");
        let terms = asks.allow(None);
        assert_eq!(terms.key_ends(end.plus(-1000)), end);
        assert_eq!(terms.key_ends(end.plus(-10)), end, "not a thousand seconds more");
        assert_eq!(terms.key_ends(end.plus(-5000)), end.plus(-4000));
    }
}
