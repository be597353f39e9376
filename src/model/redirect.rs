//! Where a browser may be sent, and only there.
//!
//! Addresses are judged and compared as raw text, by a small grammar of our own: a URL parser repairs what
//! it reads (`http://127.1/`, `/x/%2e%2e/`, an embedded newline), and what is repaired is not what was sent.
mod grammar;
mod rules;
mod schemes;

pub use grammar::InvalidRedirectUri;
pub use rules::{Pin, RedirectRules, Refusal, WebRedirects};
pub use schemes::{editor_name, is_never};

use grammar::Parts;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The only value a browser can be sent to. [`RedirectRules::judge`] makes it; a row that holds one is
/// held against the grammar again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnAddress {
    text: String,
    scheme: usize,
    authority: usize,
}

impl ReturnAddress {
    fn of(text: &str, parts: &Parts<'_>) -> Self {
        Self { text: text.to_owned(), scheme: parts.scheme.len(), authority: parts.authority.len() }
    }

    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.text[..self.scheme]
    }

    /// Host and port, or the name of an editor's extension; empty where there is none.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.text.get(self.scheme + 3..self.scheme + 3 + self.authority).unwrap_or_default()
    }

    /// Whether a browser opens it itself.
    #[must_use]
    pub fn is_web(&self) -> bool {
        matches!(self.scheme(), "http" | "https")
    }

    /// Whether it leads to a program on the person's own computer over http (RFC 8252 §7.3).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.scheme() == "http"
    }

    /// Whether its own query has a parameter of this name.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        let (_, query) = self.text.split_once('?').unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key == name)
    }

    /// The query that stands there is kept as it is; pairs are appended.
    #[must_use]
    pub fn with(&self, pairs: &[(&str, &str)]) -> Destination {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let join = match self.text.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some((_, query)) if query.ends_with('&') => "",
            Some(_) => "&",
        };
        Destination { url: format!("{}{join}{query}", self.text), web: self.is_web() }
    }
}

impl fmt::Display for ReturnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl TryFrom<String> for ReturnAddress {
    type Error = InvalidRedirectUri;

    fn try_from(text: String) -> Result<Self, InvalidRedirectUri> {
        let parts = grammar::parse(&text)?;
        Ok(Self::of(&text, &parts))
    }
}

impl From<ReturnAddress> for String {
    fn from(address: ReturnAddress) -> Self {
        address.text
    }
}

/// A return address with its answer in it. May hold a key, so it is neither shown nor logged.
pub struct Destination {
    url: String,
    web: bool,
}

impl Destination {
    /// For a `Location` header: the empty fragment ends an older one, which browsers carry over (row A19).
    #[must_use]
    pub fn location(&self) -> String {
        format!("{}#", self.url)
    }

    /// For a link on a page.
    #[must_use]
    pub fn link(&self) -> &str {
        &self.url
    }

    #[must_use]
    pub fn is_web(&self) -> bool {
        self.web
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ReturnAddress {
        RedirectRules::default().judge(text).unwrap()
    }

    #[test]
    fn a18_a_query_that_stands_there_is_kept() {
        let to = |text: &str| address(text).with(&[("state", "x y")]);
        assert_eq!(to("http://127.0.0.1/cb?a=%20b").link(), "http://127.0.0.1/cb?a=%20b&state=x+y");
        assert_eq!(to("http://127.0.0.1/cb?").link(), "http://127.0.0.1/cb?state=x+y");
        assert_eq!(to("http://127.0.0.1/cb?a=b&").link(), "http://127.0.0.1/cb?a=b&state=x+y");
        assert_eq!(to("https://a.example").link(), "https://a.example?state=x+y");
    }

    #[test]
    fn a19_an_older_fragment_ends_at_a_location_and_nowhere_else() {
        let to = address("https://a.example/cb").with(&[("a", "b")]);
        assert_eq!(to.location(), "https://a.example/cb?a=b#");
        assert_eq!(to.link(), "https://a.example/cb?a=b");
    }

    #[test]
    fn an_address_knows_its_parts() {
        let to = address("vscode://RooVeterinaryInc.roo-cline/litellm?x=1");
        assert_eq!((to.scheme(), to.authority()), ("vscode", "RooVeterinaryInc.roo-cline"));
        assert!(!to.is_web());
        let to = address("http://[::1]:51234/cb");
        assert_eq!((to.authority(), to.is_loopback()), ("[::1]:51234", true));
    }
}
