//! How often a budget begins anew: some time after its first call, or with the calendar.
use super::{Each, Lifetime, Timestamp};
use jiff::{
    civil::{Date, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// `30d`: so long after the first call. `daily`, `weekly`, `monthly`: with the calendar of `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Every(Lifetime),
    Calendar(Each),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a duration such as 24h, 7d or 1mo (from the first call on), or daily, weekly or monthly (with the calendar)"
)]
pub struct InvalidWindow;

impl std::str::FromStr for Window {
    type Err = InvalidWindow;

    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        if let Some(each) = Each::parse(text) {
            return Ok(Self::Calendar(each));
        }
        text.parse().map(Self::Every).map_err(|_| InvalidWindow)
    }
}

/// By how much time there is in it; a month as in February.
impl PartialOrd for Window {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let seconds = |window: &Self| match window {
            Self::Every(lifetime) => lifetime.seconds(),
            Self::Calendar(Each::Daily) => 86_400,
            Self::Calendar(Each::Weekly) => 7 * 86_400,
            Self::Calendar(Each::Monthly) => 28 * 86_400,
        };
        match (seconds(self).cmp(&seconds(other)), self == other) {
            (std::cmp::Ordering::Equal, false) => None,
            (order, _) => Some(order),
        }
    }
}

impl Window {
    /// For a person: `every 30 days`, `monthly`.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::Every(lifetime) => format!("every {}", lifetime.in_words()),
            Self::Calendar(each) => each.name().to_owned(),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(lifetime) => lifetime.fmt(f),
            Self::Calendar(each) => f.write_str(each.name()),
        }
    }
}

impl Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// When days, weeks and months begin: `limits.timezone`, `limits.reset_hour`, `limits.week_starts`.
#[derive(Debug, Clone)]
pub struct Calendar {
    pub zone: TimeZone,
    /// 0 to 23.
    pub reset_hour: i8,
    pub week_starts: Weekday,
}

impl Default for Calendar {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, reset_hour: 0, week_starts: Weekday::Monday }
    }
}

impl Calendar {
    /// The beginning of the period in which a moment lies; never after it.
    #[must_use]
    pub fn begins(&self, each: Each, now: Timestamp) -> Timestamp {
        self.period(each, now).0
    }

    /// The beginning of the next one; always after the moment.
    #[must_use]
    pub fn ends(&self, each: Each, now: Timestamp) -> Timestamp {
        self.period(each, now).1
    }

    /// Both: from when and until when it is the same.
    #[must_use]
    pub fn period(&self, each: Each, now: Timestamp) -> (Timestamp, Timestamp) {
        let moment = jiff::Timestamp::from_second(now.0).unwrap_or_default();
        let mut day = self.zone.to_datetime(moment).date();
        if self.start(day) > now {
            day = day.yesterday().unwrap_or(day);
        }
        let back = |days: i32| day.saturating_sub(jiff::Span::new().days(days));
        let first = match each {
            Each::Daily => day,
            Each::Weekly => back(i32::from(day.weekday().since(self.week_starts))),
            Each::Monthly => day.first_of_month(),
        };
        let span = match each {
            Each::Daily => jiff::Span::new().days(1),
            Each::Weekly => jiff::Span::new().days(7),
            Each::Monthly => jiff::Span::new().months(1),
        };
        (self.start(first), self.start(first.saturating_add(span)))
    }

