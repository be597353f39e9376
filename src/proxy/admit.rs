//! Whether a call's limits let it begin, and what is said of them.
use super::{
    Proxy,
    catalog::Model,
    estimate::about,
    refusal::{Dialect, Reason},
    request::Head,
};
use crate::{
    guard::{Accounts, Caller, Refused, Reservation},
    model::{Ask, Broken, Facts, NanoDollars, Timestamp},
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value, json};

/// Where nobody says how long a model's answers may become.
const LONGEST_ANSWER: i64 = 32_768;
/// What others have reserved is free again soon.
const SOON: i64 = 1;

/// Why a limit lets a call not begin, in figures and in words.
#[derive(Debug)]
pub(super) struct Limited {
    pub(super) status: u16,
    /// LiteLLM's word for it.
    pub(super) kind: &'static str,
    pub(super) message: String,
    /// Seconds after which it is worth another try.
    pub(super) retry_after: Option<i64>,
    /// Whether a program should try again by itself: a spent budget does not come back by that.
    pub(super) retry: bool,
    /// Members of the error object beside the usual ones.
    pub(super) more: Map<String, Value>,
}

impl Proxy {
    /// Reserves the most that the call can use with everybody whose limits bind it.
    pub(super) fn admit(
        &self,
        caller: &Caller,
        model: &Model,
        head: &Head,
        length: usize,
    ) -> Result<Reservation, Reason> {
        let (input, output) = (about(length), longest(&model.facts, head));
        let cost = match model.tariff.price.most(input, output) {
            Some(cost) => cost,
            None if self.limits.allow_unpriced || !caller.key.has_budget_for(&model.name) => {
                NanoDollars(0)
            }
            None => return Err(Reason::Unpriced(model.name.clone())),
        };
        let ask = Ask { cost, tokens: input.saturating_add(output) };
        let now = self.clock.now();
        Reservation::take(&caller.accounts, &model.name, now, ask)
            .map_err(|refused| Reason::Limited(Box::new(self.limited(&refused, now))))
    }

    fn limited(&self, refused: &Refused, now: Timestamp) -> Limited {
        let name = &refused.account.name;
        let mut limited = match refused.broken {
            Broken::Budget { limit, spent, resets } => {
                self.spent((name, limit, spent), resets, now)
            }
            Broken::Reserved { limit, spent, reserved } => {
                let mut limited = Limited::new("budget_reserved", Some(SOON));
                limited.message = format!(
                    "Calls that are running may use up the rest of the budget of {name}: ${spent} of ${limit} are \
                     spent and ${reserved} reserved. Try again when one of them has ended, or with a smaller \
                     max_tokens."
                );
                limited.figures("budget", json!(limit.dollars()), json!(spent.dollars()), None);
                limited.say("reserved", json!(reserved.dollars()));
                limited
            }
            Broken::Requests { limit, resets } => {
                let mut limited = Limited::new("rate_limit_exceeded", Some(until(resets, now)));
                limited.message =
                    format!("The limit of {name} is {limit} requests a minute (rpm_limit).");
                limited.figures("requests", json!(limit), json!(limit), Some(resets));
                limited
            }
            Broken::Tokens { limit, used, resets } => {
                let mut limited = Limited::new("rate_limit_exceeded", Some(until(resets, now)));
                limited.message = format!(
                    "The limit of {name} is {limit} tokens a minute (tpm_limit); {used} are used or reserved, and \
                     this call may use more than the rest."
                );
                limited.figures("tokens", json!(limit), json!(used), Some(resets));
                limited
            }
            Broken::Parallel { limit } => {
                let mut limited = Limited::new("rate_limit_exceeded", Some(SOON));
                limited.message = format!(
                    "The limit of {name} is {limit} calls at a time (max_parallel_requests)."
                );
                limited.figures("max_parallel_requests", json!(limit), json!(limit), None);
                limited
            }
        };
        limited.say("ledger", json!(refused.account.holder.ledger()));
        limited
    }

    fn spent(
        &self,
        (name, limit, spent): (&str, NanoDollars, NanoDollars),
        resets: Option<Timestamp>,
        now: Timestamp,
    ) -> Limited {
        let mut limited = Limited::new("budget_exceeded", None);
        limited.status = self.limits.budget_status;
        limited.retry = false;
        let waits = self.limits.budget_status == 429;
        limited.retry_after = resets.map(|at| until(at, now)).filter(|_| waits);
        let anew = match resets {
            Some(at) => format!("It begins anew at {}.", at.rfc3339()),
            None => "Only an admin can raise it.".to_owned(),
        };
        limited.message =
            format!("The budget of {name} is used up: ${spent} of ${limit} are spent. {anew}");
        limited.figures("budget", json!(limit.dollars()), json!(spent.dollars()), resets);
        limited
    }
}

