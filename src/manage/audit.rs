//! `GET /audit/logs`: who did what to whom, the newest first.
use super::{
    Actor, Manage, Refusal,
    page::{number, parameters},
};
use crate::{
    config::Keyring,
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
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use subtle::ConstantTimeEq as _;

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
    let after = match cursor {
        None => None,
        Some(text) => Some(open(&manage.keyring, &text, &asked).ok_or_else(|| {
            Refusal::field("cursor", "is not one of ours for these filters; begin without it")
        })?),
    };
    let lines = manage.store.read(Lines { after, ..wanted(&asked, size + 1)? }).await?;
    let page = usize::try_from(size).unwrap_or(0);
    let next = (lines.len() > page)
        .then(|| lines.get(page.saturating_sub(1)))
        .flatten()
        .and_then(|last| seal(&manage.keyring, last, &asked));
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

/// A place in the list, which nobody else can write (row O4): the name of our secret, a seal over place and
/// filters, the time, the id.
fn seal(keyring: &Keyring, last: &Line, filters: &BTreeMap<String, String>) -> Option<String> {
    let secret = keyring.newest();
    let place = [&last.at.0.to_be_bytes()[..], last.id.as_bytes()].concat();
    let sealed = sealed(keyring, secret, &place, filters)?;
    Some(URL_SAFE_NO_PAD.encode([&secret[..8], &sealed[..], &place].concat()))
}

fn open(
    keyring: &Keyring,
    text: &str,
    filters: &BTreeMap<String, String>,
) -> Option<(Timestamp, String)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (start, rest) = bytes.split_first_chunk::<8>()?;
    let (seal, place) = rest.split_first_chunk::<16>()?;
    let secret = keyring.names().find(|name| name.starts_with(start))?;
    let own = sealed(keyring, secret, place, filters)?;
    if !bool::from(own.ct_eq(seal)) {
        return None;
    }
    let (at, id) = place.split_first_chunk::<8>()?;
    Some((Timestamp(i64::from_be_bytes(*at)), String::from_utf8(id.to_vec()).ok()?))
}

fn sealed(
    keyring: &Keyring,
    secret: [u8; 32],
    place: &[u8],
    filters: &BTreeMap<String, String>,
) -> Option<[u8; 16]> {
    let filters = serde_json::to_vec(filters).ok()?;
    let whole = keyring.derive(secret, &[b"place in the audit\0", &filters, b"\0", place])?;
    whole.first_chunk().copied()
}
