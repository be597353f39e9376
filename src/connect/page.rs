//! `GET /connect/{handle}`: who asks, for what, and where the key goes. Looking changes nothing.
use super::{Journey, Refusal};
use crate::{
    model::{
        ConnectRequest, Consent, Each, Expired, Handle, KeyState, Lifetime, Limit, Membership,
        NanoDollars, Reply, ReturnAddress, Rights, User, Window, place,
    },
    store::{keys::KeyById, member_limits::CapOf, members::TeamsOf, requests::RequestOf},
    web::{self, Browser, NoSession, Page, Session, Site},
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
};

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    site: &'a Site,
    request: &'a ConnectRequest,
    user: &'a User,
    handle: &'a str,
    /// Where the key goes; `None` means this browser.
    to: Option<Target<'a>>,
    lifetimes: Vec<Lifetime>,
    chosen: Lifetime,
    /// Those the key may be for; of several the person chooses.
    teams: Vec<Membership>,
    budget: Budget,
}

/// What the page offers of the key's budget. A key that another begets shares that one's.
struct Budget {
    /// What the app asks for, cut down to the cap.
    asked: Option<Limit>,
    /// The tightest budget that binds the person anyway.
    cap: Option<NanoDollars>,
    /// What the settings give a key of which nobody says otherwise.
    unsaid: Option<(NanoDollars, Option<Window>)>,
    shared: bool,
}

impl Budget {
    fn value(&self) -> String {
        self.asked.map(|limit| limit.dollars.to_string()).unwrap_or_default()
    }

    fn placeholder(&self) -> String {
        self.unsaid.map_or("no limit of its own".into(), |(dollars, _)| dollars.to_string())
    }

    /// What becomes of an empty field, and how far a full one reaches.
    fn words(&self) -> String {
        let mut words = Vec::new();
        match (self.asked, self.unsaid) {
            (Some(_), _) => words.push("As the app asks.".to_owned()),
            (None, Some((dollars, None))) => {
                words.push(format!("{} if you leave it open.", dollars.in_words()));
            }
            (None, Some((dollars, Some(window)))) => {
                words.push(format!(
                    "{}, {}, if you leave it open.",
                    dollars.in_words(),
                    window.in_words()
                ));
            }
            (None, None) => words.push("Dollars, if you want to bound it.".to_owned()),
        }
        if let Some(cap) = self.cap {
            words.push(format!("At most {}, which is what you have.", cap.in_words()));
        }
        words.join(" ")
    }

    /// When it may begin anew, and which of these is chosen.
    fn times(&self) -> [(&'static str, &'static str, bool); 4] {
        let asked = self.asked.and_then(|limit| limit.each);
        [
            ("", "in all", asked.is_none()),
            ("daily", "a day", asked == Some(Each::Daily)),
            ("weekly", "a week", asked == Some(Each::Weekly)),
            ("monthly", "a month", asked == Some(Each::Monthly)),
        ]
    }
}

impl ConsentPage<'_> {
    /// The only one, or that of the key that begets this one.
    fn team(&self) -> Option<&str> {
        match self.teams.as_slice() {
            [only] => Some(&only.alias),
            _ => None,
        }
    }

    /// What goes to the app's address.
    fn carries(&self) -> &'static str {
        match self.request.reply {
            Reply::Code { .. } => "A code for the key",
            Reply::KeyInQuery { .. } => "The key itself",
            Reply::Json | Reply::Display { .. } | Reply::Poll { .. } => "The key",
        }
    }

    fn is_in_url(&self) -> bool {
        matches!(self.request.reply, Reply::KeyInQuery { .. })
    }

    fn is_strong(&self) -> bool {
        self.request.consent == Consent::Strong
    }

    fn is_poll(&self) -> bool {
        matches!(self.request.reply, Reply::Poll { .. })
    }

    fn is_display(&self) -> bool {
        matches!(self.request.reply, Reply::Display { .. })
    }

    /// The app may run elsewhere, where this browser cannot reach it (K10).
    fn is_loopback(&self) -> bool {
        self.request.reply.address().is_some_and(ReturnAddress::is_loopback)
    }

    fn is_default(&self, team: &Membership) -> bool {
        self.user.default_team.as_ref() == Some(&team.team)
    }
}

struct Target<'a> {
    address: &'a ReturnAddress,
    place: String,
    /// On the web: anybody may have made the link.
    web: bool,
}

#[derive(Template)]
#[template(path = "leave.html")]
struct Leave<'a> {
    site: &'a Site,
    request: &'a ConnectRequest,
    handle: &'a str,
}

