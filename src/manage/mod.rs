//! Owns the JSON management API in LiteLLM's shapes. Never here: pages, calls to models, or a decision about who may
//! do what, which is `model::Rights`.
mod actor;
mod app;
mod audit;
mod body;
mod budget;
mod chosen_id;
mod csv;
mod cursor;
mod key;
mod limits;
mod openrouter;
mod page;
mod refusal;
mod spend;
mod team;
mod user;

pub use actor::Actor;
pub use refusal::Refusal;

use crate::{
    config::{Keyring, LimitRules, UpstreamKind},
    guard::Guard,
    model::Groups,
    store::{Store, books::Books},
    web::Site,
    world::{Clock, Entropy},
};
use axum::{Router, extract::FromRef, routing::get};
use std::sync::Arc;

#[derive(Clone, FromRef)]
pub struct Manage {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    site: Site,
    guard: Guard,
    books: Books,
    keyring: Arc<Keyring>,
    /// E-mail domains in which somebody made in advance is claimed at a sign-in.
    domains: Arc<[String]>,
    rules: Arc<LimitRules>,
    models: Arc<[Served]>,
    groups: Arc<Groups>,
}

/// A model, as far as this room looks at it.
pub struct Served {
    pub name: String,
    pub groups: Vec<String>,
    pub kind: UpstreamKind,
    pub priced: bool,
}

/// What of the settings this room looks at.
pub struct Known {
    pub keyring: Arc<Keyring>,
    pub domains: Arc<[String]>,
    pub rules: Arc<LimitRules>,
    pub models: Arc<[Served]>,
}

impl Manage {
    #[must_use]
    pub fn new(
        (store, clock, entropy): (Store, Clock, Entropy),
        site: Site,
        guard: Guard,
        books: Books,
        known: Known,
    ) -> Self {
        let Known { keyring, domains, rules, models } = known;
        let named = models.iter().map(|model| (model.name.as_str(), model.groups.as_slice()));
        let groups = Arc::new(Groups::new(named));
        Self { store, clock, entropy, site, guard, books, keyring, domains, rules, models, groups }
    }
}

pub fn routes() -> Router<Manage> {
    Router::new()
        .merge(key::routes())
        .merge(user::routes())
        .merge(team::routes())
        .merge(openrouter::routes())
        .merge(budget::routes())
        .merge(app::routes())
        .merge(spend::routes())
        .route("/audit/logs", get(audit::get))
        .layer(axum::middleware::from_fn(csv::layer))
}
