//! Whether a call's limits let it begin, and what a caller is told of them beside an answer.
use super::{
    Proxy,
    catalog::Model,
    limited::Limited,
    refusal::{Dialect, Reason},
    request::Head,
};
use crate::{
    guard::{Accounts, Caller, Reservation},
    model::{Ask, Facts, NanoDollars, Timestamp},
    store::spent::Holder,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Where nobody says how long a model's answers may become.
const LONGEST_ANSWER: i64 = 32_768;
impl Proxy {
    /// Reserves the most that the call can use with everybody whose limits bind it.
    pub(super) fn admit(
        &self,
        caller: &Caller,
        model: &Model,
        head: &Head,
        input: i64,
    ) -> Result<Reservation, Reason> {
        let output = longest(&model.facts, head);
        let cost = match model.tariff.price.most(input, output) {
            Some(cost) => cost,
            None if self.limits.allow_unpriced || !caller.key.has_budget_for(&model.name) => {
                NanoDollars(0)
            }
            None => return Err(Reason::Unpriced(model.name.clone())),
        };
        let ask = Ask { cost, tokens: input.saturating_add(output) };
        let now = self.clock.now();
        Reservation::take(&caller.accounts, &model.name, now, ask).map_err(|refused| {
            Reason::Limited(Box::new(Limited::of(&refused, (self.limits.budget_status, now))))
        })
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
        if let (Holder::Key(_), Some(spent)) = (&account.holder, told.spent) {
            tell_dollars(headers, "x-litellm-key-spend", spent);
        }
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

/// For clients that read LiteLLM's headers: exact, in dollars.
pub(super) fn tell_dollars(headers: &mut HeaderMap, name: &'static str, dollars: NanoDollars) {
    if let Ok(value) = HeaderValue::try_from(dollars.to_string()) {
        headers.insert(HeaderName::from_static(name), value);
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
