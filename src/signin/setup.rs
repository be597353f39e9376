//! The first account of a new installation, by one link in the log.
use super::Signin;
use crate::{
    config::Config,
    idp::{hash_password, wrong_with},
    model::{Handle, Hash, Role, Timestamp, UserId},
    store::{self, Store, accounts::AddAccount, audit::Act, users::AnyUser},
    web::{self, Page, PageForm, Problem, Site},
    world::{Clock, Entropy},
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

const SECONDS: i64 = 3600;

/// One hour, and only while nobody could sign in.
pub struct Setup {
    token: Hash,
    expires_at: Timestamp,
}

/// Offered while there is no user, no provider and no admin of the configuration; with the link's path.
pub async fn offer(
    config: &Config,
    store: &Store,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Option<(Setup, String)>, store::Error> {
    let needed = config.idps.is_empty() && config.signin.admin.is_none();
    if !needed || store.read(AnyUser).await? {
        return Ok(None);
    }
    let token = Handle::new(entropy.draw());
    let setup = Setup { token: token.hash(), expires_at: clock.now().plus(SECONDS) };
    Ok(Some((setup, format!("/setup/{}", token.expose()))))
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage<'a> {
    site: &'a Site,
    token: &'a str,
    wrong: Option<&'static str>,
    username: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Fields {
    username: String,
    password: String,
}

async fn is_open(signin: &Signin, token: &str) -> Result<bool, store::Error> {
    let hash = Handle::presented(token).hash();
    let now = signin.clock.now();
    let offered = signin.setup.as_ref().is_some_and(|s| s.token == hash && now < s.expires_at);
    Ok(offered && !signin.store.read(AnyUser).await?)
}

pub(super) async fn get(State(signin): State<Signin>, Path(token): Path<String>) -> Response {
    match is_open(&signin, &token).await {
        Ok(true) => {
            let page = SetupPage { site: &signin.site, token: &token, wrong: None, username: "" };
            Page(page).into_response()
        }
        Ok(false) => closed(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

pub(super) async fn post(
    State(signin): State<Signin>,
    Path(token): Path<String>,
    headers: HeaderMap,
    PageForm(fields): PageForm<Fields>,
) -> Response {
    match is_open(&signin, &token).await {
        Ok(true) if web::is_from_us(&headers) => {}
        Ok(_) => return closed(),
        Err(error) => return Problem::unavailable(&error).into_response(),
    }
    let username = fields.username.trim().to_owned();
    let nameless = username.is_empty() || username.len() > 255;
    let wrong = nameless.then_some("Choose a name.").or_else(|| wrong_with(&fields.password));
    if wrong.is_some() {
        let page = SetupPage { site: &signin.site, token: &token, wrong, username: &username };
        return (StatusCode::BAD_REQUEST, Page(page)).into_response();
    }
    let password = fields.password;
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    let Ok(password) = hashed else { return closed() };
    let fresh = UserId::new(signin.entropy.draw());
    let add = AddAccount {
        email: username.contains('@').then(|| username.clone()),
        username,
        password,
        role: Role::ProxyAdmin,
        act: Act {
            id: Hash(signin.entropy.draw()),
            at: signin.clock.now(),
            actor: "setup link".into(),
            address: None,
        },
        fresh,
    };
    match signin.store.write(add).await {
        Ok(_) => web::see_other("/login"),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

fn closed() -> Response {
    let text = "The link for the first account works for one hour and until somebody can sign in. A \
                new one is in the log after a restart, if it is still needed.";
    Problem::new(StatusCode::NOT_FOUND, "This link does not work any more", text)
        .with_way("Sign in", "/login")
        .into_response()
}
