//! `/reset/{token}`: a new password by a link that an admin made. It works once, and for a day.
use super::{Signin, password::PasswordPage};
use crate::{
    idp::{hash_password, wrong_with},
    model::{Handle, Hash},
    store::{
        accounts::{Reset, ResetOf},
        audit::Act,
    },
    web::{self, ClientAddress, Page, PageForm, Problem},
};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Fields {
    password: String,
}

pub(super) async fn get(State(signin): State<Signin>, Path(token): Path<String>) -> Response {
    page(&signin, &token, None).await
}

async fn page(signin: &Signin, token: &str, wrong: Option<&str>) -> Response {
    let reset = ResetOf { token: Handle::presented(token).hash(), at: signin.clock.now() };
    let username = match signin.store.read(reset).await {
        Ok(Some(username)) => username,
        Ok(None) => return closed(),
        Err(error) => return Problem::unavailable(&error).into_response(),
    };
    let page = PasswordPage {
        site: &signin.site,
        username: &username,
        action: &format!("/reset/{token}"),
        asks_old: false,
        token: "",
        wrong,
    };
    let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    (status, Page(page).apart()).into_response()
}

pub(super) async fn post(
    State(signin): State<Signin>,
    Path(token): Path<String>,
    (address, headers): (ClientAddress, HeaderMap),
    PageForm(fields): PageForm<Fields>,
) -> Response {
    if !web::is_from_us(&headers) {
        return closed();
    }
    if let Some(wrong) = wrong_with(&fields.password) {
        return page(&signin, &token, Some(wrong)).await;
    }
    let (hash, at) = (Handle::presented(&token).hash(), signin.clock.now());
    // Asked first, so that a guessed link costs no password hash.
    match signin.store.read(ResetOf { token: hash, at }).await {
        Ok(Some(_)) => {}
        Ok(None) => return closed(),
        Err(error) => return Problem::unavailable(&error).into_response(),
    }
    let hashed = tokio::task::spawn_blocking(move || hash_password(&fields.password)).await;
    let Ok(password) = hashed else { return closed() };
    let act = Act {
        id: Hash(signin.entropy.draw()),
        at,
        actor: "reset link".into(),
        address: Some(address.to_string()),
    };
    match signin.store.write(Reset { token: hash, password, act }).await {
        Ok(true) => web::see_other("/login"),
        Ok(false) => closed(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

fn closed() -> Response {
    let text = "A link for a new password works once, and for a day. Ask your admin for another.";
    Problem::new(StatusCode::NOT_FOUND, "This link does not work any more", text)
        .with_way("Sign in", "/login")
        .into_response()
}
