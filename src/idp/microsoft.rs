//! Entra ID: one tenant or many, app roles, and groups from the claim, or from Graph when a person is in more
//! than fit into a token, or in none.
use super::{Fault, Leg, claims, discovery::get_json, oidc::Oidc};
use crate::{config, model::Identity, world::Outbound};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Microsoft {
    pub(super) oidc: Oidc,
    pub(super) graph: String,
    /// Whether any rule looks at groups.
    pub(super) asks_graph: bool,
    /// Whether people of every tenant come here.
    pub(super) open: bool,
    pub(super) outbound: Outbound,
}

/// A person in more groups than this is in all of them at once; nobody's rules need that.
const MOST_PAGES: usize = 50;

/// A page of `/me/transitiveMemberOf`: a token has nested groups too, so what stands in for it must.
#[derive(Deserialize)]
struct Page {
    value: Vec<Member>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Member {
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    id: String,
}

impl Microsoft {
    pub(super) async fn identify(
        &self,
        idp: &config::Idp,
        code: &str,
        iss: Option<&str>,
        leg: &Leg,
    ) -> Result<Identity, Fault> {
        let (verified, tokens) = self.oidc.redeem(idp, code, iss, leg).await?;
        let said = &verified.claims;
        let subject = claims::text(said, &idp.claims.subject)
            .ok_or(Fault::Invalid("the claim that idp.subject_claim names is missing"))?;
        let identity = claims::identity(&verified.issuer, subject, said, &idp.claims);
        let groups = match identity.groups {
            Some(groups) => Some(groups),
            // Also when Entra says nothing: it leaves the claim out for whoever is in no group any more.
            None if self.asks_graph => self.ask_graph(&tokens).await,
            None => None,
        };
        Ok(Identity {
            tenant: claims::text(said, "tid"),
            verified: identity.verified && self.vouches(idp, said),
            groups,
            ..identity
        })
    }

    /// In a tenant that is not the operator's, `email` is whatever its admin typed: it counts only when Entra
    /// says that the domain is the tenant's (`xms_edov`), or when the operator named another claim (nOAuth).
    fn vouches(&self, idp: &config::Idp, said: &Map<String, Value>) -> bool {
        let owner_verified = match said.get("xms_edov") {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            Some(Value::String(text)) => text == "1" || text.eq_ignore_ascii_case("true"),
            _ => false,
        };
        let named = idp.claims.email.iter().find(|name| claims::text(said, name).is_some());
        !self.open || owner_verified || named.is_some_and(|name| name != "email")
    }

    /// `None`: they cannot be told, and the log says why. Nobody is demoted for that (field report K02).
    async fn ask_graph(&self, tokens: &super::token::Tokens) -> Option<Vec<String>> {
        let good = |scope: &str| {
            let name = scope.rsplit('/').next().unwrap_or(scope);
            matches!(
                name,
                "User.Read" | "User.ReadBasic.All" | "GroupMember.Read.All" | "Directory.Read.All"
            )
        };
        let for_graph = tokens.scope.as_deref().is_none_or(|all| all.split_whitespace().any(good));
        if !for_graph {
            tracing::warn!(
                "the token names no groups, and the access token is not for Graph: idp.scopes needs User.Read"
            );
            return None;
        }
        match self.groups(&tokens.access_token).await {
            Ok(groups) => Some(groups),
            Err(fault) => {
                tracing::warn!(%fault, "the token names no groups, and Graph did not tell them");
                None
            }
        }
    }

    async fn groups(&self, token: &str) -> Result<Vec<String>, Fault> {
        let mut url = format!("{}/v1.0/me/transitiveMemberOf?$select=id&$top=999", self.graph);
        let mut groups = Vec::new();
        for _ in 0..MOST_PAGES {
            let page: Page = get_json(&self.outbound, &url, Some(token), "Microsoft Graph").await?;
            // Directory roles and units are among them.
            let is_group = |member: &Member| {
                member.kind.as_deref().is_none_or(|kind| kind == "#microsoft.graph.group")
            };
            groups.extend(page.value.into_iter().filter(is_group).map(|member| member.id));
            let Some(next) = page.next else { return Ok(groups) };
            // The token goes to Graph and to nobody whom an answer names.
            if !next.starts_with(&format!("{}/", self.graph)) {
                return Err(Fault::Invalid("Microsoft Graph pointed elsewhere"));
            }
            url = next;
        }
        Err(Fault::Invalid("Microsoft Graph never came to an end"))
    }
}