pub async fn get(
    State(journey): State<Journey>,
    Path(handle): Path<String>,
    browser: Browser,
    session: Result<Session, NoSession>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let request = journey.open(&Handle::presented(&handle), &browser).await?;
    let Some(user) = journey.shown_user(&request, session).await? else {
        let picked = uri.query().filter(|query| query.starts_with("idp="));
        let picked = picked.map_or(String::new(), |query| format!("&{query}"));
        return Ok(web::see_other(&format!("/sso/login?return_to=/connect/{handle}{picked}")));
    };
    if !Rights::may_connect(&user) {
        return Err(Refusal::LooksOnly);
    }
    if request.consent == Consent::Implied {
        let answer_at = request.answer_at.as_str();
        return Ok(web::see_other(&format!("{answer_at}?request={handle}")));
    }
    journey.consent(&request, &user, &handle).await
}

/// `POST /connect/{handle}`: "Start again".
pub async fn start_again(
    State(journey): State<Journey>,
    Path(handle): Path<String>,
    browser: Browser,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if !web::is_from_us(&headers) {
        return Err(Refusal::Foreign);
    }
    journey.renew(&browser, &Handle::presented(&handle)).await
}

/// `GET /connect/{handle}/leave`: the way back to the app for somebody who cannot sign in.
pub async fn leave(
    State(journey): State<Journey>,
    Path(handle): Path<String>,
    browser: Browser,
) -> Result<Response, Refusal> {
    let request = journey.open(&Handle::presented(&handle), &browser).await?;
    let page = Leave { site: &journey.site, request: &request, handle: &handle };
    Ok(Page(page).into_response())
}

impl Journey {
    async fn open(&self, handle: &Handle, browser: &Browser) -> Result<ConnectRequest, Refusal> {
        let waiting = self.store.read(RequestOf { handle: handle.hash() }).await?;
        let waiting = waiting.filter(|waiting| browser.bound(waiting.browser).is_some());
        let waiting = waiting.ok_or(Refusal::NotHere)?;
        waiting.open(self.clock.now()).map_err(|Expired| Refusal::expired(handle))
    }

    /// The owner of the live key that brought the request, or who is signed in. `None`: nobody yet.
    async fn shown_user(
        &self,
        request: &ConnectRequest,
        session: Result<Session, NoSession>,
    ) -> Result<Option<User>, Refusal> {
        if let Some(parent) = &request.parent {
            let key = self.store.read(KeyById(parent.key.clone())).await?;
            let live = key.filter(|key| key.state(self.clock.now()) == KeyState::Live);
            return live.map(|key| Some(key.owner)).ok_or(Refusal::SignedOut);
        }
        match session {
            Ok(session) => Ok(Some(session.user)),
            Err(NoSession::SignedOut) => Ok(None),
            Err(NoSession::Trouble(error)) => Err(error.into()),
        }
    }

    pub(super) async fn consent(
        &self,
        request: &ConnectRequest,
        user: &User,
        handle: &str,
    ) -> Result<Response, Refusal> {
        let mut teams = self.store.read(TeamsOf(user.id.clone())).await?;
        teams.retain(|team| !team.blocked);
        if let Some(parent) = &request.parent {
            let key = self.store.read(KeyById(parent.key.clone())).await?;
            let own = key.and_then(|key| key.team).map(|team| team.id);
            teams.retain(|team| Some(&team.team) == own.as_ref());
        }
        let to = request.reply.address().map(|to| {
            let web = to.is_web() && !to.is_loopback();
            Target { address: to, place: place(to), web }
        });
        let only = if let [only] = teams.as_slice() { Some(only.team.clone()) } else { None };
        let cap = CapOf { user: user.id.clone(), team: only };
        let budget = self.budget(request, self.store.read(cap).await?);
        let page = ConsentPage {
            site: &self.site,
            request,
            user,
            handle,
            to,
            lifetimes: request.asks.choices(),
            chosen: Lifetime::of_seconds(request.asks.seconds),
            teams,
            budget,
        };
        Ok(Page(page).into_response())
    }

    fn budget(&self, request: &ConnectRequest, own: Option<NanoDollars>) -> Budget {
        let unsaid = self.limits.of_app(None);
        let cap = own.into_iter().chain(self.limits.bound.limits.max_budget).min();
        let cut = |dollars: NanoDollars| cap.map_or(dollars, |cap| cap.min(dollars));
        Budget {
            asked: request.asks.limit.map(|limit| Limit { dollars: cut(limit.dollars), ..limit }),
            cap,
            unsaid: unsaid.max_budget.map(|most| (cut(most), unsaid.budget_duration)),
            shared: request.parent.is_some(),
        }
    }
}
