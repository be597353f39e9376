//! `/key/*`: keys by hand, and what became of them.
mod delete;
mod explain;
mod generate;
mod info;
mod list;
mod regenerate;
mod shape;
mod target;
mod update;

use super::{Actor, Manage, Refusal, body};
use axum::{
    Router,
    routing::{get, post},
};
pub(super) use shape::key as key_shape;

pub(super) fn routes() -> Router<Manage> {
    Router::new()
        .route("/key/generate", post(generate::post))
        .route("/key/service-account/generate", post(generate::service_account))
        .route("/key/explain", post(explain::post))
        .route("/key/info", get(info::get))
        .route("/key/list", get(list::get))
        .route("/key/update", post(update::post))
        .route("/key/delete", post(delete::post))
        .route("/key/regenerate", post(regenerate::post))
        .route("/key/{key}/regenerate", post(regenerate::named))
        .route("/key/block", post(update::block))
        .route("/key/unblock", post(update::unblock))
}
