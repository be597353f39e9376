//! `/people/{id}`: somebody's teams, sessions, apps and keys, and whether they are let in.
use super::{
    Console,
    form::Sent,
    keys::Keys,
    people::{Looker, path_of},
    sessions::{self, Row},
};
use crate::{
    model::{Handle, Membership, Rights, Timestamp, User, UserId},
    store::{
        self,
        accounts::{LocalNameOf, OfferReset},
        audit::{Line, Lines},
        leaving::{Back, Leave, Return, Who},
        members::TeamsOf,
        sessions::EndSessions,
        users::{Listed, UserById},
    },
    web::{Page, Problem, Session, Site},
};
use askama::Template;
use axum::{
    extract::{FromRequest, Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

const LONGEST_REASON: usize = 500;

#[derive(Template)]
#[template(path = "person.html")]
struct Person<'a> {
    site: &'a Site,
    user: &'a User,
    whom: &'a User,
    path: String,
    first_seen: String,
    last_seen: String,
    why: Option<String>,
    blocked: bool,
    teams: Vec<Membership>,
    sessions: Vec<Row>,
    keys: Keys,
    events: Vec<(String, Line)>,
    form_token: String,
    may_change: bool,
    has_password: bool,
    spend: String,
}

pub(super) async fn get(
    State(console): State<Console>,
    Path(id): Path<String>,
    Looker(session): Looker,
) -> Response {
    let found = console.store.read(UserById(UserId::named(&id.replace('\0', "")))).await;
    let listed = match found {
        Ok(Some(listed)) => listed,
        Ok(None) => return nobody(),
        Err(error) => return Problem::unavailable(&error).into_response(),
    };
    match page(&console, &session, &listed).await {
        Ok(page) => Page(page).apart(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

fn nobody() -> Response {
    let text = "Perhaps they were deleted. The audit still has what was done.";
    Problem::new(StatusCode::NOT_FOUND, "There is nobody of this id", text)
        .with_way("All people", "/people")
        .into_response()
}

async fn page<'a>(
    console: &'a Console,
    session: &'a Session,
    listed: &'a Listed,
) -> Result<Person<'a>, store::Error> {
    let (person, token) = (&listed.user, session.form_token());
    let (id, path) = (person.id.clone(), path_of(person));
    let may_change = Rights::of_person(&session.user, &[]).is_admin();
    let lines = Lines { user: Some(id.to_string()), limit: 10, ..Lines::default() };
    let events = console.store.read(lines).await?;
    Ok(Person {
        site: &console.site,
        user: &session.user,
        whom: person,
        first_seen: listed.created_at.in_words(),
        last_seen: listed.signed_in_at.map_or("never".into(), Timestamp::in_words),
        why: person.standing.why(),
        blocked: matches!(person.standing, crate::model::Standing::Blocked(_)),
        teams: console.store.read(TeamsOf(id.clone())).await?,
        sessions: sessions::of(console, &id, session.hash).await?,
        keys: Keys::of(console, &id, (token.clone(), path.clone(), may_change)).await?,
        events: events.into_iter().map(|line| (line.at.in_words(), line)).collect(),
        has_password: console.store.read(LocalNameOf(id)).await?.is_some(),
        form_token: token,
        may_change,
        spend: path.replacen("/people/", "/spend?by=user&of=", 1),
        path,
    })
}

/// The forms of this page are an admin's.
pub(super) struct ByAdmin(Sent);

impl FromRequest<Console> for ByAdmin {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let sent = Sent::from_request(request, console).await?;
        if Rights::of_person(&sent.session.user, &[]).is_admin() {
            return Ok(Self(sent));
        }
        let text = "You may look, not change. Nothing was done.";
        let page = Problem::new(StatusCode::FORBIDDEN, "Only an admin may do this", text);
        Err(page.with_way("All people", "/people").into_response())
    }
}

pub(super) async fn block(
    State(console): State<Console>,
    Path(id): Path<String>,
    ByAdmin(sent): ByAdmin,
) -> Response {
    let id = UserId::named(&id);
    if id == sent.session.user.id {
        let text = "You would lock yourself out. Another admin can block you.";
        return Problem::new(StatusCode::BAD_REQUEST, "That is you", text)
            .with_way("All people", "/people")
            .into_response();
    }
    let reason = sent.fields.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let why = reason.map(|reason| reason.replace('\0', "").chars().take(LONGEST_REASON).collect());
    let leave = Leave { who: Who::Blocked(id), why, act: sent.act(&console) };
    let outcome = console.store.write(leave).await;
    console.done(&sent, outcome).await
}

pub(super) async fn unblock(
    State(console): State<Console>,
    Path(id): Path<String>,
    ByAdmin(sent): ByAdmin,
) -> Response {
    let back = Return { who: Back::User(UserId::named(&id)), act: sent.act(&console) };
    let outcome = console.store.write(back).await;
    console.done(&sent, outcome).await
}

pub(super) async fn sign_out(
    State(console): State<Console>,
    Path(id): Path<String>,
    ByAdmin(sent): ByAdmin,
) -> Response {
    let end = EndSessions { user: UserId::named(&id), act: sent.act(&console) };
    let outcome = console.store.write(end).await.map(|()| true);
    console.done(&sent, outcome).await
}

impl Console {
    /// Changed, and forgotten here; or why not.
    async fn done(&self, sent: &Sent, outcome: Result<bool, store::Error>) -> Response {
        match outcome {
            Ok(true) => match self.guard.catch_up().await {
                Ok(()) => sent.back(),
                Err(error) => Problem::unavailable(&error).into_response(),
            },
            Ok(false) => nobody(),
            Err(error) => Problem::unavailable(&error).into_response(),
        }
    }
}

#[derive(Template)]
#[template(path = "reset_link.html")]
struct ResetLink<'a> {
    site: &'a Site,
    user: &'a User,
    link: String,
    back: &'a str,
}

/// The link is shown once, to the admin who made it.
pub(super) async fn reset(
    State(console): State<Console>,
    Path(id): Path<String>,
    ByAdmin(sent): ByAdmin,
) -> Response {
    let token = Handle::new(console.entropy.draw());
    let offer = OfferReset {
        user: UserId::named(&id),
        token: token.hash(),
        expires_at: console.clock.now().plus(OfferReset::SECONDS),
        act: sent.act(&console),
    };
    match console.store.write(offer).await {
        Ok(true) => Page(ResetLink {
            site: &console.site,
            user: &sent.session.user,
            link: format!("{}/reset/{}", console.site.base_url(), token.expose()),
            back: "/people",
        })
        .apart(),
        Ok(false) => nobody(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}
