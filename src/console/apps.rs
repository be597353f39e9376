//! `/apps`: the connected apps of a person, as a page and as JSON, and the end of one.
use super::{
    Console,
    budgets::{Bar, Budgets},
    form::Sent,
    keys::ago,
    plot::Plot,
};
use crate::{
    guard::{Caller, NoCaller},
    model::{App, Hash, Key, Rights, Timestamp, User, UserId},
    store::{
        self,
        apps::{AppsOf, Connected, EndApp},
        audit::Act,
    },
    web::{self, ClientAddress, NoSession, Page, Problem, Session, Site},
};
use askama::Template;
use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::time::Duration;

/// So far back goes what is told of an app's use, today with it.
pub(super) const DAYS: i64 = 30;

#[derive(Template)]
#[template(path = "apps.html")]
struct Apps<'a> {
    site: &'a Site,
    user: &'a User,
    rows: Vec<Row>,
    form_token: String,
}

struct Row {
    app: Connected,
    /// Its live keys, and what is left of their budgets.
    keys: Vec<(Key, Option<Bar>)>,
    host: String,
    initial: String,
    used: String,
    plot: Plot,
}

/// Whose apps: who is signed in, or the owner of a key that no app got.
pub(super) struct Person {
    user: UserId,
    address: ClientAddress,
}

impl FromRequestParts<Console> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let Ok(address) = ClientAddress::from_request_parts(parts, console).await;
        match Caller::from_request_parts(parts, console).await {
            Ok(caller) if Rights::of_key(&caller.key, &[]).is_bound() => {
                let text = "A key that an app got, or a team's own, does not see apps.";
                Err(refuse(StatusCode::FORBIDDEN, text))
            }
            Ok(caller) if caller.key.in_grace => {
                let text = "This key has been renewed: use its new secret.";
                Err(refuse(StatusCode::FORBIDDEN, text))
            }
            Ok(caller) => Ok(Self { user: caller.key.user.clone(), address }),
            Err(NoCaller::Missing) => {
                if !web::is_from_us(&parts.headers) {
                    return Err(refuse(StatusCode::FORBIDDEN, "Another site sent this."));
                }
                match Session::from_request_parts(parts, console).await {
                    Ok(session) => Ok(Self { user: session.user.id, address }),
                    Err(NoSession::SignedOut) => {
                        Err(refuse(StatusCode::UNAUTHORIZED, "Sign in, or send an API key."))
                    }
                    Err(NoSession::Trouble(error)) => Err(unavailable(&error)),
                }
            }
            Err(none) => Err(none.into_response()),
        }
    }
}

pub(super) async fn get(
    State(console): State<Console>,
    headers: HeaderMap,
    session: Result<Session, NoSession>,
    person: Result<Person, Response>,
) -> Response {
    if !wants_page(&headers) {
        return match person {
            Ok(person) => match console.apps(&person.user).await {
                Ok(apps) => told(&apps),
                Err(error) => unavailable(&error),
            },
            Err(refused) => refused,
        };
    }
    let session = match session {
        Ok(session) => session,
        Err(NoSession::SignedOut) => return web::see_other("/sso/login?return_to=/apps"),
        Err(NoSession::Trouble(error)) => return Problem::unavailable(&error).into_response(),
    };
    match console.rows(&session.user.id).await {
        Ok(rows) => {
            let form_token = session.form_token();
            Page(Apps { site: &console.site, user: &session.user, rows, form_token }).apart()
        }
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

/// Browsers name HTML; whoever sends a key is a program.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
        && !headers.contains_key(header::AUTHORIZATION)
}

fn told(apps: &[Connected]) -> Response {
    let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
    let key = |key: &Key| {
        json!({
            "id": key.id,
            "alias": key.alias,
            "created_at": key.created_at.rfc3339(),
            "expires_at": time(key.expires_at),
        })
    };
    let app = |app: &Connected| {
        let used = app.used();
        json!({
            "id": app.id,
            "name": app.name,
            "host": App::host_of(&app.id),
            "dialects": app.dialects,
            "granted_at": app.granted_at.rfc3339(),
            "last_used_at": time(app.last_used_at),
            "last_30d": {
                "calls": used.calls,
                "input_tokens": used.input_tokens,
                "output_tokens": used.output_tokens,
            },
            "keys": app.keys.iter().map(key).collect::<Vec<_>>(),
        })
    };
    let apps: Vec<Value> = apps.iter().map(app).collect();
    web::no_store(Json(json!({"apps": apps})).into_response())
}

/// `DELETE /apps/{id}`.
pub(super) async fn delete(
    State(console): State<Console>,
    Path(id): Path<String>,
    person: Result<Person, Response>,
) -> Response {
    let person = match person {
        Ok(person) => person,
        Err(refused) => return refused,
    };
    let act = Act {
        id: Hash(console.entropy.draw()),
        at: console.clock.now(),
        actor: person.user.to_string(),
        address: Some(person.address.to_string()),
    };
    match console.end_app(person.user, id, act).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => refuse(StatusCode::NOT_FOUND, "You have no such app."),
        Err(error) => unavailable(&error),
    }
}

/// `POST /apps/end`.
pub(super) async fn end(State(console): State<Console>, sent: Sent) -> Response {
    let (user, act) = (sent.session.user.id.clone(), sent.act(&console));
    let app = sent.fields.app.clone().unwrap_or_default();
    match console.end_app(user, app, act).await {
        // Ended before, by a double click or another tab: it is what was wanted.
        Ok(_) => sent.back(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

impl Console {
    pub(super) async fn apps(&self, user: &UserId) -> Result<Vec<Connected>, store::Error> {
        // What was just used is in it.
        self.books.settled(Duration::from_secs(1)).await;
        let at = self.clock.now();
        self.store.read(AppsOf { user: user.clone(), at, since: at.day() - DAYS + 1 }).await
    }

    async fn rows(&self, user: &UserId) -> Result<Vec<Row>, store::Error> {
        let (apps, now) = (self.apps(user).await?, self.clock.now());
        let keys: Vec<Key> = apps.iter().flat_map(|app| app.keys.clone()).collect();
        let mut budgets = Budgets::of(self, &keys).await?;
        let row = |app: Connected| {
            let keys = app.keys.iter().map(|key| (key.clone(), budgets.of_key(key))).collect();
            Row::new(app, keys, now)
        };
        Ok(apps.into_iter().map(row).collect())
    }

    async fn end_app(&self, user: UserId, app: String, act: Act) -> Result<bool, store::Error> {
        if app.contains('\0') {
            return Ok(false);
        }
        let ended = self.store.write(EndApp { user, app, act }).await?;
        self.guard.catch_up().await?;
        Ok(ended)
    }
}

impl Row {
    fn new(app: Connected, keys: Vec<(Key, Option<Bar>)>, now: Timestamp) -> Self {
        let (days, today) = (app.days.iter().map(|(day, usage)| (*day, *usage)), now.day());
        Self {
            host: App::host_of(&app.id),
            initial: App { id: app.id.clone(), name: app.name.clone() }.initial(),
            used: app.last_used_at.map_or("never used".into(), |at| ago(now, at)),
            plot: Plot::of(days, today - DAYS + 1..=today),
            keys,
            app,
        }
    }
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let body = json!({"error": {"message": message, "type": "apps", "param": null,
        "code": status.as_u16().to_string()}});
    web::no_store((status, Json(body)).into_response())
}

fn unavailable(error: &store::Error) -> Response {
    tracing::error!(%error, "connected apps could not be read");
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, "Nothing is lost: try again.");
    response.headers_mut().insert(header::RETRY_AFTER, 2.into());
    response
}
