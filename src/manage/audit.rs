//! `GET /audit/logs`: who did what to whom, the newest first.
use super::{
    Actor, Manage, Refusal,
    cursor::Cursors,
    page::{number, parameters},
};
use crate::{
    model::Timestamp,
    store::audit::{Line, Lines},
    web,
};
use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const LARGEST_PAGE: i64 = 500;
const FILTERS: [&str; 6] = ["actor", "action", "subject", "user_id", "since", "until"];

pub(super) async fn get(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    actor.must_not_be_bound()?;
    if !actor.rights().sees_all() {
        return Err(Refusal::Forbidden("Only admins and admin viewers read the audit."));
    }
    let known = [&FILTERS[..], &["cursor", "size"]].concat();
    let mut asked = parameters(&uri, &known)?;
    let cursor = asked.remove("cursor");
    let size = number(asked.remove("size").as_ref(), "size", 50, LARGEST_PAGE)?;
    let cursors = Cursors { keyring: &manage.keyring, list: "audit", filters: &asked };
    let after = match cursor {
        None => None,
        Some(text) => {
            let place = cursors.open(&text).and_then(|place| parse_place(&place));
            let why = "is not one of ours for these filters; begin without it";
            Some(place.ok_or_else(|| Refusal::field("cursor", why))?)
        }
    };
    let lines = manage.store.read(Lines { after, ..wanted(&asked, size + 1)? }).await?;
    let page = usize::try_from(size).unwrap_or(0);
    let next = (lines.len() > page)
        .then(|| lines.get(page.saturating_sub(1)))
        .flatten()
        .and_then(|last| cursors.seal(&place(last)));
    let shown: Vec<Value> = lines.iter().take(page).map(Line::as_json).collect();
    let body = json!({"audit_logs": shown, "next_cursor": next});
    Ok(web::no_store(Json(body).into_response()))
}

fn wanted(asked: &BTreeMap<String, String>, limit: i64) -> Result<Lines, Refusal> {
    let moment = |name: &str| match asked.get(name) {
        None => Ok(None),
        Some(text) => Timestamp::parse(text).map(Some).ok_or_else(|| {
            Refusal::field(name, "must be a date (2026-11-25) or a moment (2026-11-25T12:00:00Z)")
        }),
    };
    Ok(Lines {
        actor: asked.get("actor").cloned(),
        action: asked.get("action").cloned(),
        subject: asked.get("subject").cloned(),
        user: asked.get("user_id").cloned(),
        since: moment("since")?,
        until: moment("until")?,
        after: None,
        limit,
    })
}

fn place(line: &Line) -> Vec<u8> {
    [&line.at.0.to_be_bytes()[..], line.id.as_bytes()].concat()
}

fn parse_place(place: &[u8]) -> Option<(Timestamp, String)> {
    let (at, id) = place.split_first_chunk::<8>()?;
    Some((Timestamp(i64::from_be_bytes(*at)), String::from_utf8(id.to_vec()).ok()?))
}
