//! What is counted for `/metrics`. Never a key, a person or an address in a label.
use crate::model::{NanoDollars, Tokens};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::sync::{Arc, atomic::AtomicU64};
use tokio::time::Instant;

#[derive(Clone)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    tokens: Family<Direction, Counter>,
    cost: Counter<f64, AtomicU64>,
    refusals: Family<Refused, Counter>,
    unpriced: Counter,
    calls_open: Gauge,
    upstream_failures: Family<Upstream, Counter>,
    first_byte: Histogram,
    upstream: Histogram,
    own: Histogram,
    registry: Arc<std::sync::OnceLock<Registry>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Upstream {
    upstream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

/// One call among those that run, and since when.
pub(super) struct Here {
    open: Gauge,
    began: Instant,
    /// Since when the whole question is here.
    read: Instant,
}

impl Here {
    pub(super) fn was_read(&mut self) {
        self.read = Instant::now();
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.open.dec();
    }
}

/// What Gatekey itself needs for a call: tens of microseconds, unless something waits.
const OWN: [f64; 10] = [25e-6, 50e-6, 100e-6, 250e-6, 1e-3, 5e-3, 25e-3, 0.1, 0.5, 2.5];
/// What a model needs for its first byte.
const ANSWERS: [f64; 12] = [1e-3, 5e-3, 25e-3, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            tokens: Family::default(),
            cost: Counter::default(),
            refusals: Family::default(),
            unpriced: Counter::default(),
            calls_open: Gauge::default(),
            upstream_failures: Family::default(),
            first_byte: Histogram::new(ANSWERS),
            upstream: Histogram::new(ANSWERS),
            own: Histogram::new(OWN),
            registry: Arc::default(),
        }
    }
}

impl Metrics {
    /// An answer to a request of one of our routes.
    pub fn answered(&self, route: &'static str, status: u16) {
        self.requests.get_or_create(&Answered { route, status }).inc();
    }

    /// Calls that have begun, be it with half a body, and not ended.
    #[must_use]
    pub fn running(&self) -> i64 {
        self.calls_open.get()
    }

    /// A call is here, as long as this is kept.
    pub(super) fn here(&self) -> Here {
        self.calls_open.inc();
        let now = Instant::now();
        Here { open: self.calls_open.clone(), began: now, read: now }
    }

    /// The upstream, asked at that moment, has begun to answer.
    pub(super) fn began_to_answer(&self, here: &Here, asked: Instant) {
        let (own, now) = (asked - here.read, Instant::now());
        self.own.observe(own.as_secs_f64());
        self.upstream.observe((now - asked).as_secs_f64());
        self.first_byte.observe((now - here.began).as_secs_f64());
    }

    /// What a call used, and cost if that is known.
    pub(super) fn booked(&self, tokens: &Tokens, cost: Option<NanoDollars>) {
        for (direction, count) in [("input", tokens.input), ("output", tokens.output)] {
            let count = u64::try_from(count).unwrap_or(0);
            self.tokens.get_or_create(&Direction { direction }).inc_by(count);
        }
        match cost {
            Some(cost) => {
                self.cost.inc_by(cost.dollars());
            }
            None => {
                self.unpriced.inc();
            }
        }
    }

    /// A call that did not leave, or that no upstream answered.
    pub(super) fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Refused { reason }).inc();
    }

    pub(super) fn upstream_failed(&self, upstream: &str) {
        self.upstream_failures.get_or_create(&Upstream { upstream: upstream.to_owned() }).inc();
    }

    /// In OpenMetrics' text form, with `more` that others keep.
    #[must_use]
    pub fn text(&self, more: &str) -> String {
        let mut text = String::new();
        let registry = self.registry.get_or_init(|| self.registry());
        let written = encode(&mut text, registry);
        debug_assert!(written.is_ok(), "a String takes every text");
        text.replace("# EOF\n", &format!("{more}# EOF\n"))
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("gatekey");
        registry.register(
            "requests",
            "Requests answered, by route and status",
            self.requests.clone(),
        );
        registry.register("tokens", "Tokens booked, by direction", self.tokens.clone());
        registry.register("refusals", "Calls refused, by reason", self.refusals.clone());
        registry.register("cost_dollars", "Cost of the calls booked", self.cost.clone());
        registry.register(
            "unpriced_calls",
            "Calls booked without a cost, because the model has no price",
            self.unpriced.clone(),
        );
        registry.register(
            "calls_open",
            "Calls to models that are running",
            self.calls_open.clone(),
        );
        registry.register(
            "upstream_failures",
            "Calls that an upstream did not answer, or broke off",
            self.upstream_failures.clone(),
        );
        for (name, help, of) in [
            ("first_byte", "From a call's arrival until its answer begins", &self.first_byte),
            (
                "upstream",
                "From a question's leaving until the upstream begins to answer",
                &self.upstream,
            ),
            (
                "own",
                "From a whole question being here until it leaves: what Gatekey adds",
                &self.own,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, of.clone());
        }
        registry
    }
}
