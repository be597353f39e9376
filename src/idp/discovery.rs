//! What a provider says of itself (OpenID Connect Discovery 1.0 §3), fetched when it is first needed.
use super::Fault;
use crate::world::Outbound;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;

/// A person waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The largest known documents are a tenth of this.
const MOST: usize = 512 * 1024;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) jwks_uri: String,
    pub(super) userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    prompt_values_supported: Vec<String>,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Which issuer a discovery document may name (mix-up, row U3).
#[derive(Debug, Clone)]
pub(super) enum Issuer {
    /// This one, but for a slash that the setting lost.
    Exact(String),
    /// An Entra tenant's at this authority: its id stands in the issuer, whatever the address calls it. The
    /// address of all tenants has `{tenantid}` there, for which each token names its own (row U8).
    Entra { authority: String, tenant: String },
}

/// Stands for the tenant in the issuer of Entra's common addresses.
const TENANT: &str = "{tenantid}";

impl Issuer {
    fn discovery(&self) -> String {
        let at = match self {
            Self::Exact(issuer) => issuer.clone(),
            Self::Entra { authority, tenant } => format!("{authority}/{tenant}/v2.0"),
        };
        format!("{at}/.well-known/openid-configuration")
    }

    /// Whether this is an issuer of ours: a document's, or the one a person came by.
    pub(super) fn fits(&self, issuer: &str) -> bool {
        match self {
            Self::Exact(own) => issuer.trim_end_matches('/') == own,
            Self::Entra { authority, tenant } => {
                let rest = issuer.strip_prefix(authority.as_str());
                let named = rest.and_then(|rest| rest.strip_prefix('/')?.strip_suffix("/v2.0"));
                named.is_some_and(|named| {
                    // An address by domain leads to an id we cannot know beforehand.
                    (is_guid(named) || named == TENANT)
                        && (!is_guid(tenant) || named.eq_ignore_ascii_case(tenant))
                })
            }
        }
    }
}

pub(super) fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The issuer that a token must name. One of Entra's common addresses leaves the tenant to the token.
pub(super) fn issuer_of(template: &str, tid: Option<&str>) -> Option<String> {
    if !template.contains(TENANT) {
        return Some(template.to_owned());
    }
    tid.filter(|tid| is_guid(tid)).map(|tid| template.replace(TENANT, tid))
}

impl Metadata {
    pub(super) async fn fetch(outbound: &Outbound, issuer: &Issuer) -> Result<Self, Fault> {
        let url = issuer.discovery();
        let found: Self = get_json(outbound, &url, None, "the discovery document").await?;
        if !issuer.fits(&found.issuer) {
            return Err(Fault::Invalid("the discovery document names another issuer"));
        }
        let named = [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri];
        let safe = named.into_iter().chain(&found.userinfo_endpoint).all(|url| is_safe(url));
        if safe { Ok(found) } else { Err(Fault::Invalid("an endpoint is not https")) }
    }

    pub(super) fn takes_basic(&self) -> bool {
        self.token_endpoint_auth_methods_supported
            .as_ref()
            .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
    }

    /// What makes the provider ask which account.
    pub(super) fn choosing_prompt(&self) -> &'static str {
        const SELECT: &str = "select_account";
        // The two great ones know it and do not say so.
        let knows = self.prompt_values_supported.iter().any(|value| value == SELECT)
            || self.issuer == "https://accounts.google.com"
            || self.issuer.starts_with("https://login.microsoftonline.com/");
        if knows { SELECT } else { "login" }
    }
}

/// https, or http on this computer.
fn is_safe(url: &str) -> bool {
    let host = |rest: &str| {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        matches!(host, "127.0.0.1" | "localhost" | "[::1]")
    };
    url.starts_with("https://") || url.strip_prefix("http://").is_some_and(host)
}

pub(super) async fn get_json<T: DeserializeOwned>(
    outbound: &Outbound,
    url: &str,
    bearer: Option<&str>,
    what: &'static str,
) -> Result<T, Fault> {
    let mut request = Request::get(url)
        .header(header::ACCEPT, "application/json")
        // GitHub answers nobody who does not say who they are.
        .header(header::USER_AGENT, "gatekey");
    if let Some(token) = bearer {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Full::new(Bytes::new()));
    let request = request.map_err(|_| Fault::Invalid("an endpoint is not a URL"))?;
    let answer = outbound.fetch(request, PATIENCE, MOST).await;
    let answer = answer.map_err(|trouble| Fault::Unreachable(what, trouble))?;
    if !answer.status().is_success() {
        return Err(Fault::Refused(what, answer.status()));
    }
    serde_json::from_slice(answer.body())
        .map_err(|_| Fault::Invalid("an answer is not the JSON it must be"))
}
