//! `[limits]`.
use super::{
    reader::{Raw, Reader, Section},
    setting::FromSetting,
};
use crate::model::{Calendar, Lifetime, Limit, Limits, NanoDollars, Window};
use jiff::{civil::Weekday, tz::TimeZone};
use std::{collections::BTreeMap, path::Path};

#[derive(Debug, Clone)]
pub struct LimitRules {
    /// What a spent budget answers: 422, or 429 for programs that know no other.
    pub budget_status: u16,
    pub calendar: Calendar,
    /// Whether a key with a budget may call models whose price nobody knows.
    pub allow_unpriced: bool,
    /// What a key gets that nobody said otherwise of.
    pub default: Generate,
    /// The most that anybody may ask for a key.
    pub bound: Generate,
}

/// `default_key_generate_params`, `upperbound_key_generate_params`.
#[derive(Debug, Clone, Default)]
pub struct Generate {
    pub limits: Limits,
    pub duration: Option<Lifetime>,
}

impl LimitRules {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("limits");
        let rules = Self {
            budget_status: budget_status(&mut s, reader),
            calendar: calendar(&mut s, reader),
            allow_unpriced: s.get(reader, "allow_unpriced").unwrap_or(false),
            default: generate(&mut s, reader, "default_key_generate_params"),
            bound: generate(&mut s, reader, "upperbound_key_generate_params"),
        };
        if let Some((field, bound)) = rules.default.limits.beyond(&rules.bound.limits) {
            let text =
                format!("asks for more {field} than upperbound_key_generate_params: {bound}");
            s.wrong(reader, "default_key_generate_params", text);
        }
        s.done(reader);
        rules
    }

    /// What a key is bound by, and how long it lives, of which this was asked; or what must be how small.
    pub fn of_key(
        &self,
        limits: Limits,
        duration: Option<Lifetime>,
    ) -> Result<(Limits, Option<Lifetime>), (&'static str, String)> {
        let at_most = |bound: String| {
            format!("must be at most {bound} (limits.upperbound_key_generate_params)")
        };
        if let Some((field, bound)) = limits.beyond(&self.bound.limits) {
            return Err((field, at_most(bound)));
        }
        match (duration, self.bound.duration) {
            (Some(asked), Some(most)) if asked > most => {
                Err(("duration", at_most(most.to_string())))
            }
            (asked, most) => Ok((
                limits.or(&self.default.limits).or(&self.bound.limits),
                asked.or(self.default.duration).or(most),
            )),
        }
    }

    /// The same of a key that an app gets: what it wants is cut down to the bound, and begins anew no sooner.
    #[must_use]
    pub fn of_app(&self, asked: Option<&Limit>) -> Limits {
        let bound = &self.bound.limits;
        let whole = |asked: Limits| asked.or(&self.default.limits).or(bound);
        let Some(asked) = asked.map(Limit::limits) else { return whole(Limits::default()) };
        let max_budget =
            asked.max_budget.map(|own| bound.max_budget.map_or(own, |most| own.min(most)));
        let sooner = |window: &Window| bound.budget_duration.is_some_and(|b| *window < b);
        let budget_duration = match asked.budget_duration {
            Some(window) if sooner(&window) => bound.budget_duration,
            // Never, if that is what was asked: no other setting says otherwise.
            said => said,
        };
        Limits { max_budget, budget_duration, ..whole(Limits::default()) }
    }
}

fn budget_status(s: &mut Section, reader: &mut Reader) -> u16 {
    match s.get::<Count>(reader, "budget_status").map(|count| count.0) {
        None | Some(422) => 422,
        Some(429) => 429,
        Some(_) => {
            s.wrong(reader, "budget_status", "must be 422 or 429");
            422
        }
    }
}

fn calendar(s: &mut Section, reader: &mut Reader) -> Calendar {
    let mut calendar = Calendar::default();
    if let Some(name) = s.get::<String>(reader, "timezone") {
        if let Ok(zone) = TimeZone::get(&name) {
            calendar.zone = zone;
        } else {
            let text =
                format!("{name:?} is no time zone; write one as \"Europe/Berlin\" or \"UTC\"");
            s.wrong(reader, "timezone", text);
        }
    }
    if let Some(Hour(hour)) = s.get(reader, "reset_hour") {
        calendar.reset_hour = hour;
    }
    match s.get::<String>(reader, "week_starts").as_deref().map(weekday) {
        None => {}
        Some(Some(day)) => calendar.week_starts = day,
        Some(None) => s.wrong(reader, "week_starts", "must be a day, such as \"monday\""),
    }
    calendar
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

fn generate(s: &mut Section, reader: &mut Reader, key: &'static str) -> Generate {
    let Some(mut table) = reader.table(s, key) else { return Generate::default() };
    let limits = Limits {
        max_budget: table.get::<NanoDollars>(reader, "max_budget"),
        soft_budget: table.get::<NanoDollars>(reader, "soft_budget"),
        budget_duration: table.get::<Window>(reader, "budget_duration"),
        rpm_limit: table.get::<Count>(reader, "rpm_limit").map(|count| count.0),
        tpm_limit: table.get::<Count>(reader, "tpm_limit").map(|count| count.0),
        max_parallel_requests: table
            .get::<Count>(reader, "max_parallel_requests")
            .map(|count| count.0),
        ..Limits::default()
    };
    let duration = table.get(reader, "duration");
    table.done(reader);
    Generate { limits, duration }
}

/// A whole number that may be zero.
#[derive(Debug, Clone, Copy)]
struct Count(i64);

struct Hour(i8);

impl FromSetting for Count {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        const WHAT: &str = "must be a whole number from 0 to 1000000000";
        let number = match raw {
            Raw::Integer(number) => number,
            // As the environment has it.
            Raw::Text(text) => text.parse().map_err(|_| WHAT)?,
            _ => return Err(WHAT.into()),
        };
        (0..=1_000_000_000).contains(&number).then_some(Self(number)).ok_or_else(|| WHAT.into())
    }
}

impl FromSetting for Hour {
    fn from_setting(raw: Raw, f: &Path, e: &BTreeMap<String, String>) -> Result<Self, String> {
        let hour = Count::from_setting(raw, f, e).ok().and_then(|count| i8::try_from(count.0).ok());
        let hour = hour.filter(|hour| (0..24).contains(hour));
        hour.map(Self).ok_or_else(|| "must be an hour from 0 to 23".into())
    }
}

impl FromSetting for Window {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        let Raw::Text(text) = raw else { return Err("must be a text in quotes".into()) };
        text.parse().map_err(|invalid: crate::model::InvalidWindow| invalid.to_string())
    }
}
