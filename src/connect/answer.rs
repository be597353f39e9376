//! A person's answer, proven to be one: the CSRF rules live here and nowhere else.
use super::Refusal;
use crate::{
    model::{Each, Handle, Limit, NanoDollars, Says, Spends, TeamId, UserCode},
    store::Store,
    web::{self, BadQuery, Browser, ClientAddress, NoSession, Session, Site},
    world::{Clock, Entropy},
};
use axum::{
    Form,
    extract::{FromRef, FromRequest, FromRequestParts, Request},
    http::Method,
};
use serde::Deserialize;

/// The extractor of a dialect's `answer` handler. Who has one has a form of ours, sent by a page of ours;
/// that the handle is this browser's, alive and unused is for the statement that uses it up.
pub struct Answer {
    pub(super) handle: Handle,
    pub(super) browser: Browser,
    /// A no needs no session, and neither does a request that a live key brought.
    pub(super) session: Option<Session>,
    pub(super) address: ClientAddress,
    pub(super) says: Says,
    /// The person the page spoke to.
    pub(super) shown: Option<String>,
    /// What a terminal shows, as the person typed it.
    pub(super) user_code: Option<UserCode>,
}

#[derive(Deserialize)]
struct Fields {
    /// LiteLLM's CLI calls it so in its own form.
    #[serde(alias = "browser_complete_token")]
    request: String,
    answer: Option<String>,
    lifetime: Option<String>,
    budget: Option<String>,
    budget_each: Option<String>,
    #[serde(alias = "team_id")]
    team: Option<String>,
    user: Option<String>,
    user_code: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for Answer
where
    Store: FromRef<S>,
    Clock: FromRef<S>,
    Entropy: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let is_form = parts.method == Method::POST;
        let trusted = match parts.method {
            Method::POST => web::is_from_us(&parts.headers),
            // Says nothing: it can only bring a request whose consent is implied. A HEAD, not even that.
            Method::GET => web::is_navigation(&parts.headers),
            _ => false,
        };
        if !trusted {
            return Err(Refusal::Foreign);
        }
        let Ok(browser) = Browser::from_request_parts(&mut parts, state).await;
        let Ok(address) = ClientAddress::from_request_parts(&mut parts, state).await;
        let session = match Session::from_request_parts(&mut parts, state).await {
            Ok(session) => Some(session),
            Err(NoSession::SignedOut) => None,
            Err(NoSession::Trouble(error)) => return Err(error.into()),
        };
        let form = Form::from_request(Request::from_parts(parts, body), state).await;
        let Form(fields): Form<Fields> =
            form.map_err(|_| BadQuery("The form came incomplete. Go back and try again.".into()))?;
        let says = if is_form { fields.says()? } else { Says::Nothing };
        let handle = Handle::presented(&fields.request);
        let user_code = fields.user_code.as_deref().and_then(UserCode::typed);
        Ok(Self { handle, browser, session, address, says, shown: fields.user, user_code })
    }
}

impl Fields {
    fn says(&self) -> Result<Says, BadQuery> {
        let lifetime = match self.lifetime.as_deref() {
            None | Some("") => None,
            Some(text) => {
                let wrong = |_| BadQuery("The lifetime is none of those offered.".into());
                Some(text.parse().map_err(wrong)?)
            }
        };
        let team = self.team.as_deref().filter(|team| !team.is_empty()).map(TeamId::named);
        let by_hand = self.answer.as_deref() == Some("by-hand");
        match self.answer.as_deref() {
            Some("allow" | "by-hand") => {
                Ok(Says::Yes { lifetime, team, spends: self.spends()?, by_hand })
            }
            // Who typed the terminal's code says yes by that.
            None if self.user_code.is_some() => {
                Ok(Says::Yes { lifetime, team, spends: self.spends()?, by_hand })
            }
            Some("deny") => Ok(Says::No),
            _ => Err(BadQuery("The form says neither yes nor no.".into())),
        }
    }

    /// What the person lets the key spend; an empty field leaves that to the settings.
    fn spends(&self) -> Result<Spends, BadQuery> {
        let Some(text) = self.budget.as_deref() else { return Ok(Spends::AsAsked) };
        let text = text.trim().trim_start_matches('$');
        if text.is_empty() {
            return Ok(Spends::AsSet);
        }
        let dollars = NanoDollars::parse(text).map_err(|_| {
            let why = "The budget must be an amount of dollars, such as 5 or 0.50. Go back and change it.";
            BadQuery(why.into())
        })?;
        let each = match self.budget_each.as_deref() {
            None | Some("") => None,
            Some(text) => {
                let wrong =
                    || BadQuery("The budget begins anew at none of the times offered.".into());
                Some(Each::parse(text).ok_or_else(wrong)?)
            }
        };
        Ok(Spends::AtMost(Limit { dollars, each }))
    }
}
