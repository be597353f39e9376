//! Owns who signs people in: one [`Idp`] per `[[idp]]`, and local accounts beside them.
//!
//! A provider turns its own ceremony into one [`Identity`]: it is asked for the address to send a browser to
//! and, when the browser is back, for the person. Never here: sessions, users, policy, a cookie.
mod claims;
mod discovery;
mod generic;
mod id_token;
mod keys;
mod leg;
mod local;
mod oidc;
mod token;

pub use leg::Leg;
pub use local::{Local, hash_password};

use crate::{
    config::{self, Config, IdpKind},
    model::Identity,
    world::{Clock, Outbound, Trouble},
};
use std::sync::Arc;

/// All providers, in the order of the configuration.
#[derive(Clone)]
pub struct Idps(Arc<[Idp]>);

pub struct Idp {
    config: config::Idp,
    ceremony: Ceremony,
}

enum Ceremony {
    Oidc(oidc::Oidc),
    Generic(generic::Generic),
}

/// What a browser brought back (RFC 6749 §4.1.2), not yet believed.
#[derive(Debug, Default)]
pub struct Answer {
    pub code: Option<String>,
    pub error: Option<String>,
    /// RFC 9207.
    pub iss: Option<String>,
}

/// Why nobody was signed in. The provider's own words are logged, never shown (row U10).
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    #[error("{0}: {1}")]
    Unreachable(&'static str, Trouble),
    #[error("{0} answered {1}")]
    Refused(&'static str, http::StatusCode),
    /// It does not keep its protocol, or somebody in between does not.
    #[error("{0}")]
    Invalid(&'static str),
    /// The person said no there, or may not.
    #[error("the provider said {0}")]
    Denied(&'static str),
}

impl Fault {
    /// Whether trying again later may help.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable(..) => true,
            Self::Refused(_, status) => status.is_server_error(),
            Self::Invalid(_) | Self::Denied(_) => false,
        }
    }
}

impl Idps {
    #[must_use]
    pub fn new(config: &Config, outbound: &Outbound, clock: &Clock) -> Self {
        let idp = |config: &config::Idp| Idp {
            config: config.clone(),
            ceremony: match &config.kind {
                IdpKind::Oidc { issuer } => {
                    Ceremony::Oidc(oidc::Oidc::new(issuer, outbound.clone(), clock.clone()))
                }
                IdpKind::Generic(endpoints) => Ceremony::Generic(generic::Generic {
                    endpoints: endpoints.clone(),
                    outbound: outbound.clone(),
                }),
            },
        };
        Self(config.idps.iter().map(idp).collect())
    }

    #[must_use]
    pub fn all(&self) -> &[Idp] {
        &self.0
    }

    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Idp> {
        self.0.iter().find(|idp| idp.name() == name)
    }
}

impl Idp {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Where the provider sends browsers back to: a path of ours.
    #[must_use]
    pub fn callback(&self) -> String {
        if self.config.plain_callback {
            "/sso/callback".into()
        } else {
            format!("/sso/callback/{}", self.config.name)
        }
    }

    /// Where to send a browser. `choose`: the person must be able to pick another account (K04).
    pub async fn address(&self, leg: &Leg, choose: bool) -> Result<String, Fault> {
        let own_prompt = self.config.prompt.as_deref();
        let (endpoint, prompt) = match &self.ceremony {
            Ceremony::Oidc(oidc) => {
                let metadata = oidc.metadata().await?;
                let prompt = own_prompt.or_else(|| choose.then(|| metadata.choosing_prompt()));
                (metadata.authorization_endpoint.clone(), prompt.map(str::to_owned))
            }
            Ceremony::Generic(generic) => {
                let prompt = own_prompt.or(choose.then_some("login"));
                (generic.endpoints.authorization.clone(), prompt.map(str::to_owned))
            }
        };
        Ok(leg.address(&endpoint, &self.config, prompt.as_deref()))
    }

    /// Who came back.
    pub async fn identify(&self, answer: &Answer, leg: &Leg) -> Result<Identity, Fault> {
        if let Some(error) = &answer.error {
            return Err(Fault::Denied(known_error(error)));
        }
        let code = answer.code.as_deref().ok_or(Fault::Invalid("there is no code"))?;
        match &self.ceremony {
            Ceremony::Oidc(oidc) => {
                oidc.identify(&self.config, code, answer.iss.as_deref(), leg).await
            }
            Ceremony::Generic(generic) => generic.identify(&self.config, code, leg).await,
        }
    }

    /// Whether it could sign somebody in now, for `gatekey check --online`.
    pub async fn check(&self) -> Result<(), Fault> {
        match &self.ceremony {
            Ceremony::Oidc(oidc) => oidc.check().await,
            Ceremony::Generic(_) => Ok(()),
        }
    }
}

/// Error codes of RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6; another text is nobody's business.
fn known_error(error: &str) -> &'static str {
    const KNOWN: [&str; 10] = [
        "access_denied",
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "interaction_required",
        "login_required",
        "consent_required",
    ];
    KNOWN.into_iter().find(|known| *known == error).unwrap_or("an unknown error")
}
