//! `/sso/debug/login`: what a provider says of whoever signs in there, and what would come of it. For an admin
//! who is signed in, and only while `signin.debug` is on; it changes nothing.
use super::{Signin, complete::admit, leave::leave, paths::sso_path};
use crate::{
    idp::Idp,
    model::{Identity, OwnPath, Rights, Role, RoleSaid, teams_of},
    web::{self, Browser, NoSession, Page, Problem, Session, Site},
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

/// Where the way back leads that was begun here.
const HERE: &str = "/sso/debug/login";
/// Of one token only; they tell nothing and must not be copied into a ticket.
const SECRETS: [&str; 6] = ["nonce", "at_hash", "c_hash", "sid", "jti", "s_hash"];

#[derive(Template)]
#[template(path = "debug.html")]
struct Debug<'a> {
    site: &'a Site,
    idp: &'a str,
    identity: &'a Identity,
    email_counts: bool,
    groups: Option<String>,
    verdict: String,
    claims: Vec<(String, String)>,
}

#[derive(Deserialize, Default)]
struct Wanted {
    idp: Option<String>,
}

pub(super) async fn get(
    State(signin): State<Signin>,
    browser: Browser,
    session: Result<Session, NoSession>,
    uri: Uri,
) -> Response {
    let session = match session {
        Ok(session) => session,
        Err(NoSession::SignedOut) => return web::see_other("/login?return_to=/sso/debug/login"),
        Err(none) => return none.into_response(),
    };
    if let Some(no) = may_not(&signin, &session) {
        return no;
    }
    let wanted: Wanted = web::query(&uri).unwrap_or_default();
    let here = OwnPath::fixed(HERE);
    let idp = match (&wanted.idp, signin.idps.all()) {
        (Some(name), _) => signin.idps.named(name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let Some(idp) = idp else {
        return choice(&signin);
    };
    if idp.is_in_front() {
        return web::see_other(&sso_path(idp.name(), &here));
    }
    match leave(&signin, &browser, idp, &here, false).await {
        Ok(response) => response,
        Err(gone) => gone.page(idp.name(), &here),
    }
}

fn choice(signin: &Signin) -> Response {
    let all = signin.idps.all();
    let (title, text) = if all.is_empty() {
        ("No provider", "The settings have no [[idp]]: only local accounts sign in here.")
    } else {
        ("Which provider?", "Pick one to see what it says of you.")
    };
    let page = Problem::new(StatusCode::OK, title, text);
    let way = |page: Problem, idp: &Idp| {
        page.with_way_named(idp.name(), format!("{HERE}?idp={}", idp.name()))
    };
    all.iter().fold(page, way).with_way("Your account", "/").into_response()
}

fn may_not(signin: &Signin, session: &Session) -> Option<Response> {
    let (title, text) = if !signin.settings.debug {
        ("This page is off", "It shows what a provider says. signin.debug = true turns it on.")
    } else if !Rights::of_person(&session.user, &[]).is_admin() {
        ("Only an admin may see this", "It shows what a provider says.")
    } else {
        return None;
    };
    Some(
        Problem::new(StatusCode::FORBIDDEN, title, text)
            .with_way("Your account", "/")
            .into_response(),
    )
}

pub(super) fn is_asked(return_to: &OwnPath) -> bool {
    return_to.as_str() == HERE
}

/// Who came back is shown to the admin in whose browser it was, and not signed in.
pub(super) async fn show(
    signin: &Signin,
    headers: &HeaderMap,
    identity: &Identity,
    idp: Option<&Idp>,
) -> Response {
    let session =
        match Session::find(&signin.store, signin.clock.now(), &signin.site, headers).await {
            Ok(session) => session,
            Err(none) => return none.into_response(),
        };
    if let Some(no) = may_not(signin, &session) {
        return no;
    }
    let claims = identity.claims.iter().filter(|(name, _)| !SECRETS.contains(&name.as_str()));
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let page = Debug {
        site: &signin.site,
        idp: idp.map_or("local", Idp::name),
        identity,
        email_counts: identity.trusted_email().is_some(),
        groups: identity.groups.as_ref().map(|groups| groups.join(", ")),
        verdict: verdict(signin, identity, idp),
        claims: claims.map(|(name, value)| (name.clone(), text(value))).collect(),
    };
    Page(page).apart()
}

fn verdict(signin: &Signin, identity: &Identity, idp: Option<&Idp>) -> String {
    let role = match admit(signin, identity, idp) {
        Ok(RoleSaid::Is(role)) => role.name().to_owned(),
        Ok(RoleSaid::Nothing) => "what an admin set here, else internal_user".into(),
        Ok(RoleSaid::AdminByGroup) => "proxy_admin, by a group".into(),
        Ok(RoleSaid::Unknown(said)) => format!(
            "proxy_admin if they were by group, since groups are not known, else {}",
            said.map_or("what an admin set here", Role::name)
        ),
        Err(why) => return format!("They would be refused. {why}"),
    };
    let teams = match &identity.groups {
        None => "groups are unknown, so memberships stay".to_owned(),
        Some(groups) => match teams_of(&signin.settings.policy.teams, groups) {
            teams if teams.is_empty() => "no team by group".into(),
            teams => format!("by group in {}", teams.join(", ")),
        },
    };
    format!("They would be let in, as {role}; {teams}.")
}
