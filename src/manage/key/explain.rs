//! `POST /key/explain`: why a call would be refused. A dry run of every rule it would meet, in the order it meets
//! them, with the figures of this moment; nothing is reserved or counted.
use super::{Actor, Manage, Refusal};
use crate::{
    config::UpstreamKind,
    guard::{Account, Whose},
    manage::{Served, body::Body},
    model::{Ask, Broken, KeptLimits, Key, KeyState, Limits, NanoDollars, Route, Timestamp},
    web,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

pub(super) async fn post(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    let named = body.need("key", "key")?;
    let model = body.need("model", "model")?;
    let route = body.text("route")?.flatten();
    body.done()?;
    let key = manage.find(&actor, &named).await?;
    let accounts = manage.guard.accounts(&Whose::Key(key.id.clone())).await?;
    let now = manage.clock.now();
    let served = manage.models.iter().find(|served| served.name == model);
    let mut rules = vec![state(&key, now)];
    rules.extend(routes(&key, served, route.as_deref()));
    rules.extend(lists(&key, &model, served.map_or(&[], |served| &served.groups)));
    rules.push(is_served(served, &model, route.as_deref()));
    if key.has_budget_for(&model) && !manage.rules.allow_unpriced {
        rules.extend(served.map(is_priced));
    }
    for account in accounts.iter().filter(|account| account.binds(&model)) {
        rules.extend(of_account(account, now));
    }
    let refused = rules.iter().find(|rule| rule["refuses"] == true).cloned();
    let body = json!({
        "key": key.id,
        "model": model,
        "admitted": refused.is_none(),
        "refused_by": refused,
        "rules": rules,
    });
    Ok(web::no_store(Json(body).into_response()))
}

/// One rule, by the name that the refusal of a call has for it.
fn rule(name: &str, of: &str, refuses: bool, says: &str) -> Value {
    json!({"rule": name, "of": of, "refuses": refuses, "says": says})
}

fn state(key: &Key, now: Timestamp) -> Value {
    match key.state(now) {
        KeyState::Live => rule("key", "the key", false, "it works"),
        KeyState::Expired => {
            let end = key.expires_at.map(Timestamp::rfc3339).unwrap_or_default();
            rule("expired_key", "the key", true, &format!("it ended at {end}"))
        }
        KeyState::Blocked => {
            let why = key.why_blocked().unwrap_or_default();
            rule("auth_error", "the key", true, &why)
        }
    }
}

/// Of everybody who says which routes may be used. Without a route: whether one of the model's may.
fn routes(key: &Key, served: Option<&Served>, route: Option<&str>) -> Vec<Value> {
    let asked: Vec<Route> = match (route, served) {
        (Some(path), _) => Route::named(path).into_iter().collect(),
        (None, Some(served)) => routes_of(served.kind),
        (None, None) => Vec::new(),
    };
    let judge = |(of, limits): (&'static str, &KeptLimits)| {
        let list = limits.allowed_routes.as_ref().filter(|_| !asked.is_empty())?;
        let allows = asked.iter().any(|route| list.allows(*route));
        let says = format!("its allowed_routes are {}", list.entries().join(", "));
        Some(rule("key_route_access_denied", of, !allows, &says))
    };
    key.all_limits().filter_map(judge).collect()
}

fn routes_of(kind: UpstreamKind) -> Vec<Route> {
    Route::ALL.into_iter().filter(|route| kind.serves(*route)).collect()
}

fn lists(key: &Key, model: &str, groups: &[String]) -> Vec<Value> {
    let judge = |(of, list): (&str, &crate::model::ModelList)| {
        let allows = list.allows(model, groups);
        let says = match (allows, list.0.is_empty()) {
            (true, true) => "no list: every model".to_owned(),
            (true, false) => format!("its list allows {model:?}"),
            (false, _) => format!("its list does not have {model:?}: {}", list.0.join(", ")),
        };
        rule("key_model_access_denied", of, !allows, &says)
    };
    key.model_lists().map(judge).collect()
}

fn is_served(served: Option<&Served>, model: &str, route: Option<&str>) -> Value {
    let name = "model_not_found";
    let Some(served) = served else {
        return rule(name, "the settings", true, &format!("there is no [[model]] {model:?}"));
    };
    let routes = routes_of(served.kind);
    let fits = |path: &str| Route::named(path).is_some_and(|route| routes.contains(&route));
    let wrong = route.is_some_and(|path| !fits(path));
    let paths: Vec<&str> = routes.iter().map(|route| route.path()).collect();
    let says = format!("{model:?} is served on {}", paths.join(" and "));
    rule(name, "the settings", wrong, &says)
}

fn is_priced(served: &Served) -> Value {
    let (model, refuses) = (&served.name, !served.priced);
    let says = if refuses {
        format!("nobody knows what {model:?} costs, and a budget binds the key")
    } else {
        format!("the price of {model:?} is known")
    };
    rule("model_price_unknown", "the settings", refuses, &says)
}

/// The rules of one holder of limits, as a call of no size meets them.
fn of_account(account: &Account, now: Timestamp) -> Vec<Value> {
    let (limits, balance) = (account.limits(), account.balance(now));
    let broken = account.judge(now, Ask { cost: NanoDollars(0), tokens: 0 }).err();
    let refuses = |kind: &str| broken.as_ref().is_some_and(|broken| named(broken) == kind);
    let figures = |kind: &str, limit: Value, used: Value, resets: Option<Timestamp>| {
        json!({
            "rule": kind,
            "of": account.name,
            "ledger": account.holder.ledger(),
            "refuses": refuses(kind),
            "limit": limit,
            "used": used,
            "reset_at": resets.map(Timestamp::rfc3339),
        })
    };
    let Limits { max_budget, rpm_limit, tpm_limit, max_parallel_requests, .. } = limits;
    let minute = Some(balance.minute_ends);
    let budget = max_budget.map(|limit| {
        let (limit, used) = (json!(limit.dollars()), json!(balance.spent.dollars()));
        let mut budget = figures("budget", limit, used, balance.resets);
        budget["reserved"] = json!(balance.reserved.dollars());
        budget
    });
    let count = |kind, limit: Option<i64>, used: i64, resets| {
        limit.map(|limit| figures(kind, json!(limit), json!(used), resets))
    };
    let pace = [
        count("requests", rpm_limit, balance.requests, minute),
        count("tokens", tpm_limit, balance.tokens, minute),
        count("max_parallel_requests", max_parallel_requests, balance.running, None),
    ];
    [budget].into_iter().chain(pace).flatten().collect()
}

/// `rate_limit_type` of a refusal.
fn named(broken: &Broken) -> &'static str {
    match broken {
        Broken::Budget { .. } | Broken::Reserved { .. } => "budget",
        Broken::Requests { .. } => "requests",
        Broken::Tokens { .. } => "tokens",
        Broken::Parallel { .. } => "max_parallel_requests",
    }
}
