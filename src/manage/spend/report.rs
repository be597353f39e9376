//! `GET /global/spend/report`: who spent what, day by day, for those who decide on it.
use super::{Actor, Manage, Refusal, span};
use crate::{
    manage::{
        csv::{AsCsv, Rows},
        page::parameters,
    },
    model::{Timestamp, Usage},
    store::{
        activity::By,
        labels::{Kind, LabelsByDay},
        slices::{ByDayAndWhom, Slice},
        teams::TeamNamed,
    },
    web,
};
use axum::{
    Extension, Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Without dates: so many days, today as the last.
const DAYS: i64 = 30;
const MOST_DAYS: i64 = 400;
/// More is no report.
const MOST_ROWS: i64 = 100_000;
const FILTERS: [&str; 6] = ["api_key", "key_id", "user_id", "team_id", "app", "model"];

/// By what it is cut; LiteLLM's names and ours.
#[derive(Debug, Clone, Copy)]
enum Group {
    Of(By, &'static str, &'static str),
    Label(Kind, &'static str, &'static str),
}

impl Group {
    const ALL: [(&'static str, Self); 8] = [
        ("team", Self::Of(By::Team, "teams", "team_name")),
        ("user", Self::Of(By::User, "users", "user_id")),
        ("api_key", Self::Of(By::Key, "keys", "api_key")),
        ("app", Self::Of(By::App, "apps", "app")),
        ("model", Self::Of(By::Model, "models", "model")),
        ("customer", Self::Label(Kind::EndUser, "customers", "customer")),
        ("end_user", Self::Label(Kind::EndUser, "end_users", "end_user")),
        ("tag", Self::Label(Kind::Tag, "tags", "tag")),
    ];

    fn named(name: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.iter().find(|(own, _)| *own == name).map(|(_, group)| *group);
        found.ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            Refusal::field("group_by", format!("must be one of {names}"))
        })
    }

    /// Its list, and the name of each in it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Of(_, list, one) | Self::Label(_, list, one) => (list, one),
        }
    }
}

/// What one of them used on a day, of one model or of all.
struct Part {
    day: i64,
    of: String,
    /// What a team is called.
    name: Option<String>,
    model: Option<String>,
    usage: Usage,
}

pub(super) async fn get(
    State(manage): State<Manage>,
    actor: Actor,
    as_csv: Option<Extension<AsCsv>>,
    uri: Uri,
) -> Result<Response, Refusal> {
    actor.must_not_be_bound()?;
    actor.must_see_all()?;
    let known = [&["start_date", "end_date", "group_by"][..], &FILTERS].concat();
    let asked = parameters(&uri, &known)?;
    let group = Group::named(asked.get("group_by").map_or("team", String::as_str))?;
    let (from, until) = span(&asked)?;
    let to = until.map_or(manage.clock.now().day(), |until| until.plus(-1).day());
    let from = from.map_or(to - DAYS + 1, Timestamp::day);
    if to - from >= MOST_DAYS {
        let why = format!("must be at most {MOST_DAYS} days before end_date");
        return Err(Refusal::field("start_date", why));
    }
    // What was just used is in it.
    manage.books.settled(Duration::from_secs(1)).await;
    let mut parts = manage.parts(&actor, group, (from, to), &asked).await?;
    if matches!(group, Group::Of(By::Team, ..)) {
        manage.name_teams(&mut parts).await?;
    }
    if as_csv.is_some() {
        let rows = Rows(parts.iter().map(|part| row(group, part)).collect());
        return Ok(web::no_store((Extension(rows), Json(())).into_response()));
    }
    Ok(web::no_store(Json(shape(group, &parts)).into_response()))
}

impl Manage {
    /// A team that is no more is called by its id.
    async fn name_teams(&self, parts: &mut [Part]) -> Result<(), Refusal> {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for part in parts.iter_mut().filter(|part| !part.of.is_empty()) {
            if !names.contains_key(&part.of) {
                let found = self.store.read(TeamNamed(part.of.clone())).await?;
                let name = found.map_or_else(|| part.of.clone(), |(team, _)| team.alias);
                names.insert(part.of.clone(), name);
            }
            part.name = names.get(&part.of).cloned();
        }
        Ok(())
    }

