//! Owns who signs people in: one [`Idp`] per `[[idp]]`, and local accounts beside them.
//!
//! A provider turns its own ceremony into one [`Identity`]: it is asked for the address to send a browser to
//! and, when the browser is back, for the person. Never here: sessions, users, policy, a cookie.
mod check;
mod claims;
mod discovery;
mod generic;
mod github;
mod google;
mod header;
mod id_token;
mod keys;
mod leg;
mod local;
mod microsoft;
mod oidc;
mod token;

pub use check::Checked;
pub use header::NoHeader;
pub use leg::Leg;
pub use local::{Local, hash_password, wrong_with};

use crate::{
    config::{self, Config, IdpKind},
    model::{Email, Identity},
    store::accounts,
    world::{Clock, Outbound, Trouble},
};
use discovery::Issuer;
use oidc::Oidc;
use std::{net::IpAddr, sync::Arc};

/// All providers, in the order of the configuration.
#[derive(Clone)]
pub struct Idps(Arc<[Idp]>);

pub struct Idp {
    config: config::Idp,
    ceremony: Ceremony,
}

enum Ceremony {
    Oidc(Oidc),
    Google(google::Google),
    Microsoft(Box<microsoft::Microsoft>),
    GitHub(github::GitHub),
    Header(config::Headers),
    Generic(generic::Generic),
}

impl Ceremony {
    fn of(kind: &IdpKind, outbound: &Outbound, clock: &Clock) -> Self {
        let oidc = |issuer| Oidc::new(issuer, outbound.clone(), clock.clone());
        match kind {
            IdpKind::Oidc { issuer } => Self::Oidc(oidc(Issuer::Exact(issuer.clone()))),
            IdpKind::Google { issuer } => {
                Self::Google(google::Google(oidc(Issuer::Exact(issuer.clone()))))
            }
            IdpKind::Microsoft(settings) => {
                let (authority, tenant) = (settings.authority.clone(), settings.tenant.clone());
                Self::Microsoft(Box::new(microsoft::Microsoft {
                    oidc: oidc(Issuer::Entra { authority, tenant }),
                    graph: settings.graph.clone(),
                    asks_graph: settings.asks_graph,
                    open: settings.is_open(),
                    outbound: outbound.clone(),
                }))
            }
            IdpKind::GitHub { url, api } => Self::GitHub(github::GitHub {
                url: url.clone(),
                api: api.clone(),
                outbound: outbound.clone(),
            }),
            IdpKind::Header(headers) => Self::Header(headers.clone()),
            IdpKind::Generic(endpoints) => Self::Generic(generic::Generic {
                endpoints: endpoints.clone(),
                outbound: outbound.clone(),
            }),
        }
    }

    /// The OpenID Connect in it, where there is one.
    fn oidc(&self) -> Option<&Oidc> {
        match self {
            Self::Oidc(oidc) | Self::Google(google::Google(oidc)) => Some(oidc),
            Self::Microsoft(microsoft) => Some(&microsoft.oidc),
            Self::GitHub(_) | Self::Header(_) | Self::Generic(_) => None,
        }
    }
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
            ceremony: Ceremony::of(&config.kind, outbound, clock),
        };
        Self(config.idps.iter().map(idp).collect())
    }

    #[must_use]
    pub fn all(&self) -> &[Idp] {
        &self.0
    }

    /// Whether anybody who came by this issuer could still do so (row U7).
    #[must_use]
    pub fn serve(&self, issuer: &str) -> bool {
        issuer == accounts::ISSUER || self.0.iter().any(|idp| idp.serves(issuer))
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

    /// Whose people may come in; empty: everybody's.
    #[must_use]
    pub fn tenants(&self) -> &[String] {
        &self.config.tenants
    }

    /// Whether nobody is sent away to it: a proxy in front has signed people in.
    #[must_use]
    pub fn is_in_front(&self) -> bool {
        matches!(self.ceremony, Ceremony::Header(_))
    }

    /// The address by which a person made in advance is claimed: one this provider vouches for, in a domain for
    /// which it is the authority (row U5).
    #[must_use]
    pub fn authoritative_email(&self, identity: &Identity) -> Option<String> {
        let email: Email = identity.trusted_email()?;
        let owns = self.config.domains.iter().any(|domain| domain == email.domain());
        owns.then(|| email.as_str().to_lowercase())
    }

    fn serves(&self, issuer: &str) -> bool {
        match &self.ceremony {
            Ceremony::Generic(generic) => generic.issuer() == issuer,
            Ceremony::GitHub(github) => github.url == issuer,
            Ceremony::Header(_) => header::issuer(self.name()) == issuer,
            Ceremony::Oidc(_) | Ceremony::Google(_) | Ceremony::Microsoft(_) => {
                self.ceremony.oidc().is_some_and(|oidc| oidc.serves(issuer))
            }
        }
    }

    /// Where to send a browser. `choose`: the person must be able to pick another account (K04).
    pub async fn address(&self, leg: &Leg, choose: bool) -> Result<String, Fault> {
        let own_prompt = self.config.prompt.as_deref();
        let chosen = |prompt: &'static str| own_prompt.or(choose.then_some(prompt));
        let mut address = match &self.ceremony {
            Ceremony::Oidc(_) | Ceremony::Google(_) | Ceremony::Microsoft(_) => {
                let oidc = self.ceremony.oidc().expect("these three have one");
                let metadata = oidc.metadata().await?;
                let prompt = chosen(metadata.choosing_prompt());
                leg.address(&metadata.authorization_endpoint, &self.config, prompt)
            }
            Ceremony::GitHub(github) => {
                leg.address(&github.authorization(), &self.config, chosen("select_account"))
            }
            Ceremony::Generic(generic) => {
                leg.address(&generic.endpoints.authorization, &self.config, chosen("login"))
            }
            Ceremony::Header(_) => return Err(Fault::Invalid("it has no page of its own")),
        };
        if let Ceremony::Google(_) = self.ceremony
            && let Some(domain) = google::chooser(self.tenants())
        {
            address.push_str("&hd=");
            address.extend(form_urlencoded::byte_serialize(domain.as_bytes()));
        }
        Ok(address)
    }

    /// Who came back.
    pub async fn identify(&self, answer: &Answer, leg: &Leg) -> Result<Identity, Fault> {
        if let Some(error) = &answer.error {
            return Err(Fault::Denied(known_error(error)));
        }
        let code = answer.code.as_deref().ok_or(Fault::Invalid("there is no code"))?;
        let (idp, iss) = (&self.config, answer.iss.as_deref());
        match &self.ceremony {
            Ceremony::Oidc(oidc) => oidc.identify(idp, code, iss, leg).await,
            Ceremony::Google(google) => google.identify(idp, code, iss, leg).await,
            Ceremony::Microsoft(microsoft) => microsoft.identify(idp, code, iss, leg).await,
            Ceremony::GitHub(github) => github.identify(idp, code, leg).await,
            Ceremony::Generic(generic) => generic.identify(idp, code, leg).await,
            Ceremony::Header(_) => Err(Fault::Invalid("it has no page of its own")),
        }
    }

    /// Whom the proxy in front has signed in, if this is one of those and the request came through it.
    pub fn identify_in_front(
        &self,
        headers: &http::HeaderMap,
        peer: IpAddr,
    ) -> Result<Identity, NoHeader> {
        match &self.ceremony {
            Ceremony::Header(names) => header::identify(&self.config, names, headers, peer),
            _ => Err(NoHeader::Nobody),
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
