//! Limits by LiteLLM's field names: read from a body, and shown.
use super::{
    Refusal,
    body::{Body, Field},
};
use crate::{
    guard::{Account, Accounts},
    model::{Key, Limits, LimitsPatch, NanoDollars, Timestamp, Window},
    store::spent::Holder,
};
use serde_json::{Map, Value, json};

const LARGEST: i64 = 1_000_000_000;

impl Body {
    pub(super) fn limits(&mut self) -> Result<LimitsPatch, Refusal> {
        let max_budget = self.dollars("max_budget")?;
        let soft_budget = self.dollars("soft_budget")?;
        let window = match self.text("budget_duration")? {
            None => None,
            Some(None) => Some(None),
            Some(Some(text)) => Some(Some(
                text.parse::<Window>()
                    .map_err(|invalid| Refusal::field("budget_duration", invalid.to_string()))?,
            )),
        };
        Ok(LimitsPatch {
            max_budget,
            soft_budget,
            budget_duration: window,
            rpm_limit: self.count("rpm_limit")?,
            tpm_limit: self.count("tpm_limit")?,
            max_parallel_requests: self.count("max_parallel_requests")?,
        })
    }

    /// The same of a member of a team.
    pub(super) fn member_limits(&mut self) -> Result<LimitsPatch, Refusal> {
        let max_budget = self.dollars("max_budget_in_team")?;
        Ok(LimitsPatch { max_budget, ..self.limits()? })
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

fn used(account: &Account, now: Timestamp) -> Value {
    let (limits, balance) = (account.limits(), account.balance(now));
    let mut used = Map::new();
    used.insert("of".into(), json!(account.name));
    used.insert("ledger".into(), json!(account.holder.ledger()));
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
