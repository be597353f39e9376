//! `/health/*` and `/metrics`: for those who run it.
use super::alive;
use crate::{
    alerts::{Alerts, Figures},
    guard::{Caller, Guard, NoCaller, PresentedKey},
    manage::Refusal,
    model::Rights,
    proxy::Metrics,
    store::{Store, books::Books, changes::LastChange},
    web::{ClientAddress, Site},
    world::Shutdown,
};
use axum::{
    Json, Router,
    extract::{FromRef, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use ipnet::IpNet;
use serde_json::json;
use std::sync::Arc;

#[derive(Clone, FromRef)]
pub(super) struct Health {
    pub(super) store: Store,
    pub(super) site: Site,
    pub(super) guard: Guard,
    pub(super) books: Books,
    pub(super) metrics: Metrics,
    pub(super) shutdown: Shutdown,
    pub(super) alerts: Alerts,
    pub(super) metrics_from: Arc<[IpNet]>,
}

pub(super) fn routes() -> Router<Health> {
    Router::new()
        .route("/health/liveliness", alive())
        .route("/health/liveness", alive())
        .route("/health/readiness", get(ready))
        .route("/metrics", get(metrics))
}

/// Whether to send calls here.
async fn ready(State(health): State<Health>) -> Response {
    if health.shutdown.closing.is_cancelled() {
        return not_ready("stopping", "connected");
    }
    match health.store.read(LastChange).await {
        Ok(_) => Json(json!({"status": "healthy", "db": "connected"})).into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            not_ready("unhealthy", "not connected")
        }
    }
}

fn not_ready(status: &str, db: &str) -> Response {
    let body = json!({"status": status, "db": db});
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "2")], Json(body)).into_response()
}

impl Health {
    /// In OpenMetrics' text form.
    fn kept_by_others(&self) -> String {
        let alerts = self.alerts.figures();
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let gauges = [
            ("gatekey_keys_cached", "Keys in memory", count(self.guard.cached())),
            (
                "gatekey_usage_queue",
                "Calls that run, or wait to be written to the books",
                count(self.books.waiting()),
            ),
            (
                "gatekey_usage_queue_size",
                "How many may before the next ones wait (server.usage_queue)",
                count(self.books.most()),
            ),
            ("gatekey_alerts_waiting", "Alerts that have not arrived yet", alerts.waiting),
        ];
        let gauge = |(name, help, value)| {
            format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n")
        };
        let gauges: String = gauges.into_iter().map(gauge).collect();
        let Figures { sent, failed, given_up, .. } = alerts;
        let name = "gatekey_alerts";
        format!(
            "{gauges}# HELP {name} Attempts to send an alert, by outcome\n# TYPE {name} counter\n\
             {name}_total{{outcome=\"sent\"}} {sent}\n{name}_total{{outcome=\"failed\"}} {failed}\n\
             {name}_total{{outcome=\"given_up\"}} {given_up}\n"
        )
    }
}

/// For a listed address, or a key whose owner may look at everything.
async fn metrics(
    State(health): State<Health>,
    ClientAddress(address): ClientAddress,
    PresentedKey(secret): PresentedKey,
    caller: Result<Caller, NoCaller>,
) -> Response {
    let listed = health.metrics_from.iter().any(|net| net.contains(&address));
    let master = secret.is_ok_and(|secret| health.guard.is_master(&secret));
    if !listed && !master {
        match caller {
            Ok(caller) if Rights::of_key(&caller.key, &[]).sees_all() => {}
            Ok(_) => return Refusal::Forbidden("Only an admin may read this.").into_response(),
            Err(none) => return none.into_response(),
        }
    }
    let text = health.metrics.text(&health.kept_by_others());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
