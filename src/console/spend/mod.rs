//! `/spend`: an admin sees what was spent, by whom and on what, day by day; and takes the same home as CSV.
mod wanted;

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
        activity::By,
        keys::KeyById,
        keys_list::NewestKeys,
        slices::{ByDay, ByDayAndWhom, ByWhom, Cell},
        teams::TeamNamed,
        users::{FindUsers, UserById},
    },
    web::{self, Page, Problem, Site},
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderName, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};
use wanted::{KINDS, Kind, Wanted};

/// So many are shown, the dearest; the CSV has all.
const SHOWN: i64 = 50;
const MOST_ROWS: i64 = 100_000;
const MOST_NAMES: usize = 2_000;

#[derive(Template)]
#[template(path = "spend.html")]
struct SpendPage<'a> {
    site: &'a Site,
    user: &'a User,
    kind: &'static Kind,
    kinds: &'static [Kind],
    /// Who or what it is about; nobody: everybody.
    about: Vec<About>,
    filters: Vec<Filter>,
    key: Option<String>,
    csv: String,
    from: String,
    to: String,
    plot: Plot,
    most: String,
    whole: Usage,
    rows: Vec<Row>,
    budgets: Vec<Bar>,
}

/// One that is looked at.
struct About {
    word: &'static str,
    name: String,
    /// What finds it again.
    typed: String,
    /// Its page, where it has one.
    page: Option<String>,
    /// The same without it.
    without: String,
}

/// A field of the form.
struct Filter {
    parameter: &'static str,
    word: &'static str,
    value: String,
    /// The dearest, to choose from.
    names: Vec<String>,
}

/// One of those who spent.
struct Row {
    name: String,
    /// Where there is more of it.
    link: String,
    usage: Usage,
}

pub(super) async fn get(
    State(console): State<Console>,
    Looker(session): Looker,
    uri: Uri,
) -> Response {
    let wanted: Wanted = web::query(&uri).unwrap_or_default();
    let wanted = wanted.tidied();
    let days = match wanted.days(console.clock.now().day()) {
        Ok(days) => days,
        Err(why) => {
            return Problem::new(StatusCode::BAD_REQUEST, "These days cannot be shown", why)
                .with_way("The last thirty days", "/spend")
                .into_response();
        }
    };
    // What was just used is on the page.
    console.books.settled(Duration::from_secs(1)).await;
    let answer = async {
        let wanted = console.found(wanted).await?;
        if wanted.is_csv() {
            return console.spend_csv(&wanted, days).await;
        }
        Ok(Page(console.spend(&session.user, &wanted, days).await?).apart())
    };
    answer.await.unwrap_or_else(|error: store::Error| Problem::unavailable(&error).into_response())
}

fn date(day: i64) -> String {
    Timestamp(day.saturating_mul(86_400)).date()
}

impl Console {
    /// People and teams by what they are called: an address, a name.
    async fn found(&self, mut wanted: Wanted) -> Result<Wanted, store::Error> {
        let [person, team, ..] = &KINDS;
        if let Some(text) = wanted.one(person).map(str::to_owned) {
            let mut found = self.store.read(FindUsers(text)).await?;
            if let (Some(user), []) = (found.pop(), found.as_slice()) {
                wanted.found(person, user.id.to_string());
            }
        }
        if let Some(text) = wanted.one(team).map(str::to_owned)
            && let Some((found, _)) = self.store.read(TeamNamed(text)).await?
        {
            wanted.found(team, found.id.to_string());
        }
        Ok(wanted)
    }

