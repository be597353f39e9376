//! One file per foreign protocol: its request in, its words out.
//!
//! A dialect has an *entry* that parses a request and calls [`Journey::begin`], an *answer* that calls
//! [`Journey::settle`], and whatever its contract adds for programs. `routes` registers it.
pub mod glama;
pub mod litellm_cli;
pub mod litellm_link;
#[cfg(test)]
mod made_up;
pub mod openrouter;
pub mod requesty;

use super::{Journey, Refusal};
use crate::web::{self, BadQuery, Browser, ClientAddress, LinkCors};
use axum::{
    Router,
    extract::{Request, State},
    http::Uri,
    middleware,
    response::Response,
    routing::get,
};

/// URLs at which two dialects begin; a parameter tells which.
pub fn shared_entries(cors: LinkCors) -> Router<Journey> {
    Router::new()
        .route("/sso/key/generate", get(sso_key_generate).options(LinkCors::preflight))
        .layer(middleware::from_fn_with_state(cors, LinkCors::layer))
        .route("/oauth/authorize", get(oauth_authorize))
}

async fn sso_key_generate(State(journey): State<Journey>, request: Request) -> Response {
    let pairs = web::pairs(request.uri());
    let says = |name: &str, value: &str| pairs.iter().any(|(n, v)| n == name && v == value);
    if says("source", "litellm-cli") {
        return litellm_cli::entry(journey, request).await;
    }
    if pairs.iter().any(|(name, _)| name == "response_type") {
        return litellm_link::entry(journey, request).await;
    }
    web::see_other("/login")
}

async fn oauth_authorize(
    State(journey): State<Journey>,
    browser: Browser,
    address: ClientAddress,
    uri: Uri,
) -> Result<Response, Refusal> {
    let pairs = web::pairs(&uri);
    if pairs.iter().any(|(name, _)| name == "client_id") {
        return Err(Refusal::NotYet("OAuth 2.1 with a client_id"));
    }
    let mut callbacks = pairs.iter().filter(|(name, _)| name == "callback_url");
    let callback = match (callbacks.next(), callbacks.next()) {
        (Some((_, callback)), None) => callback,
        (None, _) => return Err(BadQuery("callback_url is missing".into()).into()),
        _ => return Err(BadQuery("callback_url may be given only once".into()).into()),
    };
    let page = if glama::is_meant(callback) {
        glama::entry(&journey, &browser, address, callback).await?
    } else {
        requesty::entry(&journey, &browser, address, callback).await?
    };
    Ok(browser.remember(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_made_up_dialect_of_the_documents_is_built_and_fits_beside_the_others() {
        let source = include_str!("made_up.rs");
        assert!(source.lines().count() < 100);
        let document = include_str!("../../../docs/add-a-dialect.md");
        assert!(document.contains(source.trim_end()), "docs/add-a-dialect.md shows another text");
        let together = Router::<Journey>::new()
            .merge(made_up::routes())
            .merge(openrouter::routes())
            .merge(litellm_cli::routes())
            .merge(glama::routes())
            .merge(requesty::routes());
        assert!(together.has_routes());
    }
}
