//! Owns the web pages of a signed-in person: the account, its keys and connected apps, and for admins all people. Never here: a way
//! to make a key.
mod account;
mod apps;
mod assets;
mod budgets;
mod end;
mod form;
mod keys;
mod people;
mod person;
mod plot;
mod sessions;
mod spend;
mod tools;

use crate::{
    guard::Guard,
    store::{Store, books::Books},
    web::Site,
    world::{Clock, Entropy},
};
use axum::{
    Router,
    extract::FromRef,
    routing::{delete, get, post},
};
use std::sync::Arc;

#[derive(Clone, FromRef)]
pub struct Console {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    site: Site,
    guard: Guard,
    books: Books,
    /// Which sign-ins of apps are served.
    dialects: Arc<[String]>,
}

impl Console {
    #[must_use]
    pub fn new(
        (store, clock, entropy): (Store, Clock, Entropy),
        site: Site,
        guard: Guard,
        (books, dialects): (Books, Arc<[String]>),
    ) -> Self {
        Self { store, clock, entropy, site, guard, books, dialects }
    }
}

pub fn routes() -> Router<Console> {
    Router::new()
        .route("/", get(account::get))
        .route("/apps", get(apps::get))
        .route("/apps/end", post(apps::end))
        .route("/apps/{*id}", delete(apps::delete))
        .route("/connect", get(tools::get))
        .route("/keys/{id}/end", post(end::post))
        .route("/team", post(account::default_team))
        .route("/signout-everywhere", post(sessions::end))
        .route("/spend", get(spend::get))
        .route("/people", get(people::get))
        .route("/people/{id}", get(person::get))
        .route("/people/{id}/block", post(person::block))
        .route("/people/{id}/unblock", post(person::unblock))
        .route("/people/{id}/sign-out", post(person::sign_out))
        .route("/people/{id}/reset", post(person::reset))
        .route("/assets/{file}", get(assets::get))
        .route("/favicon.ico", get(assets::icon))
}
