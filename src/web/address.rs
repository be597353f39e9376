//! From which address a request came.
use super::Site;
use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// The other end of the connection; `app::serve` adds it to each request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The peer, or what proxies of ours say of it (row G8): the last address in `X-Forwarded-For` that is not
/// one of them. Nobody else's word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress
where
    Site: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts, &Site::from_ref(state)))
    }
}

impl ClientAddress {
    #[must_use]
    pub fn of(parts: &Parts, site: &Site) -> Self {
        let peer = parts.extensions.get::<Peer>().map(|Peer(address)| address.ip());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
        if !site.trusts(peer) {
            return Self(peer);
        }
        let forwarded = parts.headers.get_all("x-forwarded-for").iter();
        let hops: Vec<IpAddr> = forwarded
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(|hop| hop.trim().parse::<IpAddr>().ok())
            .map(|hop| hop.to_canonical())
            .collect();
        Self(hops.into_iter().rev().find(|hop| !site.trusts(*hop)).unwrap_or(peer))
    }
}

impl std::fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
