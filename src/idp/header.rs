//! A proxy in front has signed people in and says so in headers: LiteLLM's custom SSO handler.
//!
//! Anybody can send a header. So they count only when the other end of the connection is one of the addresses the
//! operator listed for this provider, whatever `X-Forwarded-For` says; and they only ever make a session.
use crate::{config, model::Identity};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// Why headers sign nobody in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHeader {
    #[error("the request came from an address that is not in idp.from")]
    Elsewhere,
    #[error("the header that names the person is missing")]
    Nobody,
    /// A proxy that adds to what a browser sent instead of replacing it.
    #[error("a header is there twice: the proxy must replace what browsers send")]
    Twice,
    #[error("a header is no text")]
    Unreadable,
}

pub(super) fn identify(
    idp: &config::Idp,
    names: &config::Headers,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Result<Identity, NoHeader> {
    let peer = peer.to_canonical();
    if !names.from.iter().any(|net| net.contains(&peer)) {
        return Err(NoHeader::Elsewhere);
    }
    let one = |name: Option<&HeaderName>| name.map_or(Ok(None), |name| text(headers, name));
    let subject =
        one(Some(&names.user))?.filter(|user| !user.is_empty()).ok_or(NoHeader::Nobody)?;
    if subject.len() > 255 {
        return Err(NoHeader::Unreadable);
    }
    let email = one(names.email.as_ref())?.filter(|email| !email.is_empty());
    let groups = one(names.groups.as_ref())?.map(|all| {
        let groups = all.split(',').map(str::trim).filter(|group| !group.is_empty());
        groups.map(str::to_owned).collect::<Vec<_>>()
    });
    let mut claims = Map::new();
    for name in
        [Some(&names.user), names.email.as_ref(), names.name.as_ref(), names.groups.as_ref()]
    {
        if let Some((name, value)) = name.and_then(|n| Some((n, text(headers, n).ok()??))) {
            claims.insert(name.to_string(), Value::String(value));
        }
    }
    Ok(Identity {
        issuer: issuer(&idp.name),
        subject,
        verified: email.is_some(),
        email,
        name: one(names.name.as_ref())?.filter(|name| !name.is_empty()),
        groups,
        role: None,
        tenant: None,
        claims,
    })
}

/// No URL can be it.
pub(super) fn issuer(name: &str) -> String {
    format!("header:{name}")
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, NoHeader> {
    let mut found = headers.get_all(name).iter();
    let Some(first) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(NoHeader::Twice);
    }
    let text = std::str::from_utf8(first.as_bytes()).map_err(|_| NoHeader::Unreadable)?;
    if text.contains('\0') { Err(NoHeader::Unreadable) } else { Ok(Some(text.trim().to_owned())) }
}
