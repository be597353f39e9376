//! Cookies: random ids only, for this host only.
use super::Site;
use axum::http::{HeaderMap, HeaderValue, header};

/// A browser may send a stale cookie of the same name beside ours, from another path or domain, in any order
/// (field report K07). A few are looked at; more are an attack.
const MOST: usize = 4;

pub(super) fn name(site: &Site, name: &str) -> String {
    format!("{}{name}", if site.is_https() { "__Host-" } else { "" })
}

/// All values a cookie came with.
pub(super) fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .take(MOST)
        .map(str::to_owned)
        .collect()
}

pub(super) fn set(site: &Site, name: &str, value: &str) -> HeaderValue {
    let secure = if site.is_https() { "; Secure" } else { "" };
    let name = self::name(site, name);
    HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}"))
        .expect("names and ids are plain ASCII")
}

pub(super) fn clear(site: &Site, name: &str) -> HeaderValue {
    let secure = if site.is_https() { "; Secure" } else { "" };
    let name = self::name(site, name);
    HeaderValue::try_from(format!("{name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}"))
        .expect("names are plain ASCII")
}