fn until(at: Timestamp, now: Timestamp) -> i64 {
    (at.0 - now.0).max(1)
}

impl Limited {
    fn new(kind: &'static str, retry_after: Option<i64>) -> Self {
        let (message, more) = (String::new(), Map::new());
        Self { status: 429, kind, message, retry_after, retry: true, more }
    }
}

impl Limited {
    pub(super) fn dress(&self, headers: &mut HeaderMap) {
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if !self.retry {
            // The official SDKs raise at once where they read this (field report K26).
            let name = HeaderName::from_static("x-should-retry");
            headers.insert(name, HeaderValue::from_static("false"));
        }
    }

    fn say(&mut self, member: &str, value: Value) {
        self.more.insert(member.into(), value);
    }

    fn figures(&mut self, kind: &str, limit: Value, used: Value, resets: Option<Timestamp>) {
        self.say("rate_limit_type", json!(kind));
        self.say("limit", limit);
        self.say("used", used);
        self.say("reset_at", json!(resets.map(Timestamp::rfc3339)));
    }
}

/// The most tokens that all choices of an answer can have.
fn longest(facts: &Facts, head: &Head) -> i64 {
    let ceiling = facts.max_output_tokens.or(facts.context_length);
    let each = match (head.max_tokens, ceiling) {
        (Some(asked), Some(ceiling)) => asked.min(ceiling),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => LONGEST_ANSWER,
    };
    each.saturating_mul(head.choices)
}

/// What a caller is told of the limits beside an answer: OpenAI's six headers, as the tightest limits have them (K36),
/// and a warning where a soft budget is spent.
pub(super) fn tell(
    headers: &mut HeaderMap,
    (accounts, model): (&Accounts, &str),
    dialect: Dialect,
    now: Timestamp,
) {
    let mut requests: Option<(i64, i64)> = None;
    let mut tokens: Option<(i64, i64)> = None;
    let tighter = |known: &mut Option<(i64, i64)>, own: Option<(i64, i64)>| {
        if let Some(own) = own.filter(|own| known.is_none_or(|known| own.1 < known.1)) {
            *known = Some(own);
        }
    };
    for account in accounts.iter().filter(|account| account.binds(model)) {
        let told = account.told(now);
        tighter(&mut requests, told.requests);
        tighter(&mut tokens, told.tokens);
        if let Some(warning) = told.warning {
            warn(headers, &warning);
        }
    }
    if dialect == Dialect::Anthropic {
        return;
    }
    let resets = 60 - now.0.rem_euclid(60);
    for (what, figures) in [("requests", requests), ("tokens", tokens)] {
        let Some((limit, left)) = figures else { continue };
        let values = [("limit", limit.to_string()), ("remaining", left.to_string())];
        for (name, value) in values.into_iter().chain([("reset", format!("{resets}s"))]) {
            let name = HeaderName::try_from(format!("x-ratelimit-{name}-{what}"));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
    }
}

fn warn(headers: &mut HeaderMap, text: &str) {
    const WARNING: HeaderName = HeaderName::from_static("x-gatekey-budget-warning");
    // Names of people and teams may hold what no header can.
    let plain: String =
        text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect();
    if let Ok(value) = HeaderValue::try_from(plain) {
        headers.append(WARNING, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_was_asked_or_as_the_model_can() {
        let of = |asked: &str, ceiling| {
            let body = format!("{{\"model\":\"m\"{asked}}}");
            let facts = Facts { max_output_tokens: ceiling, ..Facts::default() };
            longest(&facts, &Head::find(body.as_bytes()).unwrap())
        };
        assert_eq!(of(",\"max_tokens\":100", Some(4096)), 100);
        assert_eq!(of(",\"max_tokens\":9000", Some(4096)), 4096);
        assert_eq!(of(",\"max_tokens\":90000", None), 90_000);
        assert_eq!(of(",\"max_completion_tokens\":5,\"max_tokens\":9,\"n\":3", None), 15);
        assert_eq!(of("", Some(4096)), 4096);
        for odd in ["", ",\"max_tokens\":\"9\"", ",\"max_tokens\":-1", ",\"max_tokens\":1e99"] {
            assert_eq!(of(odd, None), LONGEST_ANSWER, "{odd}");
        }
        assert_eq!(of(&format!(",\"max_tokens\":{},\"n\":999", i64::MAX), None), i64::MAX);
    }
}
