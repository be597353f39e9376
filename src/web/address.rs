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
        let lines = parts.headers.get_all("x-forwarded-for").iter();
        let hops: Vec<&str> =
            lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).collect();
        // From our side on: what stands beyond a hop that nobody can read is nobody's word.
        for hop in hops.into_iter().rev() {
            match read(hop.trim()) {
                Some(address) if site.trusts(address) => {}
                Some(address) => return Self(address),
                None => return Self(peer),
            }
        }
        Self(peer)
    }

    /// What limits count by: a network of IPv6 is one place, since whoever has an address has all of it.
    #[must_use]
    pub fn place(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
        }
    }
}

/// Some proxies write ports: `203.0.113.9:51234`, `[2001:db8::1]:51234`.
fn read(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

impl std::fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
