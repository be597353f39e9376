//! Owns the JSON management API in LiteLLM's shapes. Never here: pages, calls to models.
mod actor;
mod body;
mod key;
mod refusal;

pub use actor::Actor;
pub use refusal::Refusal;

use crate::{
    guard::Guard,
    store::{Store, books::Books},
    web::Site,
    world::{Clock, Entropy},
};
use axum::{Router, extract::FromRef};

#[derive(Clone, FromRef)]
pub struct Manage {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    site: Site,
    guard: Guard,
    books: Books,
}

impl Manage {
    #[must_use]
    pub fn new(
        (store, clock, entropy): (Store, Clock, Entropy),
        site: Site,
        guard: Guard,
        books: Books,
    ) -> Self {
        Self { store, clock, entropy, site, guard, books }
    }
}

pub fn routes() -> Router<Manage> {
    Router::new().merge(key::routes())
}
