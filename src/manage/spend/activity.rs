//! `GET /{user,team,key,app,model}/daily/activity`: what was used by day, in LiteLLM's shape.
use super::{Actor, Manage, Refusal, span};
use crate::{
    manage::page::parameters,
    model::{Timestamp, Usage},
    store::activity::{Activity, DayOfModel, Of},
    web,
};
use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Without dates: so many days, today as the last.
const DAYS: i64 = 30;
/// A row for each day and model is read: years at once are no page.
const MOST_DAYS: i64 = 400;

/// What is asked, and by whom.
struct Asked {
    actor: Actor,
    by_name: BTreeMap<String, String>,
}

impl Asked {
    fn read(actor: Actor, uri: &Uri, what: &str) -> Result<Self, Refusal> {
        actor.must_not_be_bound()?;
        let by_name = parameters(uri, &["start_date", "end_date", what])?;
        Ok(Self { actor, by_name })
    }

    fn need(&self, name: &str) -> Result<&str, Refusal> {
        let text = self.by_name.get(name).filter(|text| !text.is_empty());
        let missing = || Refusal::field(name, "must say whose activity is meant");
        text.map(String::as_str).ok_or_else(missing)
    }
}

/// Everybody's for who sees all and names nobody; else one's own.
pub(super) async fn of_user(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    let asked = Asked::read(actor, &uri, "user_id")?;
    let own = asked.actor.user().map(ToString::to_string);
    let of = match (asked.by_name.get("user_id"), own) {
        (None, _) if asked.actor.rights().sees_all() => Of::Everybody,
        (None, Some(own)) => Of::User(own),
        (Some(named), own) => {
            if own.as_ref() != Some(named) {
                asked.actor.must_see_all()?;
            }
            Of::User(named.clone())
        }
        (None, None) => return Err(Refusal::field("user_id", "must say who is meant")),
    };
    manage.activity(&asked, of).await
}

pub(super) async fn of_team(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    let asked = Asked::read(actor, &uri, "team_id")?;
    let team = manage.team(&asked.actor, asked.need("team_id")?).await?.0;
    manage.activity(&asked, Of::Team(team.id.to_string())).await
}

pub(super) async fn of_key(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    let asked = Asked::read(actor, &uri, "key_id")?;
    let named = asked.need("key_id")?;
    // A key that has ended is in the books all the same.
    let id = match manage.find(&asked.actor, named).await {
        Ok(key) => key.id.to_string(),
        Err(_) if asked.actor.rights().sees_all() => named.to_owned(),
        Err(refused) => return Err(refused),
    };
    manage.activity(&asked, Of::Key(id)).await
}

pub(super) async fn of_app(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    let asked = Asked::read(actor, &uri, "app")?;
    asked.actor.must_see_all()?;
    let of = Of::App(asked.need("app")?.to_owned());
    manage.activity(&asked, of).await
}

pub(super) async fn of_model(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    let asked = Asked::read(actor, &uri, "model")?;
    asked.actor.must_see_all()?;
    let of = Of::Model(asked.need("model")?.to_owned());
    manage.activity(&asked, of).await
}

impl Manage {
    async fn activity(&self, asked: &Asked, of: Of) -> Result<Response, Refusal> {
        let (from, until) = span(&asked.by_name)?;
        let to = until.map_or(self.clock.now().day(), |until| until.plus(-1).day());
        let from = from.map_or(to - DAYS + 1, Timestamp::day);
        if to - from >= MOST_DAYS {
            let why = format!("must be at most {MOST_DAYS} days before end_date");
            return Err(Refusal::field("start_date", why));
        }
        // What was just used is in it.
        self.books.settled(Duration::from_secs(1)).await;
        let days = self.store.read(Activity { of, from, to }).await?;
        Ok(web::no_store(Json(shape(&days)).into_response()))
    }
}

fn shape(rows: &[DayOfModel]) -> Value {
    let mut days: BTreeMap<i64, Vec<&DayOfModel>> = BTreeMap::new();
    for row in rows {
        days.entry(row.day).or_default().push(row);
    }
    let day = |(day, rows): (&i64, &Vec<&DayOfModel>)| {
        let models: Map<String, Value> = rows
            .iter()
            .map(|row| (row.model.clone(), json!({"metrics": metrics(&[row])})))
            .collect();
        json!({
            "date": Timestamp(day.saturating_mul(86_400)).date(),
            "metrics": metrics(rows),
            "breakdown": {"models": models},
        })
    };
    let all: Vec<&DayOfModel> = rows.iter().collect();
    let results: Vec<Value> = days.iter().rev().map(day).collect();
    json!({"results": results, "metadata": metrics(&all)})
}

fn metrics(rows: &[&DayOfModel]) -> Value {
    let usage: Usage = rows.iter().map(|row| row.usage).sum();
    let sum = |of: fn(&DayOfModel) -> i64| rows.iter().map(|row| of(row)).sum::<i64>();
    let failed = sum(|row| row.failed_calls);
    json!({
        "spend": usage.cost.dollars(),
        "cost": usage.cost.to_string(),
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.tokens(),
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "api_requests": usage.calls,
        "successful_requests": usage.calls - failed,
        "failed_requests": failed,
        "aborted_requests": sum(|row| row.aborted_calls),
        "estimated_requests": sum(|row| row.estimated_calls),
        "unpriced_requests": usage.unpriced_calls,
    })
}
