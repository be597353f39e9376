//! Whether a call's limits let it begin, and what a caller is told of them beside an answer.
use super::{
    Proxy,
    asked::Asked,
    catalog::Model,
    limited::Limited,
    refusal::{Dialect, Reason},
};
use crate::{
    guard::{Accounts, Caller, Reservation},
    model::{Ask, NanoDollars, Timestamp},
    store::spent::Holder,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

impl Proxy {
    /// Reserves the most that the call can use with everybody whose limits bind it.
    pub(super) fn admit(
        &self,
        caller: &Caller,
        model: &Model,
        asked: &Asked,
    ) -> Result<Reservation, Reason> {
        let (input, output, units) = asked.at_most(&model.facts);
        let cost = match model.tariff.price.most(input, output, &units) {
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
