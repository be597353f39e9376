//! Owns the web pages of a signed-in person: the account and its keys. Never here: a way to make a key.
mod account;
mod assets;
mod end;

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
pub struct Console {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    site: Site,
    guard: Guard,
    books: Books,
}

impl Console {
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

pub fn routes() -> Router<Console> {
    Router::new()
        .route("/", get(account::get))
        .route("/keys/{id}/end", post(end::post))
        .route("/assets/{file}", get(assets::get))
        .route("/favicon.ico", get(assets::icon))
}
