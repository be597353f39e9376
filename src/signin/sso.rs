//! `/sso/login`: a browser goes to a provider.
use super::{
    Signin,
    complete::{Arrival, Visitor, complete},
    debug,
};
use crate::{
    idp::{Fault, Idp, Leg, NoHeader},
    model::{Hash, Link, LinkError, OwnPath, State as Secret},
    store::signins::{SaveSignin, Signin as Row},
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

/// So long a browser may stay with the provider (row U1).
const SECONDS: i64 = 5 * 60;

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

/// Where a person goes after signing in: a path of ours, else the account page (row C12).
pub(super) fn own_path(text: Option<String>) -> OwnPath {
    text.and_then(|text| OwnPath::try_from(text).ok()).unwrap_or_else(|| OwnPath::fixed("/"))
}

pub(super) fn login_path(return_to: &OwnPath, switch: bool) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("return_to", return_to.as_str());
    if switch {
        query.append_pair("switch", "true");
    }
    format!("/login?{}", query.finish())
}

/// The way to a provider, for its button and for "Try again".
pub(super) fn sso_path(idp: &str, return_to: &OwnPath) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("idp", idp).append_pair("return_to", return_to.as_str());
    format!("/sso/login?{}", query.finish())
}

/// An app may be waiting: it hears that the person gave up only by the person's own click.
pub(super) fn with_the_way_back(page: Problem, return_to: &OwnPath) -> Problem {
    let path = return_to.as_str().split('?').next().unwrap_or_default();
    match path.strip_prefix("/connect/").filter(|handle| !handle.contains('/')) {
        Some(handle) => page.with_way("Back to the app", format!("/connect/{handle}/leave")),
        None => page,
    }
}

/// Why a browser did not get to its provider or back.
pub(super) enum Gone {
    Fault(Fault),
    Store(crate::store::Error),
}

impl From<Fault> for Gone {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<crate::store::Error> for Gone {
    fn from(error: crate::store::Error) -> Self {
        Self::Store(error)
    }
}

impl Gone {
    /// Logged here, where it is said; the provider's own words stay in the log.
    pub(super) fn page(self, idp: &str, return_to: &OwnPath) -> Response {
        let fault = match self {
            Self::Store(error) => return Problem::unavailable(&error).into_response(),
            Self::Fault(fault) => fault,
        };
        tracing::warn!(%fault, idp, "a sign-in failed");
        let (status, title, text) = if fault.is_outage() {
            let text = "Your company's sign-in does not answer right now. You are not locked out: try \
                        again in a minute.";
            (StatusCode::SERVICE_UNAVAILABLE, "Sign-in is not reachable", text)
        } else if matches!(fault, Fault::Denied(_)) {
            let text = "Your company's sign-in did not let you through, or you cancelled there.";
            (StatusCode::FORBIDDEN, "You are not signed in", text)
        } else {
            let text = "The answer of your company's sign-in could not be trusted, so nothing was \
                        done. If this happens again, tell your admin; the log says what was wrong.";
            (StatusCode::BAD_GATEWAY, "Sign-in failed", text)
        };
        let page =
            Problem::new(status, title, text).with_way("Try again", sso_path(idp, return_to));
        // An app may be waiting: it hears of it only by the person's own click.
        let waiting =
            return_to.as_str().strip_prefix("/connect/").filter(|h| !h.contains(['/', '?']));
        match waiting {
            Some(handle) => page.with_way("Back to the app", format!("/connect/{handle}/leave")),
            None => page,
        }
        .into_response()
    }
}

/// Sends a browser to a provider, with a state that only this browser can bring back.
pub(super) async fn leave(
    signin: &Signin,
    browser: &Browser,
    idp: &Idp,
    return_to: &OwnPath,
    choose: bool,
) -> Result<Response, Gone> {
    let state = Secret::new(signin.entropy.draw());
    let hash = state.hash();
    let secret = Hash(signin.keyring.newest());
    let redirect_uri = format!("{}{}", signin.site.base_url(), idp.callback());
    let leg = Leg::new(&signin.keyring, secret, browser.binding(), state, redirect_uri)
        .ok_or(Fault::Invalid("server.secret is not at hand"))?;
    let address = idp.address(&leg, choose).await?;
    let row = SaveSignin {
        state: hash,
        signin: Row {
            browser: browser.hash(),
            idp: idp.name().to_owned(),
            return_to: return_to.as_str().to_owned(),
            secret,
        },
        expires_at: signin.clock.now().plus(SECONDS),
    };
    signin.store.write(row).await?;
    Ok(browser.remember(web::see_other(&address)))
}
