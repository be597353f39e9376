//! GitHub and GitHub Enterprise: OAuth 2.0 and their own API, since there is no `id_token`. A person is the numeric
//! id: names are given to others (row U9).
use super::{Fault, Leg, discovery::get_json, token};
use crate::{config, model::Identity, world::Outbound};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

pub(super) struct GitHub {
    pub(super) url: String,
    pub(super) api: String,
    pub(super) outbound: Outbound,
}

const PAGE: usize = 100;
const MOST_PAGES: usize = 50;

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

#[derive(Deserialize)]
struct Membership {
    organization: Organisation,
}

#[derive(Deserialize)]
struct Team {
    slug: String,
    organization: Organisation,
}

#[derive(Deserialize)]
struct Organisation {
    login: String,
}

impl GitHub {
    pub(super) fn authorization(&self) -> String {
        format!("{}/login/oauth/authorize", self.url)
    }

    pub(super) async fn identify(
        &self,
        idp: &config::Idp,
        code: &str,
        leg: &Leg,
    ) -> Result<Identity, Fault> {
        let endpoint = format!("{}/login/oauth/access_token", self.url);
        let tokens = token::redeem(&self.outbound, &endpoint, idp, false, (code, leg)).await?;
        let token = tokens.access_token.as_str();
        let user: User = self.get("/user", token).await?;
        let addresses: Vec<Address> = self.pages("/user/emails", token).await?;
        let email = addresses.into_iter().find(|address| address.primary && address.verified);
        let asks_groups = idp.scopes.iter().any(|scope| scope.ends_with("read:org"));
        let groups = if asks_groups { Some(self.groups(&idp.tenants, token).await?) } else { None };
        let own = groups.as_deref().unwrap_or_default();
        let tenant = idp.tenants.iter().find(|org| own.iter().any(|g| g.eq_ignore_ascii_case(org)));
        Ok(Identity {
            issuer: self.url.clone(),
            subject: user.id.to_string(),
            verified: email.is_some(),
            tenant: tenant.cloned(),
            role: None,
            claims: said(&user, email.as_ref(), groups.as_deref()),
            email: email.map(|address| address.email),
            name: user.name.filter(|name| !name.trim().is_empty()).or(Some(user.login)),
            groups,
        })
    }

    /// `organisation` and `organisation/team`, for those who are members by now, and of the operator's
    /// organisations only: anybody can make one, of any name that a rule may have.
    async fn groups(&self, tenants: &[String], token: &str) -> Result<Vec<String>, Fault> {
        let counts =
            |org: &Organisation| tenants.iter().any(|t| t.eq_ignore_ascii_case(&org.login));
        let orgs: Vec<Membership> =
            self.pages("/user/memberships/orgs?state=active", token).await?;
        let teams: Vec<Team> = self.pages("/user/teams", token).await?;
        let orgs = orgs.into_iter().map(|membership| membership.organization).filter(counts);
        let orgs = orgs.map(|organization| organization.login);
        let teams = teams.into_iter().filter(|team| counts(&team.organization));
        let teams = teams.map(|team| format!("{}/{}", team.organization.login, team.slug));
        Ok(orgs.chain(teams).collect())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, token: &str) -> Result<T, Fault> {
        get_json(&self.outbound, &format!("{}{path}", self.api), Some(token), "GitHub").await
    }

    async fn pages<T: DeserializeOwned>(&self, path: &str, token: &str) -> Result<Vec<T>, Fault> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        for number in 1..=MOST_PAGES {
            let page: Vec<T> =
                self.get(&format!("{path}{join}per_page={PAGE}&page={number}"), token).await?;
            let last = page.len() < PAGE;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
        Err(Fault::Invalid("GitHub never came to an end"))
    }
}

/// For the page that shows an admin what was said.
fn said(user: &User, email: Option<&Address>, groups: Option<&[String]>) -> Map<String, Value> {
    let said = json!({
        "id": user.id,
        "login": user.login,
        "name": user.name,
        "email": email.map(|address| &address.email),
        "groups": groups,
    });
    said.as_object().cloned().unwrap_or_default()
}
