//! A provider's signing keys, kept for a while.
use super::{Fault, discovery::get_json};
use crate::{
    model::Timestamp,
    world::{Clock, Outbound},
};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use tokio::sync::Mutex;

/// Asked again after this, or when a token names a key we do not know.
const FRESH: i64 = 3600;
/// How often an unknown key may make us ask: a stream of forged ones must not become a stream of requests.
const ASK_AGAIN: i64 = 30;
/// While the provider does not answer, old keys count for so long.
const STALE: i64 = 24 * 3600;

pub(super) struct Keys {
    clock: Clock,
    /// One request at a time: others wait for its answer (row U12).
    known: Mutex<Option<Known>>,
}

struct Known {
    set: Vec<Jwk>,
    at: Timestamp,
    asked: Timestamp,
}

impl Keys {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, known: Mutex::new(None) }
    }

    /// Whether there is one that could sign.
    pub(super) async fn any(&self, outbound: &Outbound, url: &str) -> Result<(), Fault> {
        let set: JwkSet = get_json(outbound, url, None, "the signing keys").await?;
        let usable = set.keys.iter().any(|jwk| DecodingKey::from_jwk(jwk).is_ok());
        usable.then_some(()).ok_or(Fault::Invalid("none of the signing keys can be used"))
    }

    /// The key that a token's header names.
    pub(super) async fn find(
        &self,
        outbound: &Outbound,
        url: &str,
        kid: Option<&str>,
        alg: Algorithm,
    ) -> Result<DecodingKey, Fault> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        let age = |at: Timestamp| (now.0 - at.0).unsigned_abs();
        let fresh = known.as_ref().is_some_and(|k| age(k.at) < FRESH.unsigned_abs());
        let here = known.as_ref().is_some_and(|k| pick(&k.set, kid, alg).is_some());
        let asked = known.as_ref().is_some_and(|k| age(k.asked) < ASK_AGAIN.unsigned_abs());
        if !(fresh && here || asked) {
            match get_json::<JwkSet>(outbound, url, None, "the signing keys").await {
                Ok(set) => *known = Some(Known { set: set.keys, at: now, asked: now }),
                Err(fault) => match &mut *known {
                    Some(old) if age(old.at) < STALE.unsigned_abs() => {
                        tracing::warn!(%fault, "a provider's keys could not be fetched; old ones count");
                        old.asked = now;
                    }
                    _ => return Err(fault),
                },
            }
        }
        let set = known.as_ref().map(|known| known.set.as_slice()).unwrap_or_default();
        let jwk = pick(set, kid, alg).ok_or(Fault::Invalid("the id_token's key is unknown"))?;
        DecodingKey::from_jwk(jwk).map_err(|_| Fault::Invalid("a signing key is unusable"))
    }
}

/// By name; a token without one is served only where no choice exists.
fn pick<'a>(set: &'a [Jwk], kid: Option<&str>, alg: Algorithm) -> Option<&'a Jwk> {
    let fits = |jwk: &&Jwk| {
        let signs = !matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption));
        let named =
            jwk.common.key_algorithm.is_none_or(|known| known.to_string() == format!("{alg:?}"));
        signs && named && DecodingKey::from_jwk(jwk).is_ok_and(|key| key.family() == alg.family())
    };
    let mut usable = set.iter().filter(fits);
    match kid {
        Some(kid) => usable.find(|jwk| jwk.common.key_id.as_deref() == Some(kid)),
        None => usable.next().filter(|_| usable.next().is_none()),
    }
}
