//! Owns the data plane: caller → model → upstream → usage. Never here: whether a key is live, or a body that
//! is collected before it is passed on.
mod admit;
mod answers;
mod asked;
mod begin;
mod body;
mod call;
mod catalog;
mod count;
mod count_tokens;
mod demo;
mod estimate;
mod form;
mod forward;
mod headers;
mod heard;
mod limited;
mod lost;
mod mask;
mod members;
mod meter;
mod metrics;
mod models;
mod news;
mod openrouter;
#[cfg(any(test, fuzzing))]
pub mod oracle;
mod part;
mod passed_on;
mod received;
mod refusal;
mod request;
mod said;
mod sse;
mod tap;
mod upstream;
mod usage;
mod wire;

pub use lost::{lost, wrong_method};
pub use metrics::Metrics;

use crate::{
    alerts::Alerts,
    config::Config,
    guard::{Caller, Guard, NoCaller},
    model::Route,
    store::{Store, books::Books},
    web::Site,
    world::{Clock, Outbound, Shutdown},
};
use axum::{
    Router,
    extract::{FromRef, Path, Request, State},
    http::HeaderName,
    routing::{MethodRouter, get, post},
};
use catalog::Catalog;
use refusal::Dialect;
use std::{sync::Arc, time::Duration};
use wire::Wire;

/// Shared: each call has its own handle, and one count to keep for it.
#[derive(Clone)]
pub struct Proxy(Arc<Inner>);

/// What the data plane knows.
pub struct Inner {
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
    store: Store,
    alerts: Alerts,
    /// `server.tag_headers`.
    tag_headers: Arc<[HeaderName]>,
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
    pub store: Store,
    pub alerts: Alerts,
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
        let Parts { store, alerts, guard, site, clock, books, outbound, shutdown, metrics } = parts;
        let settings = Settings {
            max_body: config.server.max_body.0,
            keepalive: config.server.sse_keepalive.to_std(),
            public_models: config.connect.public_models,
        };
        let limits = LimitSettings {
            budget_status: config.limits.budget_status,
            allow_unpriced: config.limits.allow_unpriced,
        };
        let catalog = Arc::new(Catalog::new(config, &alerts));
        let tag_headers = config.server.tag_headers.clone().into();
        Self(Arc::new(Inner {
            guard,
            site,
            clock,
            books,
            outbound,
            shutdown,
            metrics,
            catalog,
            settings,
            limits,
            store,
            alerts,
            tag_headers,
        }))
    }
}

impl std::ops::Deref for Proxy {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl FromRef<Proxy> for Guard {
    fn from_ref(proxy: &Proxy) -> Self {
        proxy.guard.clone()
    }
}

impl FromRef<Proxy> for Site {
    fn from_ref(proxy: &Proxy) -> Self {
        proxy.site.clone()
    }
}

/// Each route with and without `/v1`: base URLs are written both ways.
pub fn routes() -> Router<Proxy> {
    let mut router = Router::new();
    // The last are Azure's and Glama's.
    for base in ["", "/v1", "/openai", "/openai/v1", "/api/gateway/openai/v1"] {
        let at = |path: &str| format!("{base}{path}");
        for route in Route::ALL.into_iter().filter(|route| *route != Route::CountTokens) {
            let by_method = match route {
                // A WebSocket asks first, and hears at once that there is none.
                Route::Responses => call(Wire::new(route)).get(answers::no_websocket),
                _ => call(Wire::new(route)),
            };
            router = router.route(&at(route.short_path()), by_method);
        }
        router = router
            .route(
                &at("/responses/{id}"),
                get(answers::get).delete(answers::delete).post(answers::not_served),
            )
            .route(&at("/responses/{id}/cancel"), post(answers::not_served))
            .route(&at("/responses/{id}/input_items"), get(answers::input_items))
            .route(&at("/messages/count_tokens"), post(count_tokens::post))
            .route(&at("/models"), get(models::list))
            .route(&at("/models/{*id}"), get(models::one))
            .route(&at("/model/info"), get(models::info))
            .route(&at("/model_group/info"), get(models::groups));
    }
    for route in Route::ALL.into_iter().filter(|route| !route.is_anthropic()) {
        let path = format!("/openai/deployments/{{model}}{}", route.short_path());
        router = router.route(&path, deployed(Wire::new(route)));
    }
    let openrouter = Wire { route: Route::ChatCompletions, dialect: Dialect::OpenRouter };
    router
        .route("/api/v1/models", get(openrouter::models))
        .route("/api/v1/chat/completions", call(openrouter))
}

fn call(wire: Wire) -> MethodRouter<Proxy> {
    post(
        async move |State(proxy): State<Proxy>,
                    caller: Result<Caller, NoCaller>,
                    request: Request| {
            forward::answer(&proxy, (wire, None), caller, request).await
        },
    )
}

/// As Azure has it: the path names the model.
fn deployed(wire: Wire) -> MethodRouter<Proxy> {
    post(
        async move |State(proxy): State<Proxy>,
                    Path(model): Path<String>,
                    caller: Result<Caller, NoCaller>,
                    request: Request| {
            forward::answer(&proxy, (wire, Some(model)), caller, request).await
        },
    )
}
