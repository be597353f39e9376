//! What of the data plane is news for operators.
use super::{Proxy, catalog::Upstream, refusal::Reason};
use crate::model::{Alert, AlertKind};
use serde_json::json;

impl Proxy {
    pub(super) fn upstream_failed(&self, upstream: &Upstream) {
        self.metrics.upstream_failed(&upstream.name);
        upstream.failed(self.clock.now());
    }

    /// An error in the place of an answer: of the call, or of the upstream.
    pub(super) fn upstream_said(&self, upstream: &Upstream, reason: &Reason) {
        match reason {
            Reason::Upstream { status, .. } if status.is_client_error() => {
                self.metrics.upstream_failed(&upstream.name);
                upstream.answered();
            }
            _ => self.upstream_failed(upstream),
        }
    }

    /// Once an hour.
    pub(super) fn tell_of_the_queue(&self) {
        const HOUR: i64 = 3_600;
        let now = self.clock.now();
        self.alerts.raise(Alert {
            kind: AlertKind::UsageQueueNearlyFull,
            once: format!("queue {}", now.0.div_euclid(HOUR)),
            at: now,
            data: json!({"waiting": self.books.waiting(), "usage_queue": self.books.most()}),
        });
    }
}
