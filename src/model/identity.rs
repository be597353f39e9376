//! Who a person is: to an identity provider, and to us.
use super::{Email, UserId};
use serde::{Deserialize, Serialize};

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
    pub role: Option<Role>,
}

impl Identity {
    /// The address a rule may look at: plain, and not disowned by the provider.
    #[must_use]
    pub fn trusted_email(&self) -> Option<Email> {
        self.email.as_deref().filter(|_| self.verified).and_then(Email::parse)
    }
}

/// LiteLLM's names for what a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A person we know.
#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub email: Option<String>,
    pub name: Option<String>,
    pub role: Role,
    pub blocked: bool,
}

impl User {
    /// How the person is named on a page: the address, else the name, else the id.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.email.as_deref().or(self.name.as_deref()).unwrap_or(self.id.as_str())
    }

    /// Two letters for the round picture beside the name.
    #[must_use]
    pub fn initials(&self) -> String {
        let text = self.name.as_deref().unwrap_or_else(|| self.shown());
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let letters: String = words.filter_map(|word| word.chars().next()).take(2).collect();
        letters.to_uppercase()
    }
}
