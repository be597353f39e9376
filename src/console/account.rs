//! `/`: who is signed in, and the live keys of that person.
use super::Console;
use crate::{
    model::{Key, KeyId, Timestamp, Usage, User},
    store::{self, keys::NewestKeys, usage::UsageOfUser},
    web::{self, NoSession, Page, Problem, Session, Site},
};
use askama::Template;
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use std::{collections::BTreeMap, time::Duration};

/// More are not shown: `/key/list` pages through them.
const MOST: i64 = 500;

#[derive(Template)]
#[template(path = "account.html")]
struct Account<'a> {
    site: &'a Site,
    user: &'a User,
    idp: &'a str,
    since: String,
    form_token: String,
    keys: Vec<Row>,
    hidden: i64,
}

struct Row {
    key: Key,
    usage: Usage,
    until: String,
    last_used: String,
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
    match rows(&console, &session).await {
        Ok((keys, hidden)) => Page(Account {
            site: &console.site,
            user: &session.user,
            idp: &session.idp,
            since: session.signed_in_at.in_words(),
            form_token: session.form_token(),
            keys,
            hidden,
        })
        .apart(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

async fn rows(console: &Console, session: &Session) -> Result<(Vec<Row>, i64), store::Error> {
    // What was just used is on the page.
    console.books.settled(Duration::from_secs(1)).await;
    let now = console.clock.now();
    let user = session.user.id.clone();
    let newest = NewestKeys { user: user.clone(), live_at: now, limit: MOST };
    let (keys, total) = console.store.read(newest).await?;
    let usage = console.store.read(UsageOfUser(user)).await?;
    let hidden = total - i64::try_from(keys.len()).unwrap_or(i64::MAX);
    let row = |key: Key| Row::new(key, &usage, now);
    Ok((keys.into_iter().map(row).collect(), hidden))
}

impl Row {
    fn new(key: Key, usage: &BTreeMap<KeyId, Usage>, now: Timestamp) -> Self {
        Self {
            usage: usage.get(&key.id).copied().unwrap_or_default(),
            until: key.expires_at.map_or("it is ended".into(), Timestamp::in_words),
            last_used: key.last_used_at.map_or("never used".into(), |at| ago(now, at)),
            key,
        }
    }
}

fn ago(now: Timestamp, at: Timestamp) -> String {
    let words = |count: i64, unit: &str| {
        format!("used {count} {unit}{} ago", if count == 1 { "" } else { "s" })
    };
    match (now.0 - at.0).max(0) {
        0..60 => "used just now".into(),
        s @ 60..3600 => words(s / 60, "minute"),
        s @ 3600..86_400 => words(s / 3600, "hour"),
        s => words(s / 86_400, "day"),
    }
}
