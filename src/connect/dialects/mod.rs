//! One file per foreign protocol: its request in, its words out.
//!
//! A dialect has an *entry* that parses a request and calls [`Journey::begin`], an *answer* that calls
//! [`Journey::settle`], and whatever its contract adds for programs. `routes` registers it.
pub mod litellm_link;

use super::{Journey, Refusal};
use crate::web::{self, LinkCors};
use axum::{
    Router,
    extract::{Request, State},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};

/// URLs at which two dialects begin; a parameter tells which.
pub fn shared_entries(cors: LinkCors) -> Router<Journey> {
    Router::new()
        .route("/sso/key/generate", get(sso_key_generate).options(LinkCors::preflight))
        .layer(middleware::from_fn_with_state(cors, LinkCors::layer))
}

async fn sso_key_generate(State(journey): State<Journey>, request: Request) -> Response {
    let pairs = web::pairs(request.uri());
    let says = |name: &str, value: &str| pairs.iter().any(|(n, v)| n == name && v == value);
    if says("source", "litellm-cli") {
        // The command line's dialect is not built yet: docs/clients.md.
        return Refusal::NotServed("connect.dialects (this version has only \"link\")")
            .into_response();
    }
    if pairs.iter().any(|(name, _)| name == "response_type") {
        return litellm_link::entry(journey, request).await;
    }
    web::see_other("/login")
}
