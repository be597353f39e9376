//! `/spend`: an admin sees what was spent, by whom and on what, day by day.
use super::{
    Console,
    budgets::Bar,
    people::Looker,
    plot::{Plot, most},
};
use crate::{
    guard::Whose,
    model::{App, KeyId, Timestamp, Usage, User, UserId},
    store::{
        self,
        activity::{Activity, By, DayOfModel, Of, Spend},
        keys::KeyById,
        keys_list::NewestKeys,
        teams::TeamNamed,
        users::UserById,
    },
    web::{self, Page, Problem, Site},
};
use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// Without dates: so many days, today as the last.
const DAYS: i64 = 30;
const MOST_DAYS: i64 = 400;
/// So many are shown, the dearest; `gatekey spend` shows all.
const SHOWN: i64 = 50;

#[derive(Template)]
#[template(path = "spend.html")]
struct SpendPage<'a> {
    site: &'a Site,
    user: &'a User,
    wanted: Wanted,
    kinds: &'static [(&'static str, &'static str)],
    /// Who or what it is about; nobody: everybody.
    about: Option<Row>,
    from: String,
    to: String,
    plot: Plot,
    most: String,
    whole: Usage,
    rows: Vec<Row>,
    budgets: Vec<Bar>,
}

#[derive(Deserialize, Default)]
struct Wanted {
    by: Option<String>,
    of: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// One of those who spent.
struct Row {
    name: String,
    /// Where there is more of it.
    link: String,
    /// Its page, where it has one.
    page: Option<String>,
    usage: Usage,
}

const KINDS: [(&str, &str); 5] =
    [("user", "person"), ("team", "team"), ("app", "app"), ("model", "model"), ("key", "key")];

impl Wanted {
    fn by(&self) -> &str {
        let named = self.by.as_deref().unwrap_or_default();
        KINDS.iter().map(|(kind, _)| *kind).find(|kind| *kind == named).unwrap_or("user")
    }

    fn is_by(&self, kind: &str) -> bool {
        self.by() == kind
    }

    fn of(&self) -> Option<&str> {
        self.of.as_deref().filter(|of| !of.is_empty() && !of.contains('\0'))
    }

    /// What is sorted by, in words.
    fn kind(&self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self.by()).map_or("person", |(_, word)| word)
    }

    /// The days that are meant, or what is wrong with them.
    fn days(&self, today: i64) -> Result<(i64, i64), &'static str> {
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
}

