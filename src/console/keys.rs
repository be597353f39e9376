//! The live keys of a person, by the app they are for.
use super::{
    Console,
    budgets::{Bar, Budgets},
};
use crate::{
    model::{Key, KeyId, Timestamp, Usage, UserId},
    store::{self, keys_list::NewestKeys, usage::UsageOfUser},
};
use std::{collections::BTreeMap, time::Duration};

/// More are not shown: `/key/list` pages through them.
const MOST: i64 = 500;

/// What `keys.html` shows.
pub(super) struct Keys {
    pub(super) apps: Vec<App>,
    pub(super) budgets: Vec<Bar>,
    pub(super) hidden: i64,
    pub(super) form_token: String,
    /// The page it stands on.
    pub(super) back: String,
    /// Whether whoever looks may end them.
    pub(super) may_end: bool,
}

pub(super) struct App {
    pub(super) name: String,
    pub(super) initial: String,
    pub(super) keys: Vec<Row>,
}

pub(super) struct Row {
    pub(super) key: Key,
    pub(super) usage: Usage,
    pub(super) until: String,
    pub(super) last_used: String,
    pub(super) budget: Option<Bar>,
}

impl Keys {
    pub(super) async fn of(
        console: &Console,
        user: &UserId,
        (form_token, back, may_end): (String, String, bool),
    ) -> Result<Self, store::Error> {
        // What was just used is on the page.
        console.books.settled(Duration::from_secs(1)).await;
        let now = console.clock.now();
        let newest = NewestKeys { user: user.clone(), live_at: now, limit: MOST };
        let (keys, total) = console.store.read(newest).await?;
        let usage = console.store.read(UsageOfUser(user.clone())).await?;
        let hidden = total - i64::try_from(keys.len()).unwrap_or(i64::MAX);
        let mut budgets = Budgets::of(console, &keys).await?;
        let mut apps: Vec<App> = Vec::new();
        for key in keys {
            let (name, initial) = (key.shown(), key.initial());
            let budget = budgets.of_key(&key);
            let row = Row { budget, ..Row::new(key, &usage, now) };
            match apps.iter_mut().find(|app| app.name == name) {
                Some(app) => app.keys.push(row),
                None => apps.push(App { name, initial, keys: vec![row] }),
            }
        }
        let budgets = budgets.shared();
        Ok(Self { apps, budgets, hidden, form_token, back, may_end })
    }
}

impl Row {
    fn new(key: Key, usage: &BTreeMap<KeyId, Usage>, now: Timestamp) -> Self {
        Self {
            usage: usage.get(&key.id).copied().unwrap_or_default(),
            until: key.expires_at.map_or("it is ended".into(), Timestamp::in_words),
            last_used: key.last_used_at.map_or("never used".into(), |at| ago(now, at)),
            budget: None,
            key,
        }
    }
}

pub(super) fn ago(now: Timestamp, at: Timestamp) -> String {
    let words = |count: i64, unit: &str| {
        format!("used {count} {unit}{} ago", if count == 1 { "" } else { "s" })
    };
    match (now.0 - at.0).max(0) {
        0..60 => "used just now".into(),
        s @ 60..3600 => words(s / 60, "minute"),
        s @ 3600..86_400 => words(s / 3600, "hour"),
        s => words(s / 86_400, "day"),
    }
}
