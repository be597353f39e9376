//! What of the spend is looked at: the parameters of `/spend`.
use crate::{
    model::Timestamp,
    store::{activity::By, slices::Slice},
};
use serde::Deserialize;

/// Without dates: so many days, today as the last.
const DAYS: i64 = 30;
const MOST_DAYS: i64 = 400;

#[derive(Deserialize, Default, Clone)]
pub(super) struct Wanted {
    by: Option<String>,
    /// One of those that `by` names: older links say so.
    of: Option<String>,
    person: Option<String>,
    team: Option<String>,
    app: Option<String>,
    model: Option<String>,
    key: Option<String>,
    from: Option<String>,
    to: Option<String>,
    format: Option<String>,
}

/// By what it can be cut, in words, and the parameter that looks at one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) word: &'static str,
    pub(super) parameter: &'static str,
    pub(super) by: By,
}

pub(super) const KINDS: [Kind; 5] = [
    Kind { name: "user", word: "person", parameter: "person", by: By::User },
    Kind { name: "team", word: "team", parameter: "team", by: By::Team },
    Kind { name: "app", word: "app", parameter: "app", by: By::App },
    Kind { name: "model", word: "model", parameter: "model", by: By::Model },
    Kind { name: "key", word: "key", parameter: "key", by: By::Key },
];
const MODEL: usize = 3;

impl Wanted {
    /// What is empty is not asked for; an older link's one becomes what it means.
    pub(super) fn tidied(mut self) -> Self {
        let named = KINDS.iter().find(|kind| Some(kind.name) == self.by.as_deref());
        if let (Some(kind), Some(of)) = (named, self.of.take()) {
            *self.place(kind) = Some(of);
            self.by = None;
        }
        for kind in &KINDS {
            let place = self.place(kind);
            *place = place.take().filter(|text| !text.trim().is_empty() && !text.contains('\0'));
        }
        self
    }

    fn place(&mut self, kind: &Kind) -> &mut Option<String> {
        match kind.by {
            By::User => &mut self.person,
            By::Team => &mut self.team,
            By::App => &mut self.app,
            By::Model => &mut self.model,
            By::Key => &mut self.key,
        }
    }

    pub(super) fn one(&self, kind: &Kind) -> Option<&str> {
        let place = match kind.by {
            By::User => &self.person,
            By::Team => &self.team,
            By::App => &self.app,
            By::Model => &self.model,
            By::Key => &self.key,
        };
        place.as_deref().map(str::trim)
    }

    /// As it was asked for; else by person, and of one person by model.
    pub(super) fn kind(&self) -> &'static Kind {
        let asked = KINDS.iter().find(|kind| Some(kind.name) == self.by.as_deref());
        let free = || KINDS.iter().find(|kind| self.one(kind).is_none());
        let usual = if KINDS.iter().all(|kind| self.one(kind).is_none()) {
            &KINDS[0]
        } else if self.model.is_none() {
            &KINDS[MODEL]
        } else {
            free().unwrap_or(&KINDS[MODEL])
        };
        asked.unwrap_or(usual)
    }

    pub(super) fn is_csv(&self) -> bool {
        self.format.as_deref() == Some("csv")
    }

    /// The days that are meant, or what is wrong with them.
    pub(super) fn days(&self, today: i64) -> Result<(i64, i64), &'static str> {
        let day = |text: &Option<String>| match text.as_deref().filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => Timestamp::parse(text)
                .map(|at| Some(at.day()))
                .ok_or("A day is written as 2026-11-25."),
        };
        let to = day(&self.to)?.unwrap_or(today);
        let from = day(&self.from)?.unwrap_or(to - DAYS + 1);
        match to - from {
            0..MOST_DAYS => Ok((from, to)),
            ..0 => Err("The first day is after the last one."),
            _ => Err("At most 400 days can be shown at once."),
        }
    }

    pub(super) fn slice(&self, (from, to): (i64, i64)) -> Slice {
        let of = |kind: usize| self.one(&KINDS[kind]).map(str::to_owned);
        let (user, team, app, model, key) = (of(0), of(1), of(2), of(3), of(4));
        Slice { from, to, key, user, team, app, model }
    }

    /// The same with other parameters; an empty one goes.
    pub(super) fn link(&self, (from, to): (&str, &str), others: &[(&str, &str)]) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        for kind in &KINDS {
            pairs.extend(self.one(kind).map(|text| (kind.parameter, text.to_owned())));
        }
        pairs.extend(self.by.as_ref().map(|by| ("by", by.clone())));
        pairs.extend([("from", from.to_owned()), ("to", to.to_owned())]);
        for (name, value) in others {
            pairs.retain(|(own, _)| own != name);
            pairs.push((name, (*value).to_owned()));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("/spend?{query}")
    }

    /// By the id of what was named in words.
    pub(super) fn found(&mut self, kind: &Kind, id: String) {
        *self.place(kind) = Some(id);
    }
}
