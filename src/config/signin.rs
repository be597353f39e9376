//! `[signin]`.
use super::{reader::Reader, secret::Secret};
use crate::model::{Lifetime, SigninPolicy, TeamRule};

#[derive(Debug, Clone)]
pub struct Signin {
    pub session_lifetime: Lifetime,
    pub policy: SigninPolicy,
    /// `[[idp]] domains` of the only provider, where that is of the environment and has no section.
    pub claim_domains: Vec<String>,
    /// With exactly one identity provider: go straight to it.
    pub auto_redirect: bool,
    /// Whether `/sso/debug/login` shows an admin what a provider says.
    pub debug: bool,
    /// `UI_USERNAME`, `UI_PASSWORD`: an admin account of the configuration.
    pub admin: Option<(String, Secret)>,
}

impl Signin {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("signin");
        let domains: Vec<String> = s
            .get_or(reader, "allowed_email_domains", Some("ALLOWED_EMAIL_DOMAINS"))
            .unwrap_or_default();
        let claim_domains: Vec<String> = s.get(reader, "claim_domains").unwrap_or_default();
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
                email_domains: plain(&domains),
                required_groups: s.get(reader, "required_groups").unwrap_or_default(),
                admin_groups: s.get(reader, "admin_groups").unwrap_or_default(),
                admin_subject: s.get_or(reader, "admin_subject", Some("PROXY_ADMIN_ID")),
                default_team: s.get(reader, "default_team"),
                teams: Vec::new(),
            },
            claim_domains: plain(&claim_domains),
            auto_redirect: s
                .get_or(reader, "auto_redirect", Some("AUTO_REDIRECT_UI_LOGIN_TO_SSO"))
                .unwrap_or(true),
            debug: s.get(reader, "debug").unwrap_or(false),
            admin: password.map(|password| (username, password)),
        };
        s.done(reader);
        let policy = SigninPolicy { teams: teams(reader), ..signin.policy };
        Self { policy, ..signin }
    }
}

/// As they are compared.
pub(super) fn plain(domains: &[String]) -> Vec<String> {
    domains.iter().map(|domain| domain.trim_start_matches('@').to_ascii_lowercase()).collect()
}

/// `[[team]]`: which groups lead to which team.
fn teams(reader: &mut Reader) -> Vec<TeamRule> {
    let mut rules: Vec<TeamRule> = Vec::new();
    for mut s in reader.tables("team") {
        let line = s.line();
        let name: Option<String> = s.need(reader, "name", "\"data-science\"");
        let groups: Option<Vec<String>> = s.need(reader, "groups", "[\"idp-group\"]");
        if name.as_ref().is_some_and(|name| name.trim().is_empty() || name.len() > 255) {
            s.wrong(reader, "name", "must have 1 to 255 characters");
        }
        s.done(reader);
        let (Some(name), Some(groups)) = (name, groups) else { continue };
        if rules.iter().any(|rule| rule.name == name) {
            let text = format!("{name:?} is there twice: put its groups into one list");
            reader.problem(line, "team.name", text);
        }
        rules.push(TeamRule { name, groups });
    }
    rules
}
