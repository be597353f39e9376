//! Owns the data plane: caller → model → upstream → usage. Never here: whether a key is live, or a body that
//! is collected before it is passed on.
mod admit;
mod begin;
mod call;
mod catalog;
mod count_tokens;
mod demo;
mod estimate;
mod forward;
mod headers;
mod limited;
mod lost;
mod mask;
mod meter;
mod metrics;
mod models;
mod openrouter;
#[cfg(any(test, fuzzing))]
pub mod oracle;
mod passed_on;
mod refusal;
mod request;
mod sse;
mod tap;
mod upstream;
mod usage;

pub use lost::{lost, wrong_method};
pub use metrics::Metrics;

use crate::{
    config::Config,
    guard::Guard,
    store::books::Books,
    web::Site,
    world::{Clock, Outbound, Shutdown},
};
use axum::{
    Router,
    extract::FromRef,
    routing::{get, post},
};
use catalog::Catalog;
use std::{sync::Arc, time::Duration};

#[derive(Clone, FromRef)]
pub struct Proxy {
    guard: Guard,
    site: Site,
    clock: Clock,
    books: Books,
    outbound: Outbound,
    shutdown: Shutdown,
    metrics: Metrics,
    catalog: Arc<Catalog>,
    settings: Settings,
    limits: LimitSettings,
}

#[derive(Clone, Copy)]
struct Settings {
    max_body: usize,
    keepalive: Duration,
    /// `connect.public_models`.
    public_models: bool,
}

#[derive(Clone, Copy)]
struct LimitSettings {
    /// 422 or 429.
    budget_status: u16,
    allow_unpriced: bool,
}

/// What the data plane is made of.
pub struct Parts {
    pub guard: Guard,
    pub site: Site,
    pub clock: Clock,
    pub books: Books,
    pub outbound: Outbound,
    pub shutdown: Shutdown,
    pub metrics: Metrics,
}

impl Proxy {
    #[must_use]
    pub fn new(config: &Config, parts: Parts) -> Self {
        let Parts { guard, site, clock, books, outbound, shutdown, metrics } = parts;
        let settings = Settings {
            max_body: config.server.max_body.0,
            keepalive: config.server.sse_keepalive.to_std(),
            public_models: config.connect.public_models,
        };
        let limits = LimitSettings {
            budget_status: config.limits.budget_status,
            allow_unpriced: config.limits.allow_unpriced,
        };
        let catalog = Arc::new(Catalog::new(config));
        Self { guard, site, clock, books, outbound, shutdown, metrics, catalog, settings, limits }
    }
}

/// Each route with and without `/v1`: base URLs are written both ways.
pub fn routes() -> Router<Proxy> {
    let mut router = Router::new();
    // The last is Glama's.
    for base in ["", "/v1", "/api/gateway/openai/v1"] {
        let at = |path: &str| format!("{base}{path}");
        router = router
            .route(&at("/chat/completions"), post(forward::chat))
            .route(&at("/messages"), post(forward::messages))
            .route(&at("/messages/count_tokens"), post(count_tokens::post))
            .route(&at("/models"), get(models::list))
            .route(&at("/models/{*id}"), get(models::one))
            .route(&at("/model/info"), get(models::info))
            .route(&at("/model_group/info"), get(models::groups));
    }
    router
        .route("/api/v1/models", get(openrouter::models))
        .route("/api/v1/chat/completions", post(forward::openrouter_chat))
}
