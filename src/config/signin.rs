//! `[signin]`.
use super::{reader::Reader, secret::Secret};
use crate::model::{Lifetime, SigninPolicy};

#[derive(Debug, Clone)]
pub struct Signin {
    pub session_lifetime: Lifetime,
    pub policy: SigninPolicy,
    /// With exactly one identity provider: go straight to it.
    pub auto_redirect: bool,
    /// `UI_USERNAME`, `UI_PASSWORD`: an admin account of the configuration.
    pub admin: Option<(String, Secret)>,
}

impl Signin {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("signin");
        let domains: Vec<String> = s
            .get_or(reader, "allowed_email_domains", Some("ALLOWED_EMAIL_DOMAINS"))
            .unwrap_or_default();
        let username: Option<String> = s.get_or(reader, "admin_username", Some("UI_USERNAME"));
        let password: Option<Secret> = s.get_or(reader, "admin_password", Some("UI_PASSWORD"));
        if username.is_some() && password.is_none() {
            reader.warn(
                "signin.admin_username (UI_USERNAME) does nothing without a password (UI_PASSWORD)",
            );
        }
        let username = username.unwrap_or_else(|| "admin".into());
        let signin = Self {
            session_lifetime: s.get(reader, "session_lifetime").unwrap_or(Lifetime::hours(12)),
            policy: SigninPolicy {
                email_domains: domains
                    .iter()
                    .map(|domain| domain.trim_start_matches('@').to_ascii_lowercase())
                    .collect(),
                required_groups: s.get(reader, "required_groups").unwrap_or_default(),
                admin_groups: s.get(reader, "admin_groups").unwrap_or_default(),
                admin_subject: s.get_or(reader, "admin_subject", Some("PROXY_ADMIN_ID")),
            },
            auto_redirect: s
                .get_or(reader, "auto_redirect", Some("AUTO_REDIRECT_UI_LOGIN_TO_SSO"))
                .unwrap_or(true),
            admin: password.map(|password| (username, password)),
        };
        s.done(reader);
        signin
    }
}
