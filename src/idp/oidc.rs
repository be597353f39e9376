//! OpenID Connect: discovery, a signed `id_token`, and userinfo for what it leaves out.
use super::{
    Fault, Leg, claims,
    discovery::{Issuer, Metadata, get_json},
    id_token::{self, Expected, Verified},
    keys::Keys,
    token::{self, Tokens},
};
use crate::{
    config,
    model::{Identity, Timestamp},
    world::{Clock, Outbound},
};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use std::sync::{Arc, PoisonError};
use tokio::{sync::Mutex, time::Instant};

const FRESH: i64 = 3600;
const STALE: i64 = 24 * 3600;

pub(super) struct Oidc {
    issuer: Issuer,
    outbound: Outbound,
    clock: Clock,
    known: Mutex<Option<(Arc<Metadata>, Timestamp)>>,
    /// The last failure, and when it was known: whoever waited for it meanwhile need not try again.
    failed: std::sync::Mutex<Option<(Fault, Instant)>>,
    keys: Keys,
}

impl Oidc {
    pub(super) fn new(issuer: Issuer, outbound: Outbound, clock: Clock) -> Self {
        let keys = Keys::new(clock.clone());
        Self {
            issuer,
            outbound,
            clock,
            known: Mutex::new(None),
            failed: std::sync::Mutex::new(None),
            keys,
        }
    }

    /// Asked for once an hour; while the provider does not answer, the last answer counts for a day.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, Fault> {
        let came = Instant::now();
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        let age = |at: &Timestamp| (now.0 - at.0).abs();
        if let Some((metadata, at)) = &*known
            && age(at) < FRESH
        {
            return Ok(metadata.clone());
        }
        let fetched = match self.failed_since(came) {
            Some(fault) => Err(fault),
            None => Metadata::fetch(&self.outbound, &self.issuer).await,
        };
        if let Err(fault) = &fetched {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            *failed = Some((fault.clone(), Instant::now()));
        }
        match fetched {
            Ok(fresh) => {
                let fresh = Arc::new(fresh);
                *known = Some((fresh.clone(), now));
                Ok(fresh)
            }
            Err(fault) => match &*known {
                Some((old, at)) if age(at) < STALE => {
                    tracing::warn!(%fault, issuer = ?self.issuer, "old metadata counts");
                    Ok(old.clone())
                }
                _ => Err(fault),
            },
        }
    }

    fn failed_since(&self, came: Instant) -> Option<Fault> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().filter(|(_, at)| *at > came).map(|(fault, _)| fault.clone())
    }

    pub(super) fn serves(&self, issuer: &str) -> bool {
        self.issuer.fits(issuer)
    }

    /// Whether the provider has a key that could have signed a token.
    pub(super) async fn check_keys(&self) -> Result<(), Fault> {
        let metadata = self.metadata().await?;
        self.keys.any(&self.outbound, &metadata.jwks_uri).await
    }

    pub(super) async fn identify(
        &self,
        idp: &config::Idp,
        code: &str,
        iss: Option<&str>,
        leg: &Leg,
    ) -> Result<Identity, Fault> {
        let (Verified { issuer, mut claims }, tokens) = self.redeem(idp, code, iss, leg).await?;
        self.complete(idp, &tokens.access_token, &mut claims).await?;
        let subject = claims::text(&claims, &idp.claims.subject)
            .ok_or(Fault::Invalid("the claim that idp.subject_claim names is missing"))?;
        Ok(claims::identity(&issuer, subject, &claims, &idp.claims))
    }

    /// A code becomes a token that holds, in every point.
    pub(super) async fn redeem(
        &self,
        idp: &config::Idp,
        code: &str,
        iss: Option<&str>,
        leg: &Leg,
    ) -> Result<(Verified, Tokens), Fault> {
        let metadata = self.metadata().await?;
        let silent = metadata.authorization_response_iss_parameter_supported && iss.is_none();
        if silent || iss.is_some_and(|iss| iss != metadata.issuer) {
            return Err(Fault::Invalid("the answer came from another issuer"));
        }
        let basic = metadata.takes_basic();
        let tokens =
            token::redeem(&self.outbound, &metadata.token_endpoint, idp, basic, (code, leg))
                .await?;
        let id_token = tokens.id_token.as_deref().ok_or(Fault::Invalid("there is no id_token"))?;
        let (kid, alg): (Option<String>, Algorithm) = id_token::header(id_token)?;
        let jwks = &metadata.jwks_uri;
        let key = self.keys.find(&self.outbound, jwks, kid.as_deref(), alg).await?;
        let expected = Expected {
            issuer: &metadata.issuer,
            client_id: &idp.client_id,
            nonce: leg.nonce(),
            access_token: &tokens.access_token,
            now: self.clock.now(),
        };
        let verified = id_token::verify(id_token, &key, alg, &expected)?;
        if !self.issuer.fits(&verified.issuer) {
            return Err(Fault::Invalid("the id_token is of another issuer"));
        }
        Ok((verified, tokens))
    }

    /// Userinfo adds what the `id_token` leaves out, and overrides nothing that was signed.
    async fn complete(
        &self,
        idp: &config::Idp,
        access_token: &str,
        found: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        let names = &idp.claims;
        let enough = names.email.iter().any(|name| claims::claim(found, name).is_some())
            && claims::claim(found, &names.groups).is_some()
            && claims::claim(found, &names.subject).is_some();
        let metadata = self.metadata().await?;
        let Some(url) = metadata.userinfo_endpoint.as_deref().filter(|_| !enough) else {
            return Ok(());
        };
        let more: Map<String, Value> =
            get_json(&self.outbound, url, Some(access_token), "userinfo").await?;
        if more.get("sub") != found.get("sub") {
            return Err(Fault::Invalid("userinfo speaks of somebody else"));
        }
        for (name, value) in more {
            found.entry(name).or_insert(value);
        }
        Ok(())
    }
}
