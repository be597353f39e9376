//! This installation as browsers see it.
use crate::config::{BaseUrl, Config};
use ipnet::IpNet;
use std::sync::Arc;

#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    title: String,
    base_url: BaseUrl,
    trusted_proxies: Vec<IpNet>,
    idps: Vec<String>,
}

impl Site {
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(Inner {
            title: config.server.title.clone(),
            base_url: config.server.base_url.clone(),
            trusted_proxies: config.server.trusted_proxies.clone(),
            idps: config.idps.iter().map(|idp| idp.name.clone()).collect(),
        }))
    }

    #[must_use]
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// Without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.0.base_url.as_str()
    }

    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.base_url.authority()
    }

    /// What cookies are called follows `base_url`, never the connection: TLS may end before us.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.base_url.is_https()
    }

    #[must_use]
    pub fn trusts(&self, peer: std::net::IpAddr) -> bool {
        self.0.trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    /// Whether a session that began there still counts: not when the provider was taken out (row U7).
    #[must_use]
    pub fn signs_in_by(&self, idp: &str) -> bool {
        idp == "local" || self.0.idps.iter().any(|name| name == idp)
    }
}
