//! Owns the JSON management API in LiteLLM's shapes. Never here: pages, calls to models.
mod actor;
mod body;
mod delete;
mod generate;
mod info;
mod list;
mod refusal;
mod shape;
mod target;
mod update;

pub use actor::Actor;
pub use refusal::Refusal;

use crate::{
    guard::Guard,
    store::{Store, books::Books},
    web::Site,
    world::{Clock, Entropy},
};
use axum::{
    Router,
    extract::FromRef,
    routing::{get, post},
};

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
    Router::new()
        .route("/key/generate", post(generate::post))
        .route("/key/info", get(info::get))
        .route("/key/list", get(list::get))
        .route("/key/update", post(update::post))
        .route("/key/delete", post(delete::post))
        .route("/key/regenerate", post(update::regenerate))
        .route("/key/{key}/regenerate", post(update::regenerate_named))
        .route("/key/block", post(update::block))
        .route("/key/unblock", post(update::unblock))
}
