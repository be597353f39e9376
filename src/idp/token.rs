//! A code becomes tokens (RFC 6749 §4.1.3), at a provider.
use super::{Fault, Leg, discovery::PATIENCE};
use crate::{config, world::Outbound};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde::Deserialize;

const MOST: usize = 256 * 1024;

/// Used at once and forgotten.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) id_token: Option<String>,
    /// What the access token is good for, where the provider says so.
    pub(super) scope: Option<String>,
}

pub(super) async fn redeem(
    outbound: &Outbound,
    endpoint: &str,
    idp: &config::Idp,
    basic: bool,
    (code, leg): (&str, &Leg),
) -> Result<Tokens, Fault> {
    let request = request(endpoint, idp, basic, code, leg)?;
    let answer = outbound.fetch(request, PATIENCE, MOST).await;
    let answer = answer.map_err(|trouble| Fault::Unreachable("the token endpoint", trouble))?;
    if !answer.status().is_success() {
        return Err(Fault::Refused("the token endpoint", answer.status()));
    }
    serde_json::from_slice(answer.body())
        .map_err(|_| Fault::Invalid("the token endpoint's answer has no access_token"))
}

fn request(
    endpoint: &str,
    idp: &config::Idp,
    basic: bool,
    code: &str,
    leg: &Leg,
) -> Result<Request<Full<Bytes>>, Fault> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", leg.redirect_uri()),
        ("code_verifier", leg.verifier().expose()),
    ]);
    let mut request = Request::post(endpoint)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json");
    match &idp.client_secret {
        Some(secret) if basic => {
            let pair = format!("{}:{}", encoded(&idp.client_id), encoded(secret.expose()));
            let value = format!("Basic {}", STANDARD.encode(pair));
            request = request.header(header::AUTHORIZATION, value);
        }
        Some(secret) => {
            form.append_pair("client_id", &idp.client_id);
            form.append_pair("client_secret", secret.expose());
        }
        None => {
            form.append_pair("client_id", &idp.client_id);
        }
    }
    request
        .body(Full::new(Bytes::from(form.finish())))
        .map_err(|_| Fault::Invalid("the token endpoint is not a URL"))
}

/// RFC 6749 §2.3.1: both halves are form-encoded first.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