    /// Where a clock that is put forward skips the hour, the moment after; where it comes twice, the first.
    fn start(&self, day: Date) -> Timestamp {
        let start = self.zone.to_timestamp(day.at(self.reset_hour, 0, 0, 0));
        Timestamp(start.map_or(i64::MAX, jiff::Timestamp::as_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn of(zone: &str, reset_hour: i8) -> Calendar {
        let zone = TimeZone::get(zone).unwrap();
        Calendar { zone, reset_hour, ..Calendar::default() }
    }

    fn period(calendar: &Calendar, each: Each, now: &str) -> (String, String) {
        let (from, to) = calendar.period(each, at(now));
        (from.rfc3339(), to.rfc3339())
    }

    #[test]
    fn windows_are_read_and_said() {
        for text in ["30d", "24h", "90s", "daily", "weekly", "monthly"] {
            let window: Window = text.parse().unwrap();
            let same = window.to_string();
            assert_eq!(same.parse(), Ok(window), "{text} {same}");
        }
        for text in ["", "1", "fortnightly", "-1d", "NaN", "1y"] {
            assert_eq!(text.parse::<Window>(), Err(InvalidWindow), "{text}");
        }
    }

    #[test]
    fn periods_follow_the_calendar_of_leap_days_and_month_ends() {
        let utc = Calendar::default();
        let of = |each, now| period(&utc, each, now);
        let both = |from: &str, to: &str| (format!("{from}T00:00:00Z"), format!("{to}T00:00:00Z"));
        assert_eq!(of(Each::Daily, "2028-02-29T23:59:59Z"), both("2028-02-29", "2028-03-01"));
        assert_eq!(of(Each::Monthly, "2028-02-29T12:00:00Z"), both("2028-02-01", "2028-03-01"));
        assert_eq!(of(Each::Monthly, "2027-12-31T23:59:59Z"), both("2027-12-01", "2028-01-01"));
        assert_eq!(of(Each::Monthly, "2027-01-31T00:00:00Z"), both("2027-01-01", "2027-02-01"));
        assert_eq!(of(Each::Weekly, "2026-11-26T00:00:00Z"), both("2026-11-23", "2026-11-30"));
        let sunday = Calendar { week_starts: Weekday::Sunday, ..utc.clone() };
        let week = period(&sunday, Each::Weekly, "2026-11-26T00:00:00Z");
        assert_eq!(week, both("2026-11-22", "2026-11-29"));
    }

    #[test]
    fn days_have_as_many_hours_as_the_clock_on_the_wall_says() {
        let berlin = of("Europe/Berlin", 0);
        let long = period(&berlin, Each::Daily, "2026-10-25T12:00:00Z");
        assert_eq!(long, ("2026-10-24T22:00:00Z".into(), "2026-10-25T23:00:00Z".into()));
        let short = period(&berlin, Each::Daily, "2026-03-29T12:00:00Z");
        assert_eq!(short, ("2026-03-28T23:00:00Z".into(), "2026-03-29T22:00:00Z".into()));
        // 02:00 does not exist on that day, and comes twice on the other.
        let early = of("Europe/Berlin", 2);
        let skipped = period(&early, Each::Daily, "2026-03-29T01:30:00Z");
        assert_eq!(skipped, ("2026-03-29T01:00:00Z".into(), "2026-03-30T00:00:00Z".into()));
        let twice = period(&early, Each::Daily, "2026-10-25T00:30:00Z");
        assert_eq!(twice, ("2026-10-25T00:00:00Z".into(), "2026-10-26T01:00:00Z".into()));
        let nepal = period(&of("Asia/Kathmandu", 6), Each::Daily, "2026-06-01T00:00:00Z");
        assert_eq!(nepal, ("2026-05-31T00:15:00Z".into(), "2026-06-01T00:15:00Z".into()));
    }

    #[test]
    fn every_moment_lies_in_its_period_and_periods_meet() {
        for calendar in [of("America/New_York", 2), of("Australia/Lord_Howe", 0), of("UTC", 23)] {
            for each in [Each::Daily, Each::Weekly, Each::Monthly] {
                for hour in 0..2 * 366 * 24 {
                    let now = at("2027-01-01").plus(hour * 3600 + 1800);
                    let (from, to) = calendar.period(each, now);
                    assert!(from <= now && now < to, "{each:?} {} {}", now.0, from.rfc3339());
                    assert_eq!(calendar.begins(each, to), to);
                    assert_eq!(calendar.ends(each, to.plus(-1)), to);
                }
            }
        }
    }
}
