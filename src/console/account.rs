//! `/`: who is signed in, where, in which teams, and with which live keys.
use super::{
    Console,
    apps::DAYS,
    form::Sent,
    keys::Keys,
    plot::Plot,
    sessions::{self, Row},
};
use crate::{
    model::{Membership, Rights, TeamId, Usage, User},
    store::{
        self,
        accounts::LocalNameOf,
        activity::{Activity, Of},
        members::TeamsOf,
        users_change::{UpdateUser, UserPatch},
    },
    web::{self, NoSession, Page, Problem, Session, Site},
};
use askama::Template;
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};

#[derive(Template)]
#[template(path = "account.html")]
struct Account<'a> {
    site: &'a Site,
    user: &'a User,
    idp: &'a str,
    since: String,
    form_token: String,
    teams: Vec<Membership>,
    sessions: Vec<Row>,
    keys: Keys,
    /// Whether the password is kept here.
    has_password: bool,
    sees_people: bool,
    /// Whether keys can be made for them at all.
    makes_keys: bool,
    /// In thirty days.
    used: Usage,
    plot: Plot,
}

impl Account<'_> {
    fn is_default(&self, team: &Membership) -> bool {
        self.user.default_team.as_ref() == Some(&team.team)
    }
}

pub(super) async fn get(
    State(console): State<Console>,
    method: Method,
    session: Result<Session, NoSession>,
) -> Response {
    // Clients ask whether anybody is here: `HEAD /` is 200, signed in or not.
    if method == Method::HEAD {
        return StatusCode::OK.into_response();
    }
    let session = match session {
        Ok(session) => session,
        Err(NoSession::SignedOut) => return web::see_other("/sso/login?return_to=/"),
        Err(NoSession::Trouble(error)) => return Problem::unavailable(&error).into_response(),
    };
    match page(&console, &session).await {
        Ok(page) => Page(page).apart(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

async fn page<'a>(console: &'a Console, session: &'a Session) -> Result<Account<'a>, store::Error> {
    let (user, token) = (&session.user, session.form_token());
    let teams = console.store.read(TeamsOf(user.id.clone())).await?;
    let rights = Rights::of_person(user, &teams);
    let local = console.store.read(LocalNameOf(user.id.clone())).await?;
    let keys = Keys::of(console, &user.id, (token.clone(), "/".into(), true)).await?;
    let today = console.clock.now().day();
    let of = Of::User(user.id.to_string());
    let days = Activity { of, from: today - DAYS + 1, to: today };
    let days = console.store.read(days).await?;
    Ok(Account {
        used: days.iter().map(|row| row.usage).sum(),
        plot: Plot::of(days.iter().map(|row| (row.day, row.usage)), today - DAYS + 1..=today),
        site: &console.site,
        user,
        idp: &session.idp,
        since: session.signed_in_at.in_words(),
        form_token: token,
        sees_people: rights.sees_all(),
        makes_keys: rights.changes(),
        teams,
        sessions: sessions::of(console, &user.id, session.hash).await?,
        keys,
        has_password: local.is_some(),
    })
}

/// `POST /team`: the team of keys for which no page asks.
pub(super) async fn default_team(State(console): State<Console>, sent: Sent) -> Response {
    let user = sent.session.user.id.clone();
    let team = sent.fields.team.as_deref().filter(|team| !team.is_empty()).map(TeamId::named);
    let outcome = async {
        let teams = console.store.read(TeamsOf(user.clone())).await?;
        let own = team.as_ref().is_none_or(|team| teams.iter().any(|m| m.team == *team));
        let own = own && Rights::of_person(&sent.session.user, &teams).changes();
        if own {
            let patch = UserPatch { default_team: Some(team), ..UserPatch::default() };
            console.store.write(UpdateUser { id: user, patch, act: sent.act(&console) }).await?;
        }
        Ok::<_, store::Error>(own)
    };
    match outcome.await {
        Ok(true) => sent.back(),
        Ok(false) => {
            let text =
                "You are not in that team, or your role may not make keys. Nothing was changed.";
            Problem::new(StatusCode::FORBIDDEN, "Not your team", text)
                .with_way("Your account", "/")
                .into_response()
        }
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}
