//! OAuth 2.0 with a userinfo endpoint: LiteLLM's `GENERIC_*`. No key is known, so an `id_token` is ignored;
//! what is believed comes over TLS from the operator's own address.
use super::{Fault, Leg, claims, discovery::get_json, token};
use crate::{
    config::{self, Endpoints},
    model::Identity,
    world::Outbound,
};
use serde_json::{Map, Value};

pub(super) struct Generic {
    pub(super) endpoints: Endpoints,
    pub(super) outbound: Outbound,
}

impl Generic {
    pub(super) async fn identify(
        &self,
        idp: &config::Idp,
        code: &str,
        leg: &Leg,
    ) -> Result<Identity, Fault> {
        let redeemed = (code, leg);
        // The body form is what every such server takes.
        let tokens =
            token::redeem(&self.outbound, &self.endpoints.token, idp, false, redeemed).await?;
        let url = &self.endpoints.userinfo;
        let found: Map<String, Value> =
            get_json(&self.outbound, url, Some(&tokens.access_token), "userinfo").await?;
        let subject = claims::text(&found, &idp.claims.subject)
            .ok_or(Fault::Invalid("userinfo lacks the claim that names the person"))?;
        Ok(claims::identity(&self.issuer(), subject, &found, &idp.claims))
    }

    /// The authorization endpoint's origin: the nearest thing to an issuer there is.
    pub(super) fn issuer(&self) -> String {
        let url = &self.endpoints.authorization;
        let start = url.find("://").map_or(0, |at| at + 3);
        let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
        url[..end].to_owned()
    }
}
