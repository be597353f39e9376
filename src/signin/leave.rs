//! A browser is sent to a provider; and what is said when it does not get there, or not back.
use super::{
    Signin,
    paths::{sso_path, with_the_way_back},
};
use crate::{
    idp::{Fault, Idp, Leg},
    model::{Hash, OwnPath, State as Secret},
    store::signins::{SaveSignin, Signin as Row},
    web::{self, Browser, Problem},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

/// So long a browser may stay with the provider (row U1).
const SECONDS: i64 = 5 * 60;

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
        with_the_way_back(page, return_to).into_response()
    }
}
