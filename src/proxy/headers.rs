//! What passes between the two connections, and what does not.
use super::catalog::Upstream;
use crate::{config::UpstreamKind, guard::KEY_HEADERS};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Of one hop (RFC 9110 §7.6.1), plus whatever `Connection` names.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
/// Of the caller's connection to us, or of the caller's browser.
const OURS: [HeaderName; 10] = [
    header::HOST,
    header::COOKIE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::ACCEPT_ENCODING,
    header::EXPECT,
    header::FORWARDED,
    header::ORIGIN,
    header::REFERER,
    header::VIA,
];
/// Of the upstream's site, not of its answer.
const THEIRS: [HeaderName; 7] = [
    header::SET_COOKIE,
    header::SERVER,
    header::DATE,
    header::ALT_SVC,
    header::STRICT_TRANSPORT_SECURITY,
    header::CONTENT_SECURITY_POLICY,
    header::WWW_AUTHENTICATE,
];
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

/// The caller's headers, for the upstream: the caller's key never reaches it (row G5), and neither does what
/// somebody could take for the word of a proxy (row G7).
pub(super) fn to_upstream(
    mut headers: HeaderMap,
    upstream: &Upstream,
    content_type: Option<HeaderValue>,
) -> HeaderMap {
    strip_hop_by_hop(&mut headers);
    for name in OURS.iter().chain(&KEY_HEADERS) {
        headers.remove(name);
    }
    match content_type {
        Some(content_type) => headers.insert(header::CONTENT_TYPE, content_type),
        None => headers.remove(header::CONTENT_TYPE),
    };
    let smuggled: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name.contains('_')
                // Whose account pays at the provider is the operator's to say.
                || ["openai-organization", "openai-project", "chatgpt-account-id", "x-real-ip", "true-client-ip"]
                    .contains(&name)
                || ["x-forwarded-", "x-gatekey-", "x-litellm-", "sec-"]
                    .iter()
                    .any(|family| name.starts_with(family))
        })
        .cloned()
        .collect();
    for name in smuggled {
        headers.remove(name);
    }
    // A compressed answer hides its usage from the tap.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(credential) = &upstream.credential {
        let name = match upstream.kind {
            UpstreamKind::Anthropic => X_API_KEY,
            UpstreamKind::OpenAi | UpstreamKind::Demo => header::AUTHORIZATION,
        };
        headers.insert(name, credential.header.clone());
    }
    if upstream.kind == UpstreamKind::Anthropic && !headers.contains_key(&ANTHROPIC_VERSION) {
        headers.insert(ANTHROPIC_VERSION, HeaderValue::from_static("2023-06-01"));
    }
    headers
}

/// The upstream's headers, for the caller: `retry-after`, `request-id`, `anthropic-ratelimit-*`,
/// `x-ratelimit-*` arrive (field report K36).
pub(super) fn to_caller(mut headers: HeaderMap, upstream: &Upstream) -> HeaderMap {
    strip_hop_by_hop(&mut headers);
    for name in &THEIRS {
        headers.remove(name);
    }
    let kept_back: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| {
            let name = name.as_str();
            ["access-control-", "x-gatekey-", "x-litellm-"].iter().any(|f| name.starts_with(f))
                || upstream.holds_secret(value.as_bytes())
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in kept_back {
        headers.remove(name);
    }
    headers
}
