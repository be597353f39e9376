//! A proven identity becomes a session, if policy lets it in.
use super::{
    Signin,
    sso::{sso_path, with_the_way_back},
};
use crate::{
    model::{Hash, Identity, OwnPath, Role, SessionId, UserId},
    store::{
        accounts,
        audit::{Act, Note},
        users::{SignIn, SignedIn},
    },
    web::{self, ClientAddress, Problem, Session},
};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

pub(super) struct Arrival<'a> {
    pub(super) identity: Identity,
    pub(super) idp: &'a str,
    pub(super) return_to: OwnPath,
    pub(super) replaces: Vec<Hash>,
    pub(super) address: ClientAddress,
}

pub(super) async fn complete(signin: &Signin, arrival: Arrival<'_>) -> Response {
    let at = signin.clock.now();
    let act = Act {
        id: Hash(signin.entropy.draw()),
        at,
        actor: format!("{} at {}", arrival.identity.subject, arrival.identity.issuer),
        address: Some(arrival.address.to_string()),
    };
    let role = match admit(signin, &arrival.identity) {
        Ok(role) => role,
        Err(why) => return refused(signin, &act, &arrival, &why).await,
    };
    let session = SessionId::new(signin.entropy.draw());
    let operation = SignIn {
        identity: arrival.identity,
        fresh: UserId::new(signin.entropy.draw()),
        role,
        idp: arrival.idp.to_owned(),
        session: session.hash(),
        expires_at: at.plus(signin.settings.session_lifetime.seconds()),
        replaces: arrival.replaces,
        act,
    };
    match signin.store.write(operation).await {
        Ok(SignedIn::Done(user)) => {
            tracing::info!(user = %user.id, idp = arrival.idp, "signed in");
            let mut response = web::see_other(arrival.return_to.as_str());
            let headers = response.headers_mut();
            headers.append(header::SET_COOKIE, Session::cookie(&signin.site, &session));
            headers.append(header::SET_COOKIE, Session::forget_the_end(&signin.site));
            response
        }
        Ok(SignedIn::Blocked(user)) => {
            tracing::warn!(user = %user.id, "a blocked person tried to sign in");
            let text = "An admin has blocked your account. Ask them if you think this is wrong.";
            Problem::new(StatusCode::FORBIDDEN, "Your account is blocked", text).into_response()
        }
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

/// What the person may be. Rules about what a provider says do not speak of accounts an admin made here.
fn admit(signin: &Signin, identity: &Identity) -> Result<Option<Role>, String> {
    let policy = &signin.settings.policy;
    if identity.issuer == accounts::ISSUER {
        let is_admin = policy.admin_subject.as_deref() == Some(identity.subject.as_str());
        return Ok(if is_admin { Some(Role::ProxyAdmin) } else { identity.role });
    }
    if identity.groups.is_none() && policy.looks_at_groups() {
        tracing::warn!(
            issuer = identity.issuer,
            "a provider says nothing of groups: roles stay as they are"
        );
    }
    policy.admit(identity).map_err(|refused| refused.to_string())
}

async fn refused(signin: &Signin, act: &Act, arrival: &Arrival<'_>, why: &str) -> Response {
    tracing::warn!(idp = arrival.idp, why, "a sign-in was refused");
    let entry = act.entry("signin.refused", arrival.idp).saying(why);
    if let Err(error) = signin.store.write(Note(entry)).await {
        return Problem::unavailable(&error).into_response();
    }
    let other = format!("{}&switch=true", sso_path(arrival.idp, &arrival.return_to));
    let page = Problem::new(StatusCode::FORBIDDEN, "You may not sign in here", why)
        .with_way("Use another account", other);
    with_the_way_back(page, &arrival.return_to).into_response()
}
