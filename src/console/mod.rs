//! Owns the web pages of a signed-in person: the account and its keys, and for admins all people. Never here: a way
//! to make a key.
mod account;
mod assets;
mod end;
mod form;
mod keys;
mod people;
mod person;
mod sessions;

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
        .route("/team", post(account::default_team))
        .route("/signout-everywhere", post(sessions::end))
        .route("/people", get(people::get))
        .route("/people/{id}", get(person::get))
        .route("/people/{id}/block", post(person::block))
        .route("/people/{id}/unblock", post(person::unblock))
        .route("/people/{id}/sign-out", post(person::sign_out))
        .route("/people/{id}/reset", post(person::reset))
        .route("/assets/{file}", get(assets::get))
        .route("/favicon.ico", get(assets::icon))
}
