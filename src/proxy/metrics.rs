//! What is counted for `/metrics`. Never a key, a person or an address in a label.
use crate::model::{NanoDollars, Tokens};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    fmt::Write as _,
    sync::{Arc, atomic::AtomicU64},
};

#[derive(Clone, Default)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    tokens: Family<Direction, Counter>,
    cost: Counter<f64, AtomicU64>,
    refusals: Family<Refused, Counter>,
    unpriced: Counter,
    calls_open: Gauge,
    upstream_failures: Family<Upstream, Counter>,
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

/// One call among those that run.
pub(super) struct Here(Gauge);

impl Drop for Here {
    fn drop(&mut self) {
        self.0.dec();
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
        Here(self.calls_open.clone())
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

    /// In OpenMetrics' text form; `more` are gauges that others keep.
    #[must_use]
    pub fn text(&self, more: &[(&str, &str, usize)]) -> String {
        let mut text = String::new();
        let registry = self.registry.get_or_init(|| self.registry());
        let written = encode(&mut text, registry);
        debug_assert!(written.is_ok(), "a String takes every text");
        let mut gauges = String::new();
        for (name, help, value) in more {
            let written =
                writeln!(gauges, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
            debug_assert!(written.is_ok(), "a String takes every text");
        }
        text.replace("# EOF\n", &format!("{gauges}# EOF\n"))
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
        registry
    }
}
