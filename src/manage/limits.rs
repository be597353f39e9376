//! Limits by LiteLLM's field names: read from a body, and shown.
use super::{
    Manage, Refusal,
    body::{Body, Field},
};
use crate::{
    guard::{Account, Accounts},
    model::{
        ByModelPatch, Key, Limits, LimitsPatch, NanoDollars, PatchOf, Route, RouteList, Timestamp,
        Window,
    },
    store::spent::Holder,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const LARGEST: i64 = 1_000_000_000;

impl Manage {
    /// What a body says of limits; a limit of a model that is not served here would bound nothing.
    pub(super) fn limits(&self, body: &mut Body) -> Result<LimitsPatch, Refusal> {
        self.known(body.limits()?)
    }

    /// The same of a member of a team.
    pub(super) fn member_limits(&self, body: &mut Body) -> Result<LimitsPatch, Refusal> {
        let max_budget = body.dollars("max_budget_in_team")?;
        let limits = body.limits()?;
        self.known(LimitsPatch { max_budget: max_budget.or(limits.max_budget), ..limits })
    }

    fn known(&self, patch: LimitsPatch) -> Result<LimitsPatch, Refusal> {
        let served = |model: &str| self.models.iter().any(|known| known.name == model);
        if let Some((field, model)) = patch.by_model.models().find(|(_, model)| !served(model)) {
            let why = format!("names {model:?}, and no [[model]] has that name");
            return Err(Refusal::field(field, why));
        }
        Ok(patch)
    }
}

impl Body {
    fn limits(&mut self) -> Result<LimitsPatch, Refusal> {
        let max_budget = self.dollars("max_budget")?;
        let soft_budget = self.dollars("soft_budget")?;
        let window = self.window("budget_duration")?;
        Ok(LimitsPatch {
            max_budget,
            soft_budget,
            budget_duration: window,
            rpm_limit: self.count("rpm_limit")?,
            tpm_limit: self.count("tpm_limit")?,
            max_parallel_requests: self.count("max_parallel_requests")?,
            allowed_routes: self.routes()?,
            by_model: ByModelPatch {
                max_budget: self.by_model("model_max_budget", budget_of_model)?,
                rpm_limit: self.by_model("model_rpm_limit", count_of_model)?,
                tpm_limit: self.by_model("model_tpm_limit", count_of_model)?,
            },
        })
    }

    fn window(&mut self, name: &str) -> Result<Field<Window>, Refusal> {
        let parse = |text: String| {
            text.parse::<Window>().map_err(|invalid| Refusal::field(name, invalid.to_string()))
        };
        self.text(name)?.map(|text| text.map(parse).transpose()).transpose()
    }

    fn routes(&mut self) -> Result<Field<RouteList>, Refusal> {
        let parse = |entries: Vec<String>| {
            RouteList::parse(entries).map_err(|entry| {
                let known: Vec<_> = Route::ALL.iter().map(|route| route.path()).collect();
                let why = format!(
                    "has {entry:?}, which fits no route: there are {}, llm_api_routes, openai_routes and \
                     anthropic_routes",
                    known.join(", ")
                );
                Refusal::field("allowed_routes", why)
            })
        };
        let texts = self.texts("allowed_routes")?;
        texts.map(|texts| texts.map(parse).transpose()).transpose()
    }

    /// An object with an entry for each model it speaks of; null takes the limit away.
    fn by_model<T>(
        &mut self,
        field: &'static str,
        read: impl Fn(&mut Body, &str) -> Result<Field<T>, Refusal>,
    ) -> Result<PatchOf<T>, Refusal> {
        let models = match self.object(field)? {
            None => return Ok(PatchOf::Keep),
            Some(None) => return Ok(PatchOf::Clear),
            Some(Some(models)) => models,
        };
        let mut each = BTreeMap::new();
        for (model, value) in models {
            let mut one = Body::from(Map::from_iter([(model.clone(), value)]));
            let limit = read(&mut one, &model).map_err(|refusal| refusal.within(field))?;
            each.insert(model, limit.flatten());
        }
        Ok(PatchOf::Set(each))
    }

    /// What stands in a JSON number, as it is written there: no float is ever made of it.
    pub(super) fn dollars(&mut self, name: &str) -> Result<Field<NanoDollars>, Refusal> {
        self.take(name, |value| {
            const WHAT: &str = "must be a number of dollars from 0 to 1000000, such as 20 or 0.125";
            let Value::Number(number) = value else { return Err(WHAT) };
            NanoDollars::of_number(&number.to_string()).ok_or(WHAT)
        })
    }

    fn count(&mut self, name: &str) -> Result<Field<i64>, Refusal> {
        self.take(name, |value| {
            let number = value.as_i64().filter(|number| (0..=LARGEST).contains(number));
            number.ok_or("must be a whole number from 0 to 1000000000")
        })
    }
}

fn count_of_model(one: &mut Body, model: &str) -> Result<Field<i64>, Refusal> {
    one.count(model)
}

/// `{"max_budget": 5, "budget_duration": "daily"}`; a number alone is a budget for ever. LiteLLM's older names
/// `budget_limit` and `time_period` are read too.
fn budget_of_model(
    one: &mut Body,
    model: &str,
) -> Result<Field<(NanoDollars, Option<Window>)>, Refusal> {
    if !one.is_object(model) {
        return Ok(one.dollars(model)?.map(|budget| budget.map(|budget| (budget, None))));
    }
    let mut members = Body::from(one.object(model)?.flatten().unwrap_or_default());
    let budget = members.dollars("max_budget")?.or(members.dollars("budget_limit")?).flatten();
    let window = members.window("budget_duration")?.or(members.window("time_period")?).flatten();
    members.done()?;
    match budget {
        Some(budget) => Ok(Some(Some((budget, window)))),
        None => Err(Refusal::field("max_budget", "must say how many dollars")),
    }
}

/// The fields themselves, null where there is no limit.
pub(super) fn show(shape: &mut Value, limits: &Limits) {
    let Some(shape) = shape.as_object_mut() else { return };
    let mut put = |name: &str, value: Value| shape.insert(name.into(), value);
    put("max_budget", json!(limits.max_budget.map(NanoDollars::dollars)));
    put("soft_budget", json!(limits.soft_budget.map(NanoDollars::dollars)));
    put("budget_duration", json!(limits.budget_duration));
    put("rpm_limit", json!(limits.rpm_limit));
    put("tpm_limit", json!(limits.tpm_limit));
    put("max_parallel_requests", json!(limits.max_parallel_requests));
    put("allowed_routes", json!(limits.allowed_routes.as_ref().map(RouteList::entries)));
    put(
        "model_max_budget",
        by_model(limits, |own| own.max_budget.map(|budget| budget_json(budget, own))),
    );
    put("model_rpm_limit", by_model(limits, |own| own.rpm_limit.map(|limit| json!(limit))));
    put("model_tpm_limit", by_model(limits, |own| own.tpm_limit.map(|limit| json!(limit))));
}

fn budget_json(budget: NanoDollars, own: &Limits) -> Value {
    json!({"max_budget": budget.dollars(), "budget_duration": own.budget_duration})
}

/// What is said of each model, or null.
fn by_model(limits: &Limits, of: impl Fn(&Limits) -> Option<Value>) -> Value {
    let each = limits.by_model.iter();
    let said: Map<String, Value> =
        each.filter_map(|(model, own)| Some((model.clone(), of(own)?))).collect();
    if said.is_empty() { Value::Null } else { Value::Object(said) }
}

/// What is used of each limit that binds a key. Where its own budget begins anew, `spend` is of the window that runs.
pub(super) fn add_used(info: &mut Value, key: &Key, accounts: &Accounts, now: Timestamp) {
    let own = Holder::Key(key.id.clone());
    for account in accounts.iter().filter(|account| account.holder == own) {
        let (limits, balance) = (account.limits(), account.balance(now));
        if limits.budget_duration.is_some() && limits.counts_money() {
            info["spend"] = json!(balance.spent.dollars());
            info["budget_reset_at"] = json!(balance.resets.map(Timestamp::rfc3339));
        }
    }
    info["limits"] = accounts.iter().map(|account| used(account, now)).collect();
}

pub(super) fn used(account: &Account, now: Timestamp) -> Value {
    let (limits, balance) = (account.limits(), account.balance(now));
    let mut used = Map::new();
    used.insert("of".into(), json!(account.name));
    used.insert("ledger".into(), json!(account.holder.ledger()));
    used.insert("model".into(), json!(account.model));
    let mut used = Value::Object(used);
    show(&mut used, &limits);
    used["spend"] = json!(balance.spent.dollars());
    used["reserved"] = json!(balance.reserved.dollars());
    used["budget_reset_at"] = json!(balance.resets.map(Timestamp::rfc3339));
    used["running"] = json!(balance.running);
    used["requests_this_minute"] = json!(balance.requests);
    used["tokens_this_minute"] = json!(balance.tokens);
    used
}