    async fn spend<'a>(
        &'a self,
        user: &'a User,
        wanted: &Wanted,
        days: (i64, i64),
    ) -> Result<SpendPage<'a>, store::Error> {
        let slice = wanted.slice(days);
        let by_day = self.store.read(ByDay(slice.clone())).await?;
        let (from, to) = (date(days.0), date(days.1));
        let kind = wanted.kind();
        let mut about = Vec::new();
        for one in &KINDS {
            let Some(id) = wanted.one(one) else { continue };
            let (name, page) = self.name_of(one, id).await?;
            let without = wanted.link((&from, &to), &[(one.parameter, "")]);
            let typed = self.as_typed(one, id, &name).await?;
            about.push(About { word: one.word, name, typed, page, without });
        }
        let shares = self.store.read(ByWhom { slice, by: kind.by, limit: SHOWN }).await?;
        let mut rows = Vec::new();
        for share in shares {
            let of = share.of.filter(|of| !of.is_empty());
            let (name, link) = match of {
                None => (format!("no {}", kind.word), String::new()),
                Some(of) => {
                    let others = [(kind.parameter, of.as_str()), ("by", "")];
                    let link = wanted.link((&from, &to), &others);
                    (self.name_of(kind, &of).await?.0, link)
                }
            };
            rows.push(Row { name, link, usage: share.usage });
        }
        Ok(SpendPage {
            site: &self.site,
            user,
            kind,
            kinds: &KINDS,
            filters: filters(wanted, &about, &rows),
            key: wanted.one(&KINDS[4]).map(str::to_owned),
            about,
            csv: wanted.link((&from, &to), &[("by", kind.name), ("format", "csv")]),
            from,
            to,
            plot: Plot::of(by_day.iter().copied(), days.0..=days.1),
            most: most(by_day.iter().copied()),
            whole: by_day.iter().map(|(_, usage)| *usage).sum(),
            rows,
            budgets: self.budgets_of(wanted).await?,
        })
    }

    /// By its name, if that finds this one and no other; else by its id.
    async fn as_typed(&self, kind: &Kind, id: &str, name: &str) -> Result<String, store::Error> {
        let finds = match kind.by {
            By::User => {
                let found = self.store.read(FindUsers(name.to_owned())).await?;
                found.iter().map(|user| user.id.as_str()).eq([id])
            }
            By::Team => {
                let found = self.store.read(TeamNamed(name.to_owned())).await?;
                found.is_some_and(|(team, _)| team.id.as_str() == id)
            }
            By::App | By::Model | By::Key => false,
        };
        Ok(if finds { name.to_owned() } else { id.to_owned() })
    }

    /// By day, by whom and by model: all there is.
    async fn spend_csv(&self, wanted: &Wanted, days: (i64, i64)) -> Result<Response, store::Error> {
        let kind = wanted.kind();
        let cut = ByDayAndWhom { slice: wanted.slice(days), by: kind.by, limit: MOST_ROWS };
        let cells = self.store.read(cut).await?;
        if i64::try_from(cells.len()).is_ok_and(|rows| rows >= MOST_ROWS) {
            let text = format!("These days have {MOST_ROWS} lines or more. Ask for fewer days.");
            let problem =
                Problem::new(StatusCode::BAD_REQUEST, "That is too much for one file", &text);
            return Ok(problem.with_way("Back", "/spend").into_response());
        }
        let all: BTreeSet<&String> = cells.iter().filter_map(|cell| cell.of.as_ref()).collect();
        let mut names: HashMap<String, String> = HashMap::new();
        // Of very many the ids must do.
        for of in all.iter().take(MOST_NAMES) {
            names.insert((*of).clone(), self.name_of(kind, of).await?.0);
        }
        let rows: Vec<_> = cells.iter().map(|cell| cells_of(kind, cell, &names)).collect();
        let file = format!("gatekey-spend-{}-{}.csv", date(days.0), date(days.1));
        let headers: [(HeaderName, String); 3] = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".into()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")),
            (header::CACHE_CONTROL, "no-store".into()),
        ];
        Ok((headers, web::csv(&rows)).into_response())
    }

    /// How people call it, and its page. Who is gone is in the books by their id.
    async fn name_of(
        &self,
        kind: &Kind,
        id: &str,
    ) -> Result<(String, Option<String>), store::Error> {
        let named = match kind.by {
            By::User => {
                let found = self.store.read(UserById(UserId::named(id))).await?;
                let found = found.map(|listed| {
                    (listed.user.shown().to_owned(), Some(super::people::path_of(&listed.user)))
                });
                return Ok(found.unwrap_or_else(|| (id.to_owned(), None)));
            }
            By::Team => {
                self.store.read(TeamNamed(id.to_owned())).await?.map(|(team, _)| team.alias)
            }
            By::Key => {
                let key = self.store.read(KeyById(KeyId::named(id))).await?;
                key.map(|key| format!("{} of {}", key.shown(), key.owner.shown()))
            }
            By::App => Some(App::name_of(id)),
            By::Model => None,
        };
        Ok((named.unwrap_or_else(|| id.to_owned()), None))
    }

    /// Those of a person's keys, of an app, of a key: whoever alone is looked at.
    async fn budgets_of(&self, wanted: &Wanted) -> Result<Vec<Bar>, store::Error> {
        let now = self.clock.now();
        let [person, _, app, _, key] = &KINDS;
        let whose: Vec<Whose> = match (wanted.one(key), wanted.one(person), wanted.one(app)) {
            (Some(id), ..) => vec![Whose::Key(KeyId::named(id))],
            (_, Some(id), _) => {
                let newest = NewestKeys { user: UserId::named(id), live_at: now, limit: 20 };
                let keys = self.store.read(newest).await?.0;
                keys.into_iter().map(|key| Whose::Key(key.id)).collect()
            }
            (.., Some(id)) => vec![Whose::App(id.to_owned())],
            _ => Vec::new(),
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

/// A field for each but keys: those are reached from their owners.
fn filters(wanted: &Wanted, about: &[About], rows: &[Row]) -> Vec<Filter> {
    let filter = |one: &'static Kind| {
        let chosen = about.iter().find(|about| about.word == one.word);
        let value = chosen.map(|about| about.typed.clone()).unwrap_or_default();
        let listed = one == wanted.kind() && one.by == By::Model;
        let names = rows.iter().filter(|_| listed).map(|row| row.name.clone()).collect();
        Filter { parameter: one.parameter, word: one.word, value, names }
    };
    KINDS[..4].iter().map(filter).collect()
}

fn cells_of(kind: &Kind, cell: &Cell, names: &HashMap<String, String>) -> Vec<(String, Value)> {
    let of = cell.of.as_deref().unwrap_or_default();
    let name = names.get(of).map_or(of, String::as_str);
    let usage = &cell.usage;
    let mut cells = vec![("date", json!(date(cell.day))), (kind.word, json!(name))];
    if kind.by != By::Model {
        cells.extend([("id", json!(of)), ("model", json!(cell.model))]);
    }
    cells.extend([
        ("cost", json!(usage.cost.to_string())),
        ("calls", json!(usage.calls)),
        ("input_tokens", json!(usage.input_tokens)),
        ("output_tokens", json!(usage.output_tokens)),
        ("unpriced_calls", json!(usage.unpriced_calls)),
    ]);
    cells.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
