//! Moments and lengths of time, in whole seconds.
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whole seconds since 1970, UTC: sorts alike in memory, in SQLite and in Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// RFC 3339, UTC.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.moment().to_string()
    }

    /// RFC 3339, or a plain date, which means its first moment in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let day = || format!("{text}T00:00:00Z").parse::<jiff::Timestamp>();
        let moment = text.parse::<jiff::Timestamp>().or_else(|_| day()).ok()?;
        Some(Self(moment.as_second()))
    }

    /// As HTTP says it (RFC 9110 §5.6.7).
    #[must_use]
    pub fn parse_http(text: &str) -> Option<Self> {
        let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Self(moment.as_second()))
    }

    /// For a person: `5 March, 14:20 UTC`.
    #[must_use]
    pub fn in_words(self) -> String {
        self.moment().strftime("%-d %B, %H:%M UTC").to_string()
    }

    /// Its day, for a person: `5 March`.
    #[must_use]
    pub fn day_in_words(self) -> String {
        self.moment().strftime("%-d %B").to_string()
    }

    /// Its day, for a program: `2026-03-05`.
    #[must_use]
    pub fn date(self) -> String {
        self.moment().strftime("%F").to_string()
    }

    /// Days since 1970, UTC.
    #[must_use]
    pub fn day(self) -> i64 {
        self.0.div_euclid(86_400)
    }

    /// The day on which its week began, a Monday.
    #[must_use]
    pub fn week_begins(self) -> i64 {
        // The first day of 1970 was a Thursday.
        self.day() - (self.day() + 3).rem_euclid(7)
    }

    /// The first day of its month.
    #[must_use]
    pub fn month_begins(self) -> i64 {
        let today = jiff::tz::Offset::UTC.to_datetime(self.moment()).date();
        self.day() + 1 - i64::from(today.day())
    }

    fn moment(self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.0).unwrap_or_default()
    }
}

/// A length of time as people write it: `30s`, `15m`, `24h`, `7d`, `1w`, `1mo` (30 days).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(i64);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number and a unit, such as 30s, 15m, 24h, 7d, 1w or 1mo")]
pub struct InvalidLifetime;

/// The largest first, as [`fmt::Display`] wants them.
const UNITS: [(&str, i64); 6] =
    [("mo", 30 * 86_400), ("w", 7 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
/// A century: far enough, and no sum of it with a moment overflows.
const LONGEST: i64 = 36_525 * 86_400;

impl Lifetime {
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn of_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Self(hours * 3_600)
    }

    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self(days * 86_400)
    }

    #[must_use]
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0.unsigned_abs())
    }

    /// For a person: `24 hours`, `7 days`.
    #[must_use]
    pub fn in_words(self) -> String {
        const WORDS: [(i64, &str); 4] =
            [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        // One day is said in hours: "24 hours" leaves no doubt about midnight.
        let fits = |unit: i64| self.0 % unit == 0 && (unit < 86_400 || self.0 > 86_400);
        let (unit, word) = WORDS.into_iter().find(|(unit, _)| fits(*unit)).unwrap_or((1, "second"));
        let count = self.0 / unit;
        format!("{count} {word}{}", if count == 1 { "" } else { "s" })
    }
}

impl std::str::FromStr for Lifetime {
    type Err = InvalidLifetime;

    fn from_str(text: &str) -> Result<Self, InvalidLifetime> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(InvalidLifetime)?;
        let number: i64 = number.parse().map_err(|_| InvalidLifetime)?;
        number
            .checked_mul(*seconds)
            .filter(|seconds| (1..=LONGEST).contains(seconds))
            .map(Self)
            .ok_or(InvalidLifetime)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS[2..].iter().find(|(_, seconds)| self.0 % seconds == 0);
        let (unit, seconds) = exact.unwrap_or(&("s", 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_and_a_unit() {
        for (text, seconds) in
            [("30s", 30), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("1w", 604_800)]
        {
            assert_eq!(text.parse(), Ok(Lifetime(seconds)), "{text}");
        }
        assert_eq!("1mo".parse(), Ok(Lifetime(2_592_000)));
        for text in ["", "24", "h", "-1h", "+1h", "1.5h", "24H", "0s", "1e3s", "9999999999999w"] {
            assert_eq!(text.parse::<Lifetime>(), Err(InvalidLifetime), "{text:?}");
        }
    }

    #[test]
    fn a_lifetime_is_said_in_words() {
        assert_eq!(Lifetime::hours(24).in_words(), "24 hours");
        assert_eq!(Lifetime::days(7).in_words(), "7 days");
        assert_eq!(Lifetime::of_seconds(90).in_words(), "90 seconds");
        assert_eq!(Lifetime::days(7).to_string(), "7d");
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_their_first_day() {
        let day = |text: &str| Timestamp::parse(text).unwrap().day();
        let of = |text: &str| Timestamp::parse(text).unwrap();
        for (moment, week, month) in [
            ("2026-11-26T23:59:59Z", "2026-11-23", "2026-11-01"),
            ("2026-11-23T00:00:00Z", "2026-11-23", "2026-11-01"),
            ("2026-03-01T00:00:00Z", "2026-02-23", "2026-03-01"),
        ] {
            assert_eq!(of(moment).week_begins(), day(week), "{moment}");
            assert_eq!(of(moment).month_begins(), day(month), "{moment}");
        }
    }

    #[test]
    fn a_moment_is_said_and_read_the_same() {
        let moment = Timestamp(1_800_000_000);
        assert_eq!(moment.rfc3339(), "2027-01-15T08:00:00Z");
        assert_eq!(Timestamp::parse(&moment.rfc3339()), Some(moment));
        assert_eq!(Timestamp::parse("2027-01-15"), Some(Timestamp(1_799_971_200)));
        assert_eq!(Timestamp::parse("yesterday"), None);
        let said = Timestamp::parse_http("Fri, 15 Jan 2027 08:00:00 GMT");
        assert_eq!(said, Some(moment));
        assert_eq!(Timestamp::parse_http("yesterday"), None);
    }
}
