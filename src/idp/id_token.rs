//! The `id_token` (OpenID Connect Core §3.1.3.7): nothing in it counts before all of it holds.
use super::{Fault, discovery::issuer_of};
use crate::model::Timestamp;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Signatures that only the provider can make: no `none`, no shared secret (row U4).
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// Clocks differ.
const LEEWAY: i64 = 60;

/// What a valid token must agree with.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) access_token: &'a str,
    pub(super) now: Timestamp,
}

/// Required ones are not optional here, and a text is no number: a token that says otherwise does not parse.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: String,
    at_hash: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Who signed it, as its header says: the key to look for.
pub(super) fn header(token: &str) -> Result<(Option<String>, Algorithm), Fault> {
    let header = decode_header(token).map_err(|_| Fault::Invalid("the id_token is damaged"))?;
    if ALGORITHMS.contains(&header.alg) {
        Ok((header.kid, header.alg))
    } else {
        Err(Fault::Invalid("the id_token is signed in a way that proves nothing"))
    }
}

/// What a valid token says.
pub(super) struct Verified {
    pub(super) issuer: String,
    /// All claims, `sub` too.
    pub(super) claims: Map<String, Value>,
}

pub(super) fn verify(
    token: &str,
    key: &DecodingKey,
    alg: Algorithm,
    expected: &Expected<'_>,
) -> Result<Verified, Fault> {
    // Times are checked below, by our own clock and as numbers.
    let mut validation = Validation::new(alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = decode::<Claims>(token, key, &validation)
        .map_err(|_| Fault::Invalid("the id_token's signature or shape is wrong"))?
        .claims;
    check(&claims, alg, expected)?;
    let Claims { iss, sub, mut rest, .. } = claims;
    rest.insert("sub".into(), sub.into());
    Ok(Verified { issuer: iss, claims: rest })
}

fn check(claims: &Claims, alg: Algorithm, expected: &Expected<'_>) -> Result<(), Fault> {
    let wrong = |what| Err(Fault::Invalid(what));
    let tenant = claims.rest.get("tid").and_then(Value::as_str);
    if issuer_of(expected.issuer, tenant).is_none_or(|issuer| issuer != claims.iss) {
        return wrong("the id_token is of another issuer");
    }
    let meant = match &claims.aud {
        Audience::One(aud) => aud == expected.client_id,
        Audience::Many(all) => {
            let ours = all.iter().any(|aud| aud == expected.client_id);
            ours && (all.len() == 1 || claims.azp.is_some())
        }
    };
    if !meant || claims.azp.as_deref().is_some_and(|azp| azp != expected.client_id) {
        return wrong("the id_token is for another client");
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact in a double")]
    let (now, leeway) = (expected.now.0 as f64, LEEWAY as f64);
    if !claims.exp.is_finite() || now >= claims.exp + leeway {
        return wrong("the id_token has expired; if it is new, the clocks differ");
    }
    if claims.iat > now + leeway || claims.nbf.is_some_and(|nbf| nbf > now + leeway) {
        return wrong("the id_token is from the future: the clocks differ");
    }
    if claims.nonce != expected.nonce {
        return wrong("the id_token answers another sign-in");
    }
    if claims.at_hash.as_deref().is_some_and(|hash| hash != at_hash(alg, expected.access_token)) {
        return wrong("the id_token belongs to another access token");
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return wrong("the id_token names nobody");
    }
    Ok(())
}

/// The left half of the token's hash (OpenID Connect Core §3.1.3.6).
fn at_hash(alg: Algorithm, access_token: &str) -> String {
    let whole = match alg {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => {
            Sha384::digest(access_token).to_vec()
        }
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => {
            Sha512::digest(access_token).to_vec()
        }
        _ => Sha256::digest(access_token).to_vec(),
    };
    URL_SAFE_NO_PAD.encode(&whole[..whole.len() / 2])
}
