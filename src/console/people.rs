//! `/people`: an admin finds somebody.
use super::Console;
use crate::{
    model::{Rights, Timestamp, User},
    store::users::{ListUsers, Listed},
    web::{self, NoSession, Page, Problem, Session, Site},
};
use askama::Template;
use axum::{
    extract::{FromRequestParts, State},
    http::{StatusCode, Uri, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

const PAGE: i64 = 50;
/// Past this nobody looks page by page.
const LAST_PAGE: i64 = 10_000;

#[derive(Template)]
#[template(path = "people.html")]
struct People<'a> {
    site: &'a Site,
    user: &'a User,
    search: &'a str,
    rows: Vec<Row>,
    total: i64,
    page: i64,
    pages: i64,
}

struct Row {
    user: User,
    path: String,
    last: String,
    why: Option<String>,
}

#[derive(Deserialize, Default)]
struct Wanted {
    search: Option<String>,
    page: Option<i64>,
}

/// Whoever is signed in and may look at others.
pub(super) struct Looker(pub(super) Session);

impl FromRequestParts<Console> for Looker {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        match Session::from_request_parts(parts, console).await {
            Ok(session) if Rights::of_person(&session.user, &[]).sees_all() => Ok(Self(session)),
            Ok(_) => {
                let text = "This page is for admins. Your own account is on its own page.";
                let page = Problem::new(StatusCode::FORBIDDEN, "Only an admin may see this", text);
                Err(page.with_way("Your account", "/").into_response())
            }
            Err(NoSession::SignedOut) => {
                let path = parts.uri.path().as_bytes();
                let path: String = form_urlencoded::byte_serialize(path).collect();
                Err(web::see_other(&format!("/sso/login?return_to={path}")))
            }
            Err(none) => Err(none.into_response()),
        }
    }
}

pub(super) async fn get(
    State(console): State<Console>,
    Looker(session): Looker,
    uri: Uri,
) -> Response {
    let wanted: Wanted = web::query(&uri).unwrap_or_default();
    let search = wanted.search.unwrap_or_default();
    let search = search.trim().chars().filter(|c| *c != '\0').take(200).collect::<String>();
    let page = wanted.page.unwrap_or(1).clamp(1, LAST_PAGE);
    let list = ListUsers {
        search: Some(search.clone()).filter(|search| !search.is_empty()),
        limit: PAGE,
        offset: (page - 1) * PAGE,
        ..ListUsers::default()
    };
    match console.store.read(list).await {
        Ok((people, total)) => Page(People {
            site: &console.site,
            user: &session.user,
            search: &search,
            rows: people.into_iter().map(Row::new).collect(),
            total,
            page,
            pages: ((total + PAGE - 1) / PAGE).max(1),
        })
        .apart(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

impl Row {
    fn new(listed: Listed) -> Self {
        let last = listed.signed_in_at.map(Timestamp::in_words);
        Self {
            path: path_of(&listed.user),
            last: last.map_or("has never signed in".into(), |at| format!("signed in {at}")),
            why: listed.user.standing.why(),
            user: listed.user,
        }
    }
}

/// Ids may be chosen by scripts.
pub(super) fn path_of(user: &User) -> String {
    let id: String = form_urlencoded::byte_serialize(user.id.as_str().as_bytes()).collect();
    format!("/people/{id}")
}
