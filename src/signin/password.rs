//! `/password`: the owner of a local account changes its password.
use super::{
    Signin,
    login::{Refused, attempt, too_often},
};
use crate::{
    idp::{hash_password, wrong_with},
    model::{Hash, OwnPath},
    store::{
        accounts::{LocalNameOf, SetPassword},
        audit::Act,
    },
    web::{self, ClientAddress, NoSession, Page, PageForm, Problem, Session, Site},
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "password.html")]
pub(super) struct PasswordPage<'a> {
    pub(super) site: &'a Site,
    pub(super) username: &'a str,
    pub(super) action: &'a str,
    /// The old one is asked for, where there is no link that says enough.
    pub(super) asks_old: bool,
    pub(super) token: &'a str,
    pub(super) wrong: Option<&'a str>,
}

#[derive(Deserialize)]
pub(super) struct Fields {
    token: String,
    old: String,
    password: String,
}

pub(super) async fn get(
    State(signin): State<Signin>,
    session: Result<Session, NoSession>,
) -> Response {
    let session = match session {
        Ok(session) => session,
        Err(NoSession::SignedOut) => return web::see_other("/login?return_to=/password"),
        Err(none) => return none.into_response(),
    };
    match signin.store.read(LocalNameOf(session.user.id.clone())).await {
        Ok(Some(username)) => signin.password_page(&session, &username, None).into_response(),
        Ok(None) => not_ours(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

fn not_ours() -> Response {
    let text = "Your password is not kept here: you sign in with your company\u{2019}s sign-in, or by the \
                settings of this installation.";
    Problem::new(StatusCode::NOT_FOUND, "There is no password to change", text)
        .with_way("Your keys", "/")
        .into_response()
}

impl Signin {
    fn password_page(&self, session: &Session, username: &str, wrong: Option<&str>) -> Response {
        let page = PasswordPage {
            site: &self.site,
            username,
            action: "/password",
            asks_old: true,
            token: &session.form_token(),
            wrong,
        };
        let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        (status, Page(page).apart()).into_response()
    }
}

pub(super) async fn post(
    State(signin): State<Signin>,
    session: Result<Session, NoSession>,
    (address, headers): (ClientAddress, HeaderMap),
    PageForm(fields): PageForm<Fields>,
) -> Response {
    let session = match session {
        Ok(session) => session,
        Err(none) => return none.into_response(),
    };
    if !web::is_from_us(&headers) || fields.token != session.form_token() {
        let text = "The form is not of this sign-in, so nothing was changed.";
        return Problem::new(StatusCode::FORBIDDEN, "Nothing was changed", text)
            .with_way("Your keys", "/")
            .into_response();
    }
    let username = match signin.store.read(LocalNameOf(session.user.id.clone())).await {
        Ok(Some(username)) => username,
        Ok(None) => return not_ours(),
        Err(error) => return Problem::unavailable(&error).into_response(),
    };
    if let Some(wrong) = wrong_with(&fields.password) {
        return signin.password_page(&session, &username, Some(wrong));
    }
    match attempt(&signin, &username, &fields.old, address).await {
        Ok(Some(_)) => change(&signin, &session, address, username, fields.password).await,
        Ok(None) => {
            signin.password_page(&session, &username, Some("The old password is not right."))
        }
        Err(Refused::TooOften(seconds)) => too_often(seconds, &OwnPath::fixed("/password")),
        Err(Refused::Store(error)) => Problem::unavailable(&error).into_response(),
    }
}

async fn change(
    signin: &Signin,
    session: &Session,
    address: ClientAddress,
    username: String,
    password: String,
) -> Response {
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    let Ok(password) = hashed else { return not_ours() };
    let act = Act {
        id: Hash(signin.entropy.draw()),
        at: signin.clock.now(),
        actor: session.user.id.to_string(),
        address: Some(address.to_string()),
    };
    let set = SetPassword { username, password, keep: Some(session.hash), act };
    match signin.store.write(set).await {
        Ok(true) => web::see_other("/"),
        Ok(false) => not_ours(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}
