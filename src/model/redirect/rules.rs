//! What the settings add to the grammar: which schemes, which web addresses, and what an admin pinned.
use super::{InvalidRedirectUri, ReturnAddress, grammar};

/// `connect.web_redirects`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WebRedirects {
    /// Any https host; the consent page warns.
    #[default]
    Consent,
    /// Only what `connect.redirect_allowlist` names.
    Listed,
    Off,
}

#[derive(Debug, Clone, Default)]
pub struct RedirectRules {
    pub extra_schemes: Vec<String>,
    pub web: WebRedirects,
    pub pins: Vec<Pin>,
}

/// An entry of `connect.redirect_allowlist`: scheme, authority and path prefix. On loopback the whole
/// address counts but for its port (RFC 8252 §7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    scheme: String,
    authority: String,
    host: String,
    path: String,
    query: String,
}

#[derive(Debug, PartialEq, Eq, derive_more::From)]
pub enum Refusal {
    Invalid(InvalidRedirectUri),
    /// Well-formed, but the admin does not serve it: the setting that says so.
    #[from(skip)]
    Policy(&'static str),
}

impl RedirectRules {
    /// The only maker of a [`ReturnAddress`].
    pub fn judge(&self, text: &str) -> Result<ReturnAddress, Refusal> {
        let parts = grammar::parse(text)?;
        grammar::served(parts.scheme, &self.extra_schemes)?;
        let pinned = self.pins.iter().any(|pin| pin.permits(&parts));
        let listed = self.pins.iter().any(|pin| pin.scheme == parts.scheme);
        match (parts.scheme, self.web) {
            ("https", WebRedirects::Off) => Err(Refusal::Policy("connect.web_redirects")),
            ("https", WebRedirects::Listed) if !pinned => {
                Err(Refusal::Policy("connect.redirect_allowlist"))
            }
            ("https", _) if !pinned && grammar::is_address(parts.host) => {
                Err(InvalidRedirectUri::NotAName.into())
            }
            ("https", _) => Ok(ReturnAddress::of(text, &parts)),
            // Whoever pins one address of an editor means: no other of that editor.
            _ if listed && !pinned => Err(Refusal::Policy("connect.redirect_allowlist")),
            _ => Ok(ReturnAddress::of(text, &parts)),
        }
    }
}

impl Pin {
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        let parts = grammar::parse(text).or_else(|error| match error {
            // A pin may leave the path open: `vscode://publisher.extension`.
            InvalidRedirectUri::NoPlace => grammar::parse_pin(text),
            other => Err(other),
        })?;
        Ok(Self {
            scheme: parts.scheme.to_owned(),
            authority: parts.authority.to_owned(),
            host: parts.host.to_owned(),
            path: parts.path.to_owned(),
            query: parts.query.to_owned(),
        })
    }

    fn permits(&self, asked: &grammar::Parts<'_>) -> bool {
        if self.scheme != asked.scheme {
            return false;
        }
        if self.scheme == "http" {
            return (&*self.host, &*self.path, &*self.query)
                == (asked.host, asked.path, asked.query);
        }
        let rest = asked.path.strip_prefix(self.path.trim_end_matches('/'));
        self.authority == asked.authority
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(web: WebRedirects, pins: &[&str]) -> RedirectRules {
        let pins = pins.iter().map(|pin| Pin::parse(pin).unwrap()).collect();
        RedirectRules { web, pins, ..RedirectRules::default() }
    }

    #[test]
    fn n6_a_pinned_loopback_address_leaves_only_the_port_free() {
        let rules = rules(WebRedirects::Consent, &["http://127.0.0.1/cb"]);
        assert!(rules.judge("http://127.0.0.1:51234/cb").is_ok());
        for text in [
            "http://127.0.0.1:51234/other",
            "http://127.0.0.1:51234/cb?x=1",
            "http://127.0.0.1:51234/cb/more",
            "http://localhost:51234/cb",
            "http://[::1]:51234/cb",
        ] {
            assert_eq!(
                rules.judge(text),
                Err(Refusal::Policy("connect.redirect_allowlist")),
                "{text}"
            );
        }
    }

    #[test]
    fn n7_a_pinned_editor_opens_that_extension_only() {
        let rules = rules(WebRedirects::Consent, &["cursor://anysphere.cursor-mcp/oauth"]);
        assert!(rules.judge("cursor://anysphere.cursor-mcp/oauth").is_ok());
        assert!(rules.judge("cursor://anysphere.cursor-mcp/oauth/callback").is_ok());
        assert!(rules.judge("cursor://anysphere.cursor-mcp/oauthx").is_err());
        assert!(rules.judge("cursor://evil.extension/oauth").is_err());
        assert!(rules.judge("vscode://any.extension/cb").is_ok(), "other editors are not pinned");
    }

    #[test]
    fn listed_serves_what_is_listed_and_no_twin_of_it() {
        let rules = rules(WebRedirects::Listed, &["https://chat.acme.example/oauth"]);
        assert!(rules.judge("https://chat.acme.example/oauth").is_ok());
        assert!(rules.judge("https://chat.acme.example/oauth/cb?x=1").is_ok());
        for text in [
            "https://chat.acme.example.evil.example/oauth",
            "https://chat.acme.example:444/oauth",
            "https://chat.acme.example/oauthx",
            "https://chat.acme.example/",
        ] {
            assert!(rules.judge(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_in_numbers_must_be_listed() {
        assert!(rules(WebRedirects::Consent, &[]).judge("https://10.0.0.1/cb").is_err());
        let pinned = rules(WebRedirects::Consent, &["https://10.0.0.1/cb"]);
        assert!(pinned.judge("https://10.0.0.1/cb").is_ok());
        assert!(pinned.judge("https://other.example/cb").is_ok());
    }

    #[test]
    fn off_serves_no_web_address_but_still_loopback_and_editors() {
        let rules = rules(WebRedirects::Off, &[]);
        assert_eq!(
            rules.judge("https://a.example/cb"),
            Err(Refusal::Policy("connect.web_redirects"))
        );
        assert!(rules.judge("http://localhost:9/cb").is_ok());
        assert!(rules.judge("vscode://a.b/cb").is_ok());
    }

    #[test]
    fn an_added_scheme_is_served_and_a_never_scheme_stays_never() {
        let rules = RedirectRules {
            extra_schemes: vec!["myapp".into(), "javascript".into()],
            ..RedirectRules::default()
        };
        assert!(rules.judge("myapp://cb").is_ok());
        assert!(rules.judge("javascript://a/b").is_err());
    }
}
