//! The models we serve, and what is behind each.
use crate::{
    config::{self, Config, UpstreamKind},
    model::{Facts, Key, Tariff, Timestamp},
};
use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem::Finder;
use std::{collections::HashMap, sync::Arc, time::Duration};

pub(super) struct Catalog {
    all: Vec<Model>,
    by_name: HashMap<String, usize>,
    /// Shown as the time each model was made: nobody tells us theirs.
    pub(super) since: Timestamp,
}

pub(super) struct Model {
    pub(super) name: String,
    /// The names by which lists of models allow it with others.
    pub(super) groups: Vec<String>,
    /// What the upstream is told.
    pub(super) wire_name: String,
    pub(super) upstream: Arc<Upstream>,
    pub(super) facts: Facts,
    pub(super) tariff: Arc<Tariff>,
}

pub(super) struct Upstream {
    pub(super) name: String,
    pub(super) kind: UpstreamKind,
    /// Without `/v1` for Anthropic, whichever way it was written; as written for OpenAI.
    pub(super) base_url: String,
    pub(super) credential: Option<Credential>,
    pub(super) inject_usage: bool,
    pub(super) timeout: Duration,
}

/// The provider's key, ready for its header, and as a text to be kept out of answers.
pub(super) struct Credential {
    pub(super) header: HeaderValue,
    finder: Finder<'static>,
}

impl Catalog {
    pub(super) fn new(config: &Config) -> Self {
        let upstreams: HashMap<&str, Arc<Upstream>> = config
            .upstreams
            .iter()
            .map(|upstream| (upstream.name.as_str(), Arc::new(Upstream::new(upstream))))
            .collect();
        let all: Vec<Model> = config
            .models
            .iter()
            .filter_map(|model| {
                let upstream = upstreams.get(model.upstream.as_str())?.clone();
                let (name, wire_name) = (model.name.clone(), model.upstream_model.clone());
                let (facts, tariff) = (model.facts.clone(), model.facts.tariff().into());
                let groups = model.groups.clone();
                Some(Model { name, groups, wire_name, upstream, facts, tariff })
            })
            .collect();
        let by_name = all.iter().enumerate().map(|(at, m)| (m.name.clone(), at)).collect();
        Self { all, by_name, since: Timestamp(1_700_000_000) }
    }

    pub(super) fn named(&self, name: &str) -> Option<&Model> {
        self.by_name.get(name).map(|&at| &self.all[at])
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Model> {
        self.all.iter()
    }

    /// What this key may call, and no more.
    pub(super) fn of<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Model> {
        self.all.iter().filter(|model| key.allows(&model.name, &model.groups))
    }
}

impl Upstream {
    fn new(config: &config::Upstream) -> Self {
        let base_url = match config.kind {
            UpstreamKind::Anthropic => {
                config.base_url.strip_suffix("/v1").unwrap_or(&config.base_url).to_owned()
            }
            UpstreamKind::OpenAi | UpstreamKind::Demo => config.base_url.clone(),
        };
        let credential = config.api_key.as_ref().and_then(|secret| {
            let text = match config.kind {
                UpstreamKind::Anthropic => secret.expose().to_owned(),
                UpstreamKind::OpenAi | UpstreamKind::Demo => format!("Bearer {}", secret.expose()),
            };
            let mut header = HeaderValue::from_str(&text).ok()?;
            header.set_sensitive(true);
            let finder = Finder::new(secret.expose()).into_owned();
            Some(Credential { header, finder })
        });
        Self {
            name: config.name.clone(),
            kind: config.kind,
            base_url,
            credential,
            inject_usage: config.inject_usage,
            timeout: config.timeout.to_std(),
        }
    }

    /// A text of the upstream's without the provider's key in it (field report K42). Its length stays: a body
    /// may have been announced.
    pub(super) fn without_secret(&self, text: Bytes) -> Bytes {
        if !self.holds_secret(&text) {
            return text;
        }
        let mut clean = text.to_vec();
        if let Some(Credential { finder, .. }) = &self.credential {
            let found: Vec<usize> = finder.find_iter(&text).collect();
            for at in found {
                clean[at..at + finder.needle().len()].fill(b'*');
            }
        }
        clean.into()
    }

    /// The provider's key, to be compared and never to be shown.
    pub(super) fn secret(&self) -> Option<&[u8]> {
        self.credential.as_ref().map(|credential| credential.finder.needle())
    }

    pub(super) fn holds_secret(&self, text: &[u8]) -> bool {
        self.credential.as_ref().is_some_and(|credential| credential.finder.find(text).is_some())
    }
}
