//! Why a limit lets a call not begin, in figures and in words.
use crate::{
    guard::Refused,
    model::{Broken, NanoDollars, Timestamp},
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value, json};

/// What others have reserved is free again soon.
const SOON: i64 = 1;

/// As it is answered.
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

impl Limited {
    /// In the words for whoever is refused; a spent budget has the status that the settings give it.
    pub(super) fn of(refused: &Refused, (budget_status, now): (u16, Timestamp)) -> Self {
        let name = &refused.account.name;
        let mut limited = match refused.broken {
            Broken::Budget { limit, spent, resets } => {
                Self::spent((name, limit, spent), resets, (budget_status, now))
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
        (name, limit, spent): (&str, NanoDollars, NanoDollars),
        resets: Option<Timestamp>,
        (budget_status, now): (u16, Timestamp),
    ) -> Self {
        let mut limited = Limited::new("budget_exceeded", None);
        limited.status = budget_status;
        limited.retry = false;
        let waits = budget_status == 429;
        limited.retry_after = resets.map(|at| until(at, now)).filter(|_| waits);
        let anew = match resets {
            Some(at) => format!("It begins anew at {}.", at.rfc3339()),
            None => "Only an admin can raise it.".to_owned(),
        };
        limited.message =
            format!("The budget of {name} is used up: ${spent} of ${limit} are spent. {anew}");
        limited.figures("budget", json!(limit.dollars()), json!(spent.dollars()), resets);
        if waits {
            // OpenAI's word, on which programs stop that would else wait for the reset.
            limited.say("code", json!("insufficient_quota"));
        }
        limited
    }

    fn new(kind: &'static str, retry_after: Option<i64>) -> Self {
        let (message, more) = (String::new(), Map::new());
        Self { status: 429, kind, message, retry_after, retry: true, more }
    }

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

fn until(at: Timestamp, now: Timestamp) -> i64 {
    (at.0 - now.0).max(1)
}
