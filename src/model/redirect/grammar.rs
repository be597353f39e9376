//! `scheme://authority/path[?query]`, in the characters of RFC 3986 and in one spelling only.
use super::schemes::{Kind, is_never, kind_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    #[error("redirect_uri must not be empty")]
    Empty,
    #[error("redirect_uri must be scheme://host/path, in the characters a URI is made of")]
    Malformed,
    #[error("redirect_uri must not have a fragment")]
    Fragment,
    #[error(
        "redirect_uri must not have user information, a backslash, dot segments or encoded separators"
    )]
    Ambiguous,
    #[error("redirect_uri is longer than 2048 characters")]
    TooLong,
    #[error(
        "redirect_uri has a scheme that is never served, because a browser or system runs what it names"
    )]
    NeverServed,
    #[error(
        "redirect_uri has a scheme that is not served here; an admin can add it to connect.redirect_schemes"
    )]
    UnknownScheme,
    #[error(
        "redirect_uri with http must lead to this computer: 127.0.0.1, [::1] or localhost, with a port from 1 to 65535"
    )]
    NotLoopback,
    #[error(
        "redirect_uri with https must name a host in lower case, with a port from 1 to 65535 if any"
    )]
    NotAName,
    #[error(
        "redirect_uri must not have code, error, access_token, token_type or expires_in in its \
         query: the answer has them"
    )]
    AnswersItself,
    #[error(
        "redirect_uri with an editor's scheme must name a host and a path, as in vscode://publisher.extension/path"
    )]
    NoPlace,
}
use InvalidRedirectUri::{
    Ambiguous, AnswersItself, Empty, Fragment, Malformed, NeverServed, NoPlace, NotAName,
    NotLoopback, TooLong, UnknownScheme,
};

pub(super) struct Parts<'a> {
    pub(super) scheme: &'a str,
    pub(super) authority: &'a str,
    /// Without the port.
    pub(super) host: &'a str,
    /// With its slash; may be empty.
    pub(super) path: &'a str,
    /// With its question mark; may be empty.
    pub(super) query: &'a str,
}

const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
const LONGEST: usize = 2048;

/// Everything but whether the scheme is served: that needs the settings.
pub(super) fn parse(text: &str) -> Result<Parts<'_>, InvalidRedirectUri> {
    match text {
        "" => return Err(Empty),
        long if long.len() > LONGEST => return Err(TooLong),
        odd if odd.contains('#') => return Err(Fragment),
        odd if odd.contains('\\') => return Err(Ambiguous),
        odd if !odd.bytes().all(is_uri_byte) => return Err(Malformed),
        _ => {}
    }
    let (scheme, rest) = text.split_once(':').ok_or(Malformed)?;
    if !is_scheme(scheme) {
        return Err(if is_never(&scheme.to_ascii_lowercase()) { NeverServed } else { Malformed });
    }
    if is_never(scheme) {
        return Err(NeverServed);
    }
    let (authority, tail) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())),
        None => return Err(Malformed),
    };
    let (path, query) = tail.split_at(tail.find('?').unwrap_or(tail.len()));
    if is_ambiguous(authority, path) {
        return Err(Ambiguous);
    }
    if answers_itself(query) {
        return Err(AnswersItself);
    }
    let host = place(scheme, authority, path)?;
    Ok(Parts { scheme, authority, host, path, query })
}

/// As [`parse`], of an editor's address that leaves its path open.
pub(super) fn parse_pin(text: &str) -> Result<Parts<'_>, InvalidRedirectUri> {
    let (scheme, authority) = text.trim_end_matches('/').split_once("://").ok_or(Malformed)?;
    let fits = kind_of(scheme) == Kind::Editor && is_label(authority);
    let open = Parts { scheme, authority, host: authority, path: "", query: "" };
    if fits { Ok(open) } else { Err(NoPlace) }
}

/// The host, judged as its scheme asks.
fn place<'a>(scheme: &str, authority: &'a str, path: &str) -> Result<&'a str, InvalidRedirectUri> {
    let has_path = path.len() > 1;
    match kind_of(scheme) {
        Kind::Http => {
            let host = without_port(authority).ok_or(NotLoopback)?;
            if LOOPBACK.contains(&host) { Ok(host) } else { Err(NotLoopback) }
        }
        Kind::Https => {
            let host = without_port(authority).ok_or(NotAName)?;
            if is_name(host) || is_address(host) { Ok(host) } else { Err(NotAName) }
        }
        Kind::Editor | Kind::Other => {
            let named = is_label(authority);
            let needs_both = kind_of(scheme) == Kind::Editor;
            let fits = if needs_both {
                named && has_path
            } else {
                named || authority.is_empty() && has_path
            };
            if fits { Ok(authority) } else { Err(NoPlace) }
        }
    }
}

/// Whether an admin may add a scheme: `OAUTH_ALLOWED_REDIRECT_SCHEMES` cannot allow a never-scheme.
pub(super) fn served(scheme: &str, extra: &[String]) -> Result<(), InvalidRedirectUri> {
    let known = kind_of(scheme) != Kind::Other || super::schemes::is_built_in(scheme);
    if known || extra.iter().any(|allowed| allowed == scheme) { Ok(()) } else { Err(UnknownScheme) }
}

/// RFC 3986 §2, without the fragment's `#`.
fn is_uri_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&b)
}

/// RFC 3986 §3.1, in lower case only: a scheme has one spelling here.
pub(super) fn is_scheme(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(legal)
}

fn is_ambiguous(authority: &str, path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let encoded = ["%2e", "%2f", "%5c", "%25", "%3f", "%23", "%0", "%1", "%7f"];
    authority.contains(['@', '%'])
        || encoded.iter().any(|bad| lower.contains(bad))
        || path.split('/').any(|segment| segment == "." || segment == "..")
}

/// A parameter of the answer that stands there already would be read in its place (row A18).
fn answers_itself(query: &str) -> bool {
    const OURS: [&str; 6] =
        ["code", "error", "error_description", "access_token", "token_type", "expires_in"];
    form_urlencoded::parse(query.trim_start_matches('?').as_bytes())
        .any(|(name, _)| OURS.contains(&name.as_ref()))
}

/// A port is 1–65535 without leading zeros.
fn without_port(authority: &str) -> Option<&str> {
    let host_ends = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[host_ends..].find(':').map(|at| at + host_ends) else {
        return Some(authority);
    };
    let digits = &authority[colon + 1..];
    let fits = digits.parse::<u16>().is_ok_and(|n| n > 0) && !digits.starts_with(['0', '+']);
    fits.then(|| &authority[..colon])
}

/// A DNS name in lower case whose last label starts with a letter: no address in any spelling.
fn is_name(host: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(letter)
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.split('.').all(label)
        && last.starts_with(|c: char| c.is_ascii_lowercase())
        && last != "localhost"
}

/// An address in its plainest spelling. Served only where an admin pinned it.
pub(super) fn is_address(host: &str) -> bool {
    let v4 = |text: &str| {
        let octet = |o: &str| {
            o.parse::<u8>().is_ok() && (o == "0" || !o.starts_with(['0', '+'])) && o.len() <= 3
        };
        text.split('.').count() == 4 && text.split('.').all(octet)
    };
    let v6 = |text: &str| {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b':';
        text.len() > 2 && text.bytes().all(hex) && text.contains(':')
    };
    v4(host) || host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).is_some_and(v6)
}

/// Of a custom scheme: one plain word, such as an editor's extension. Case counts.
fn is_label(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    !text.is_empty() && text.len() <= 253 && text.bytes().all(legal)
}
