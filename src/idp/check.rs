//! Whether a provider could sign somebody in now, for `gatekey check --online`: asked one thing after the other,
//! and what is wrong said in words.
use super::{Ceremony, Idp, discovery::PATIENCE};
use crate::{
    model::Timestamp,
    world::{Clock, Outbound},
};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;

/// More than tokens may be off by.
const SKEW: i64 = 60;
const MOST: usize = 4 * 1024 * 1024;

/// One thing that was tried.
pub struct Checked {
    pub what: &'static str,
    pub outcome: Result<(), String>,
}

impl Checked {
    fn new(what: &'static str, outcome: Result<(), String>) -> Self {
        Self { what, outcome }
    }
}

impl Idp {
    /// `redirect_uri`: absolute, as it must be registered with the provider.
    pub async fn check(
        &self,
        outbound: &Outbound,
        clock: &Clock,
        redirect_uri: &str,
    ) -> Vec<Checked> {
        let mut done = Vec::new();
        if let Some(oidc) = self.ceremony.oidc() {
            let found = oidc.metadata().await;
            let wrong = found.as_ref().err().map(ToString::to_string);
            done.push(Checked::new("discovery", wrong.map_or(Ok(()), Err)));
            if found.is_err() {
                return done;
            }
            let keys = oidc.check_keys().await.map_err(|fault| fault.to_string());
            done.push(Checked::new("signing keys", keys));
        }
        let endpoint = match &self.ceremony {
            Ceremony::Header(_) => return done,
            Ceremony::GitHub(github) => github.authorization(),
            Ceremony::Generic(generic) => generic.endpoints.authorization.clone(),
            Ceremony::Oidc(_) | Ceremony::Google(_) | Ceremony::Microsoft(_) => {
                let oidc = self.ceremony.oidc().expect("these three have one");
                match oidc.metadata().await {
                    Ok(metadata) => metadata.authorization_endpoint.clone(),
                    Err(_) => return done,
                }
            }
        };
        match ask(outbound, &self.question(&endpoint, redirect_uri)).await {
            Ok(answer) => {
                done.push(Checked::new("redirect URI", judge(&answer, redirect_uri)));
                done.push(Checked::new("clock", skew(&answer, clock.now())));
            }
            Err(why) => done.push(Checked::new("sign-in page", Err(why))),
        }
        done
    }

    /// As a browser would ask, but without a page: whoever is registered is answered at the redirect URI, or
    /// shown a page to sign in.
    fn question(&self, endpoint: &str, redirect_uri: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", self.config.client_id.as_str()),
            ("redirect_uri", redirect_uri),
            ("scope", self.config.scopes.join(" ").as_str()),
            ("state", "check"),
            ("nonce", "check"),
            // Of no verifier: a code that came of it could not be redeemed.
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
            ("prompt", "none"),
        ]);
        let join = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{join}{}", query.finish())
    }
}

async fn ask(outbound: &Outbound, url: &str) -> Result<Response<Bytes>, String> {
    let request = Request::get(url)
        .header(header::ACCEPT, "text/html")
        .header(header::USER_AGENT, "gatekey")
        .body(Full::new(Bytes::new()))
        .map_err(|_| "it is not a URL".to_owned())?;
    outbound.fetch(request, PATIENCE, MOST).await.map_err(|trouble| trouble.to_string())
}

fn judge(answer: &Response<Bytes>, redirect_uri: &str) -> Result<(), String> {
    let status = answer.status();
    let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("");
    let refused = || format!("the provider does not accept it; register {redirect_uri} there");
    if to.starts_with(redirect_uri) {
        let said = |code: &str| to.contains(&format!("error={code}"));
        return match () {
            () if said("unauthorized_client") => {
                Err("the provider does not let this client_id sign people in".into())
            }
            () if said("invalid_scope") => {
                Err("the provider does not know one of idp.scopes".into())
            }
            () => Ok(()),
        };
    }
    match status.as_u16() {
        400..=499 => Err(format!("{} (it answered {status}); is client_id right?", refused())),
        500..=599 => Err(format!("the sign-in page answered {status}")),
        // Google leads to a page that says what is wrong.
        300..=399 if to.contains("/error") || to.contains("error=") => Err(refused()),
        _ if mentions_mismatch(answer.body()) => Err(refused()),
        _ => Ok(()),
    }
}

/// Entra says it on a page with 200.
fn mentions_mismatch(body: &[u8]) -> bool {
    [
        &b"AADSTS50011"[..],
        b"AADSTS700016",
        b"redirect_uri_mismatch",
        b"redirect_uri is not associated",
    ]
    .iter()
    .any(|words| memchr::memmem::find(body, words).is_some())
}

fn skew(answer: &Response<Bytes>, now: Timestamp) -> Result<(), String> {
    let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(Timestamp::parse_http) else { return Ok(()) };
    let off = now.0 - theirs.0;
    if off.abs() <= SKEW {
        return Ok(());
    }
    let which = if off > 0 { "ahead of" } else { "behind" };
    let seconds = off.abs();
    Err(format!(
        "this computer's clock is {seconds} s {which} the provider's: tokens will be refused; set it by NTP"
    ))
}
