//! How a text becomes a setting, and what is said when it does not.
use super::{reader::Raw, secret::Secret};
use crate::model::{Lifetime, NanoDollars, Pin};
use ipnet::IpNet;
use std::{collections::BTreeMap, net::SocketAddr, path::Path};

pub(super) trait FromSetting: Sized {
    /// The error completes the sentence "server.listen …".
    fn from_setting(
        raw: Raw,
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, String>;
}

/// Where browsers reach us: scheme and authority, no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

/// A number of bytes: `64MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub usize);

impl BaseUrl {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }

    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.authority())
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "must be http(s)://host[:port], such as https://ai.acme.example".to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('/') {
            return Err("must not have a path: give Gatekey a host name of its own".into());
        }
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]".contains(&b);
        let parsed = text.parse::<http::Uri>().ok().and_then(|uri| uri.authority().cloned());
        let good = matches!(scheme, "http" | "https")
            && authority.bytes().all(legal)
            && parsed.is_some_and(|seen| seen.as_str() == authority && !seen.host().is_empty());
        if good { Ok(Self(format!("{scheme}://{authority}"))) } else { Err(wrong()) }
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether an authority is this computer.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
        if port.bytes().all(|b| b.is_ascii_digit()) { host } else { authority }
    });
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// A URL of an identity provider: https, or http on this computer.
#[derive(Debug, Clone)]
pub(super) struct SafeUrl(pub(super) String);

/// A URL of an upstream: http is the operator's to choose, as on a network of their own.
#[derive(Debug, Clone)]
pub(super) struct WebUrl(pub(super) String);

impl FromSetting for SafeUrl {
    fn from_setting(
        raw: Raw,
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let WebUrl(url) = WebUrl::from_setting(raw, folder, environment)?;
        let authority = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        match authority {
            Some(authority) if !is_loopback(authority) => {
                Err("must be https (http is for this computer only)".into())
            }
            _ => Ok(Self(url)),
        }
    }
}

impl FromSetting for WebUrl {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        let text = text(raw)?;
        let uri: http::Uri = text.parse().map_err(|_| "must be a URL".to_owned())?;
        let authority = uri.authority().ok_or("must be a URL with a host")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("must begin with https:// or http://".into());
        }
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err("must not hold a user name or a query".into());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

fn text(raw: Raw) -> Result<String, String> {
    match raw {
        Raw::Text(text) => Ok(text),
        _ => Err("must be a text in quotes".into()),
    }
}

impl FromSetting for String {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        text(raw)
    }
}

impl FromSetting for bool {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        match raw {
            Raw::Bool(yes) => Ok(yes),
            Raw::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Ok(true),
                "false" | "0" | "no" => Ok(false),
                _ => Err("must be true or false".into()),
            },
            _ => Err("must be true or false".into()),
        }
    }
}

impl FromSetting for i64 {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        let number = match raw {
            Raw::Integer(number) => Some(number),
            Raw::Text(text) => text.parse().ok(),
            _ => None,
        };
        number
            .filter(|n| (1..=1_000_000).contains(n))
            .ok_or("must be a number from 1 to 1000000".into())
    }
}

/// So many tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenCount(pub(super) i64);

impl FromSetting for TokenCount {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        let Raw::Integer(number) = raw else { return Err("must be a number of tokens".into()) };
        let good = (1..=1_000_000_000).contains(&number);
        good.then_some(Self(number)).ok_or("must be a number of tokens from 1 to 1000000000".into())
    }
}

/// Dollars, as decimal text: a number of the file's would be a float.
impl FromSetting for NanoDollars {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        let text = match raw {
            Raw::Text(text) => text,
            Raw::Integer(number) => number.to_string(),
            _ => return Err("must be dollars as text in quotes, such as \"2.50\"".into()),
        };
        Self::parse(&text).map_err(|not| not.to_string())
    }
}

impl FromSetting for Vec<String> {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        match raw {
            Raw::List(texts) => Ok(texts),
            // From the environment: separated by commas.
            Raw::Text(text) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Ok(parts.map(str::to_owned).collect())
            }
            _ => Err("must be a list of texts, such as [\"a\", \"b\"]".into()),
        }
    }
}

/// Lists whose members are settings themselves.
fn each<T>(raw: Raw, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let texts = Vec::<String>::from_setting(raw, Path::new(""), &BTreeMap::new())?;
    let parsed = texts.iter().map(|text| parse(text).map_err(|why| format!("has {text:?}: {why}")));
    parsed.collect()
}

impl FromSetting for Vec<IpNet> {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        each(raw, |text| {
            let single = || text.parse::<std::net::IpAddr>().map(IpNet::from);
            text.parse().or_else(|_| single()).map_err(|_| "must be like 10.0.0.0/8".into())
        })
    }
}

impl FromSetting for Vec<Pin> {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        each(raw, |text| Pin::parse(text).map_err(|error| error.to_string()))
    }
}

impl FromSetting for Vec<Secret> {
    fn from_setting(
        raw: Raw,
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let texts = Vec::<String>::from_setting(raw, folder, environment)?;
        texts.iter().map(|text| Secret::find(text, folder, environment)).collect()
    }
}

impl FromSetting for Secret {
    fn from_setting(
        raw: Raw,
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        Self::find(&text(raw)?, folder, environment)
    }
}

impl FromSetting for Lifetime {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        text(raw)?.parse().map_err(|error: crate::model::InvalidLifetime| error.to_string())
    }
}

impl FromSetting for http::HeaderName {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        let text = text(raw)?;
        // What some proxies take for a dash is none (row G7).
        let good = text.parse().ok().filter(|_| !text.contains('_'));
        good.ok_or_else(|| "must be the name of a header, such as X-Auth-User".into())
    }
}

impl FromSetting for SocketAddr {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        let text = text(raw)?.replace("localhost:", "127.0.0.1:");
        text.parse().map_err(|_| "must be address:port, such as 127.0.0.1:4000".into())
    }
}

impl FromSetting for BaseUrl {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        Self::parse(&text(raw)?)
    }
}

impl FromSetting for ByteSize {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        const UNITS: [(&str, usize); 4] =
            [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
        let wrong = || "must be a number and a unit, such as 64MiB or 512KiB".to_owned();
        let text = text(raw)?;
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
            .ok_or_else(wrong)?;
        let number: usize = number.trim().parse().map_err(|_| wrong())?;
        number.checked_mul(unit).filter(|&size| size > 0).map(Self).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_a_scheme_and_a_host() {
        assert_eq!(
            BaseUrl::parse("https://ai.acme.example/").unwrap().as_str(),
            "https://ai.acme.example"
        );
        assert!(BaseUrl::parse("http://127.0.0.1:4000").unwrap().is_loopback());
        assert!(BaseUrl::parse("http://[::1]:4000").unwrap().is_loopback());
        assert!(!BaseUrl::parse("http://localhost.evil.example").unwrap().is_loopback());
        for text in [
            "",
            "ai.acme.example",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a?x",
            "https://u@a",
            "https://A",
        ] {
            assert!(BaseUrl::parse(text).is_err(), "{text:?}");
        }
    }
}