pub(super) async fn get(
    State(console): State<Console>,
    Looker(session): Looker,
    uri: Uri,
) -> Response {
    let wanted: Wanted = web::query(&uri).unwrap_or_default();
    let days = match wanted.days(console.clock.now().day()) {
        Ok(days) => days,
        Err(why) => {
            return Problem::new(StatusCode::BAD_REQUEST, "These days cannot be shown", why)
                .with_way("The last thirty days", "/spend")
                .into_response();
        }
    };
    match console.spend(&session.user, wanted, days).await {
        Ok(page) => Page(page).apart(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

impl Console {
    async fn spend<'a>(
        &'a self,
        user: &'a User,
        wanted: Wanted,
        (from, to): (i64, i64),
    ) -> Result<SpendPage<'a>, store::Error> {
        // What was just used is on the page.
        self.books.settled(Duration::from_secs(1)).await;
        let of = of(&wanted);
        let days = self.store.read(Activity { of: of.clone(), from, to }).await?;
        let by_day = || days.iter().map(|row| (row.day, row.usage));
        let whole: Usage = days.iter().map(|row| row.usage).sum();
        let about = match wanted.of() {
            Some(named) => {
                let (name, page) = self.name_of(wanted.by(), named).await?;
                Some(Row { name, link: String::new(), page, usage: whole })
            }
            None => None,
        };
        let rows = match about {
            Some(_) => models_of(&days),
            None => self.shares(wanted.by(), (from, to)).await?,
        };
        let date = |day: i64| Timestamp(day.saturating_mul(86_400)).date();
        Ok(SpendPage {
            site: &self.site,
            user,
            kinds: &KINDS,
            about,
            from: date(from),
            to: date(to),
            plot: Plot::of(by_day(), from..=to),
            most: most(by_day()),
            whole,
            rows,
            budgets: self.budgets_of(&of).await?,
            wanted,
        })
    }

    /// The dearest of them.
    async fn shares(&self, kind: &str, (from, to): (i64, i64)) -> Result<Vec<Row>, store::Error> {
        let by = match kind {
            "team" => By::Team,
            "app" => By::App,
            "model" => By::Model,
            "key" => By::Key,
            _ => By::User,
        };
        let mut rows = Vec::new();
        for share in self.store.read(Spend { by, from, to, limit: SHOWN }).await? {
            let row = match share.of.filter(|of| !of.is_empty()) {
                None => Row {
                    name: format!("no {kind}"),
                    link: String::new(),
                    page: None,
                    usage: share.usage,
                },
                Some(of) => {
                    let id: String = form_urlencoded::byte_serialize(of.as_bytes()).collect();
                    let (name, page) = self.name_of(kind, &of).await?;
                    Row {
                        name,
                        link: format!("/spend?by={kind}&of={id}"),
                        page,
                        usage: share.usage,
                    }
                }
            };
            rows.push(row);
        }
        Ok(rows)
    }

    /// How people call it, and its page. Who is gone is in the books by their id.
    async fn name_of(
        &self,
        kind: &str,
        id: &str,
    ) -> Result<(String, Option<String>), store::Error> {
        let named = match kind {
            "user" => {
                let found = self.store.read(UserById(UserId::named(id))).await?;
                let found = found.map(|listed| {
                    (listed.user.shown().to_owned(), Some(super::people::path_of(&listed.user)))
                });
                return Ok(found.unwrap_or_else(|| (id.to_owned(), None)));
            }
            "team" => self.store.read(TeamNamed(id.to_owned())).await?.map(|(team, _)| team.alias),
            "key" => {
                let key = self.store.read(KeyById(KeyId::named(id))).await?;
                key.map(|key| format!("{} of {}", key.shown(), key.owner.shown()))
            }
            "app" => Some(App::name_of(id)),
            _ => None,
        };
        Ok((named.unwrap_or_else(|| id.to_owned()), None))
    }

    /// Those of a person's keys, of an app, of a key.
    async fn budgets_of(&self, of: &Of) -> Result<Vec<Bar>, store::Error> {
        let now = self.clock.now();
        let whose: Vec<Whose> = match of {
            Of::User(id) => {
                let (user, limit) = (UserId::named(id), 20);
                let newest = NewestKeys { user, live_at: now, limit };
                let keys = self.store.read(newest).await?.0;
                keys.into_iter().map(|key| Whose::Key(key.id)).collect()
            }
            Of::Key(id) => vec![Whose::Key(KeyId::named(id))],
            Of::App(id) => vec![Whose::App(id.clone())],
            Of::Team(_) | Of::Model(_) | Of::Everybody => Vec::new(),
        };
        let mut bars = BTreeMap::new();
        for one in whose {
            for account in self.guard.accounts(&one).await?.iter() {
                bars.extend(Bar::new(account, now).map(|bar| (account.holder.ledger(), bar)));
            }
        }
        Ok(bars.into_values().collect())
    }
}

fn of(wanted: &Wanted) -> Of {
    let Some(named) = wanted.of().map(str::to_owned) else { return Of::Everybody };
    match wanted.by() {
        "team" => Of::Team(named),
        "app" => Of::App(named),
        "model" => Of::Model(named),
        "key" => Of::Key(named),
        _ => Of::User(named),
    }
}

/// What one of them spent, by model, the dearest first.
fn models_of(days: &[DayOfModel]) -> Vec<Row> {
    let mut models: BTreeMap<&str, Usage> = BTreeMap::new();
    for row in days {
        *models.entry(&row.model).or_default() += row.usage;
    }
    let row = |(model, usage): (&str, Usage)| {
        let id: String = form_urlencoded::byte_serialize(model.as_bytes()).collect();
        let link = format!("/spend?by=model&of={id}");
        Row { name: model.to_owned(), link, page: None, usage }
    };
    let mut rows: Vec<Row> = models.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.usage.cost, row.usage.tokens())));
    rows
}
