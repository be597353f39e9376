//! `/sso/login`: a browser goes to a provider.
use super::{
    Signin,
    complete::{Arrival, Visitor, complete},
    debug,
    leave::leave,
    paths::{login_path, own_path, sso_path},
};
use crate::{
    idp::{Idp, NoHeader},
    model::{Link, LinkError, OwnPath},
    web::{self, Browser, ClientAddress, Peer, Problem, Session},
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::net::IpAddr;

#[derive(Deserialize, Default)]
struct Wanted {
    return_to: Option<String>,
    idp: Option<String>,
    /// "Not you?": the provider must ask which account.
    switch: Option<String>,
}

pub(super) async fn get(
    State(signin): State<Signin>,
    peer: Option<Extension<Peer>>,
    browser: Browser,
    (address, headers): (ClientAddress, HeaderMap),
    uri: Uri,
) -> Response {
    // A parameter that stands there twice says nothing; the link judges its own ones itself.
    let wanted: Wanted = web::query(&uri).unwrap_or_default();
    let pairs = web::pairs(&uri);
    if pairs.iter().any(|(name, value)| name == "oauth_flow" && value == "true") {
        return to_link(&signin, &pairs, wanted.idp.as_deref());
    }
    let return_to = own_path(wanted.return_to);
    let choose = wanted.switch.is_some() || Session::was_ended(&signin.site, &headers);
    let idp = match (&wanted.idp, signin.idps.all()) {
        (Some(name), _) => signin.idps.named(name),
        (None, [only]) if signin.settings.auto_redirect => Some(only),
        _ => None,
    };
    if let Some(seconds) = idp.and_then(|_| signin.throttles.sent.count(address.place()).err()) {
        let text = "This was tried very often just now. Try again in a minute.";
        return Problem::new(StatusCode::TOO_MANY_REQUESTS, "Wait a little", text)
            .retry_after(seconds)
            .into_response();
    }
    match idp {
        Some(idp) if idp.is_in_front() => {
            let peer = peer.map(|Extension(Peer(peer))| peer.ip());
            in_front(&signin, idp, (peer, address, &headers), return_to).await
        }
        Some(idp) => match leave(&signin, &browser, idp, &return_to, choose).await {
            Ok(response) => response,
            Err(gone) => gone.page(idp.name(), &return_to),
        },
        None => web::see_other(&login_path(&return_to, wanted.switch.is_some())),
    }
}

/// A proxy in front has signed the person in: nobody is sent anywhere.
async fn in_front(
    signin: &Signin,
    idp: &Idp,
    (peer, address, headers): (Option<IpAddr>, ClientAddress, &HeaderMap),
    return_to: OwnPath,
) -> Response {
    if !web::is_navigation(headers) {
        let text = "Open this address itself: a page or script of another cannot sign you in.";
        return Problem::new(StatusCode::FORBIDDEN, "You are not signed in", text).into_response();
    }
    let found =
        peer.ok_or(NoHeader::Elsewhere).and_then(|peer| idp.identify_in_front(headers, peer));
    match found {
        Ok(identity) if debug::is_asked(&return_to) => {
            debug::show(signin, headers, &identity, Some(idp)).await
        }
        Ok(identity) => {
            let visitor = Visitor::of(&signin.site, headers, address);
            complete(signin, Arrival { identity, idp: Some(idp), return_to, visitor }).await
        }
        Err(why) => {
            tracing::warn!(%why, ?peer, idp = idp.name(), "headers signed nobody in");
            let text = "Your company's sign-in stands in front of Gatekey, and it did not say who you are. \
                        Open Gatekey by your company's address for it; if you did, tell your admin: the log \
                        says what was missing.";
            Problem::new(StatusCode::FORBIDDEN, "You are not signed in", text)
                .with_way("Try again", sso_path(idp.name(), &return_to))
                .with_way("Sign in another way", login_path(&return_to, false))
                .into_response()
        }
    }
}

/// The link's public step (contract): judged here too, and on to where its dialect lives.
fn to_link(signin: &Signin, pairs: &[(String, String)], idp: Option<&str>) -> Response {
    match Link::parse(pairs, false, &signin.rules) {
        Ok(link) => {
            let query = link.query();
            let mut query = form_urlencoded::Serializer::new(query);
            if let Some(idp) = idp.filter(|name| signin.idps.named(name).is_some()) {
                query.append_pair("idp", idp);
            }
            web::see_other(&format!("/connect/link?{}", query.finish()))
        }
        Err(LinkError::InvalidRequest(why)) => {
            web::oauth_error(StatusCode::BAD_REQUEST, "invalid_request", &why)
        }
        Err(LinkError::UnsupportedResponseType) => {
            web::oauth_error(StatusCode::BAD_REQUEST, "unsupported_response_type", "not served")
        }
        Err(LinkError::NotServed(_)) => web::see_other(&format!(
            "/sso/key/generate?{}",
            form_urlencoded::Serializer::new(String::new())
                .append_pair("response_type", "oauth_token")
                .extend_pairs(pairs.iter().filter(|(name, _)| name != "oauth_flow"))
                .finish()
        )),
    }
}
