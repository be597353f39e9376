//! Google: OpenID Connect, and for a Workspace account the domain it belongs to (`hd`). The address bar's `hd`
//! only chooses an account; the signed claim is what counts (row U8). Google sends no groups.
use super::{Fault, Leg, oidc::Oidc};
use crate::{config, model::Identity};
use serde_json::Value;

pub(super) struct Google(pub(super) Oidc);

impl Google {
    pub(super) async fn identify(
        &self,
        idp: &config::Idp,
        code: &str,
        iss: Option<&str>,
        leg: &Leg,
    ) -> Result<Identity, Fault> {
        let identity = self.0.identify(idp, code, iss, leg).await?;
        let tenant = identity.claims.get("hd").and_then(Value::as_str).map(str::to_owned);
        Ok(Identity { tenant, ..identity })
    }
}

/// What the account chooser shows: accounts of this domain, or with several of any Workspace.
pub(super) fn chooser(tenants: &[String]) -> Option<&str> {
    match tenants {
        [] => None,
        [only] => Some(only),
        _ => Some("*"),
    }
}
