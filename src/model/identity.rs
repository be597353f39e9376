//! Who a person is to an identity provider.
use super::Email;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a provider says of a person. `None` groups means unknown, not none.
#[derive(Debug, Clone)]
pub struct Identity {
    pub issuer: String,
    pub subject: String,
    /// As the provider spells it; for showing.
    pub email: Option<String>,
    /// Whether the provider vouches for the address, as far as it says so.
    pub verified: bool,
    pub name: Option<String>,
    pub groups: Option<Vec<String>>,
    /// Said by the provider in words that nobody but an admin there can write.
    pub role: Option<Role>,
    /// Whose people these are, where one provider serves many: a Google domain, an Entra tenant, a GitHub
    /// organisation.
    pub tenant: Option<String>,
    /// All that was said, for whoever must find out what is wrong; nothing is decided by it.
    pub claims: Map<String, Value>,
}

impl Identity {
    /// The address a rule may look at: plain, and not disowned by the provider.
    #[must_use]
    pub fn trusted_email(&self) -> Option<Email> {
        self.email.as_deref().filter(|_| self.verified).and_then(Email::parse)
    }

    /// Which claims came, by name and never by value: for whoever must name another one.
    #[must_use]
    pub fn claim_names(&self) -> String {
        let plain = |name: &&String| {
            name.len() <= 64
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:/-".contains(&b))
        };
        let mut names: Vec<_> = self.claims.keys().filter(plain).map(String::as_str).collect();
        names.sort_unstable();
        names.truncate(40);
        names.join(", ")
    }
}

/// LiteLLM's names for what a person may do, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    ProxyAdmin,
    ProxyAdminViewer,
    InternalUser,
    InternalUserViewer,
}

impl Role {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "proxy_admin" => Some(Self::ProxyAdmin),
            "proxy_admin_viewer" => Some(Self::ProxyAdminViewer),
            "internal_user" => Some(Self::InternalUser),
            "internal_user_viewer" | "internal_user_view_only" => Some(Self::InternalUserViewer),
            _ => None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ProxyAdmin => "proxy_admin",
            Self::ProxyAdminViewer => "proxy_admin_viewer",
            Self::InternalUser => "internal_user",
            Self::InternalUserViewer => "internal_user_viewer",
        }
    }

    /// For a person.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::ProxyAdmin => "Admin",
            Self::ProxyAdminViewer => "Admin who only looks",
            Self::InternalUser => "Member",
            Self::InternalUserViewer => "Member who only looks",
        }
    }
}
