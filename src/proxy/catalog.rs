//! The models we serve, and what is behind each.
use crate::{
    alerts::Alerts,
    config::{self, Config, UpstreamKind},
    model::{Alert, AlertKind, Facts, Key, Tariff, Timestamp},
};
use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem::Finder;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

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
    /// Tools that may be used though they are billed apart.
    pub(super) hosted_tools: Vec<String>,
    pub(super) timeout: Duration,
    /// How often it failed in a row.
    failures: AtomicU32,
    alerts: Alerts,
}

/// So many failures in a row, and it is down.
const DOWN: u32 = 5;

/// The provider's key, ready for its header, and as a text to be kept out of answers.
pub(super) struct Credential {
    pub(super) header: HeaderValue,
    finder: Finder<'static>,
}

impl Catalog {
    pub(super) fn new(config: &Config, alerts: &Alerts) -> Self {
        let upstreams: HashMap<&str, Arc<Upstream>> = config
            .upstreams
            .iter()
            .map(|upstream| {
                (upstream.name.as_str(), Arc::new(Upstream::new(upstream, alerts.clone())))
            })
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
    fn new(config: &config::Upstream, alerts: Alerts) -> Self {
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
            hosted_tools: config.hosted_tools.clone(),
            timeout: config.timeout.to_std(),
            failures: AtomicU32::new(0),
            alerts,
        }
    }

    /// It has answered, whatever it said of the call.
    pub(super) fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// It could not be reached, broke off, or failed by its own word.
    pub(super) fn failed(&self, now: Timestamp) {
        const HOUR: i64 = 3_600;
        let in_a_row = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if in_a_row < DOWN {
            return;
        }
        self.alerts.raise(Alert {
            kind: AlertKind::UpstreamDown,
            once: format!("upstream {} {}", self.name, now.0.div_euclid(HOUR)),
            at: now,
            data: json!({"upstream": self.name, "failures_in_a_row": in_a_row}),
        });
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
