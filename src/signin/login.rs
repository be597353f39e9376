//! `/login`: a button for each provider, and a form for local accounts.
use super::{
    Signin,
    complete::{Arrival, Visitor, complete},
    paths::{login_path, own_path, sso_path, with_the_way_back},
};
use crate::{
    model::{Hash, OwnPath},
    store::{
        self,
        audit::{Act, Note},
    },
    web::{self, ClientAddress, Page, PageForm, Problem, Site},
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    site: &'a Site,
    return_to: &'a OwnPath,
    /// Name and address of each.
    idps: Vec<(String, String)>,
    form: bool,
    wrong: bool,
    username: &'a str,
}

#[derive(Deserialize, Default)]
struct Wanted {
    return_to: Option<String>,
    switch: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Fields {
    username: String,
    password: String,
    return_to: Option<String>,
}

pub(super) async fn get(State(signin): State<Signin>, uri: Uri) -> Response {
    let wanted: Wanted = web::query(&uri).unwrap_or_default();
    let return_to = own_path(wanted.return_to);
    // Asked for by its own name the form is there, whoever has an account.
    let asked = uri.path() == "/fallback/login";
    let show = Show { wrong: None, switch: wanted.switch.is_some(), form: asked };
    page(&signin, &return_to, &show).await
}

/// How the page is shown.
struct Show<'a> {
    /// The name that was tried.
    wrong: Option<&'a str>,
    switch: bool,
    form: bool,
}

async fn page(signin: &Signin, return_to: &OwnPath, show: &Show<'_>) -> Response {
    let Show { wrong, switch, form } = *show;
    let form = match signin.local.is_used().await {
        Ok(used) => used || form,
        Err(error) => return Problem::unavailable(&error).into_response(),
    };
    let suffix = if switch { "&switch=true" } else { "" };
    let idps: Vec<_> = signin
        .idps
        .all()
        .iter()
        .map(|idp| (idp.name().to_owned(), format!("{}{suffix}", sso_path(idp.name(), return_to))))
        .collect();
    if idps.is_empty() && !form {
        let text = "No identity provider and no account is set up yet. The admin finds a link for \
                    the first account in the log, or runs: gatekey user add EMAIL --admin";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Nobody can sign in yet", text)
            .into_response();
    }
    let username = wrong.unwrap_or_default();
    let page =
        Login { site: &signin.site, return_to, idps, form, wrong: wrong.is_some(), username };
    let status = if wrong.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    (status, Page(page)).into_response()
}

pub(super) async fn post(
    State(signin): State<Signin>,
    address: ClientAddress,
    headers: HeaderMap,
    PageForm(fields): PageForm<Fields>,
) -> Response {
    let return_to = own_path(fields.return_to.clone());
    if !web::is_from_us(&headers) {
        let text = "Another site sent this, so nothing was done.";
        return Problem::new(StatusCode::FORBIDDEN, "Not signed in", text)
            .with_way("Sign in here", login_path(&return_to, false))
            .into_response();
    }
    match attempt(&signin, &fields.username, &fields.password, address).await {
        Ok(Some(identity)) => {
            let visitor = Visitor::of(&signin.site, &headers, address);
            complete(&signin, Arrival { identity, idp: None, return_to, visitor }).await
        }
        Ok(None) => {
            let show = Show { wrong: Some(&fields.username), switch: false, form: true };
            page(&signin, &return_to, &show).await
        }
        Err(Refused::TooOften(seconds)) => too_often(seconds, &return_to),
        Err(Refused::Store(error)) => Problem::unavailable(&error).into_response(),
    }
}

pub(super) enum Refused {
    TooOften(i64),
    Store(store::Error),
}

/// Only wrong passwords are counted. The count is asked again afterwards, so that many guesses at once gain
/// nothing over one after the other.
pub(super) async fn attempt(
    signin: &Signin,
    username: &str,
    password: &str,
    client: ClientAddress,
) -> Result<Option<crate::model::Identity>, Refused> {
    let username = username.trim();
    let address = client.place();
    let account = (username.to_owned(), address);
    let throttles = &signin.throttles;
    let may = || throttles.account.would(&account).and_then(|()| throttles.address.would(&address));
    may().map_err(Refused::TooOften)?;
    // Postgres knows no text with a NUL: nobody is named so.
    let odd = username.len() > 255 || username.contains('\0') || password.len() > 1024;
    let found = if odd {
        None
    } else {
        signin.local.identify(username, password).await.map_err(Refused::Store)?
    };
    may().map_err(Refused::TooOften)?;
    if found.is_none() {
        tracing::warn!(%address, "a wrong password or an unknown name");
        let _ = throttles.account.count(account.clone());
        let _ = throttles.address.count(address);
        let act = Act {
            id: Hash(signin.entropy.draw()),
            at: signin.clock.now(),
            actor: "nobody".into(),
            address: Some(client.to_string()),
        };
        let entry = act.entry("signin.failed", "local").saying("wrong password or unknown name");
        signin.store.write(Note(entry)).await.map_err(Refused::Store)?;
    }
    Ok(found)
}

pub(super) fn too_often(seconds: i64, return_to: &OwnPath) -> Response {
    let text = "Too many wrong passwords. Wait a few minutes, then try again.";
    let page = Problem::new(StatusCode::TOO_MANY_REQUESTS, "Wait a little", text)
        .with_way("Back to the form", login_path(return_to, false))
        .retry_after(seconds);
    with_the_way_back(page, return_to).into_response()
}