    async fn parts(
        &self,
        actor: &Actor,
        group: Group,
        (from, to): (i64, i64),
        asked: &BTreeMap<String, String>,
    ) -> Result<Vec<Part>, Refusal> {
        let named = |name: &str| asked.get(name).cloned();
        let parts: Vec<Part> = match group {
            Group::Of(by, ..) => {
                let mut slice = Slice {
                    from,
                    to,
                    key: named("key_id").or(named("api_key")),
                    user: named("user_id"),
                    team: None,
                    app: named("app"),
                    model: named("model"),
                };
                if let Some(team) = asked.get("team_id") {
                    // Those of a team that is no more are in the books by its id.
                    let found = self.team(actor, team).await.ok();
                    slice.team =
                        Some(found.map_or_else(|| team.clone(), |team| team.0.id.to_string()));
                }
                if let Some(key) = &slice.key {
                    // A key that has ended is in the books all the same.
                    let found = self.find(actor, key).await.ok();
                    slice.key = found.map(|key| key.id.to_string()).or(slice.key);
                }
                let cut = ByDayAndWhom { slice, by, limit: MOST_ROWS };
                let cells = self.store.read(cut).await?;
                cells
                    .into_iter()
                    .map(|cell| Part {
                        day: cell.day,
                        of: cell.of.unwrap_or_default(),
                        name: None,
                        model: Some(cell.model),
                        usage: cell.usage,
                    })
                    .collect()
            }
            Group::Label(kind, ..) => {
                if let Some(other) =
                    FILTERS.iter().find(|name| **name != "user_id" && asked.contains_key(**name))
                {
                    let why = "cannot be asked of labels: they are summed by person alone";
                    return Err(Refusal::field(other, why));
                }
                let user = named("user_id");
                let sums = LabelsByDay { kind, from, to, user, limit: MOST_ROWS };
                let sums = self.store.read(sums).await?;
                let part = |(day, of, usage)| Part { day, of, name: None, model: None, usage };
                sums.into_iter().map(part).collect()
            }
        };
        if i64::try_from(parts.len()).is_ok_and(|rows| rows >= MOST_ROWS) {
            let why = format!("spans more than {MOST_ROWS} rows: ask for fewer days");
            return Err(Refusal::field("start_date", why));
        }
        Ok(parts)
    }
}

/// As LiteLLM has it: by day, those who spent, and of each what on which model.
fn shape(group: Group, parts: &[Part]) -> Value {
    let (list, one) = group.names();
    let mut days: BTreeMap<i64, BTreeMap<&str, Vec<&Part>>> = BTreeMap::new();
    for part in parts {
        days.entry(part.day).or_default().entry(&part.of).or_default().push(part);
    }
    let of_one = |(name, parts): (&&str, &Vec<&Part>)| {
        let usage: Usage = parts.iter().map(|part| part.usage).sum();
        let metadata: Vec<Value> = parts
            .iter()
            .filter_map(|part| {
                let model = part.model.as_ref()?;
                Some(json!({"model": model, "spend": part.usage.cost.dollars(),
                    "total_tokens": part.usage.tokens(), "api_requests": part.usage.calls}))
            })
            .collect();
        let mut shape = json!({one: Some(name).filter(|name| !name.is_empty())});
        if let Some(alias) = parts.first().and_then(|part| part.name.as_ref()) {
            shape[one] = json!(alias);
            shape["team_id"] = json!(name);
        }
        shape["total_spend"] = json!(usage.cost.dollars());
        shape["cost"] = json!(usage.cost.to_string());
        shape["total_tokens"] = json!(usage.tokens());
        shape["api_requests"] = json!(usage.calls);
        shape["unpriced_requests"] = json!(usage.unpriced_calls);
        shape["metadata"] = json!(metadata);
        shape
    };
    let day = |(day, of): (&i64, &BTreeMap<&str, Vec<&Part>>)| {
        let all: Vec<Value> = of.iter().map(of_one).collect();
        json!({"group_by_day": date(*day), list: all})
    };
    days.iter().map(day).collect()
}

fn date(day: i64) -> String {
    Timestamp(day.saturating_mul(86_400)).date()
}

fn row(group: Group, part: &Part) -> Value {
    let (_, one) = group.names();
    let mut row = json!({"date": date(part.day), one: part.name.as_ref().unwrap_or(&part.of)});
    if one == "team_name" {
        row["team_id"] = json!(part.of);
    }
    if let Some(model) = part.model.as_ref().filter(|_| one != "model") {
        row["model"] = json!(model);
    }
    let usage = &part.usage;
    row["cost"] = json!(usage.cost.to_string());
    row["calls"] = json!(usage.calls);
    row["input_tokens"] = json!(usage.input_tokens);
    row["output_tokens"] = json!(usage.output_tokens);
    row["unpriced_calls"] = json!(usage.unpriced_calls);
    row
}
