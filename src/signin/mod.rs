//! Owns how a browser becomes a session: `/login`, `/sso/login`, `/sso/callback`, `/logout`, the password
//! of a local account, and the first account of a new installation. Never here: what a session is good for.
mod callback;
mod complete;
mod debug;
mod issuers;
mod leave;
mod login;
mod logout;
mod password;
mod paths;
mod reset;
mod setup;
mod sso;

pub use issuers::reconcile;
pub use setup::{Setup, offer as offer_setup};

use crate::{
    config::{Config, Keyring, Signin as Settings},
    guard::Guard,
    idp::{Idps, Local},
    model::RedirectRules,
    store::Store,
    web::{Limit, LinkCors, Site, Throttle},
    world::{Clock, Entropy},
};
use axum::{Router, extract::FromRef, middleware, response::Response, routing::get};
use std::{net::IpAddr, sync::Arc};

/// All that signing in touches.
#[derive(Clone, FromRef)]
pub struct Signin {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    site: Site,
    guard: Guard,
    idps: Idps,
    local: Local,
    keyring: Arc<Keyring>,
    settings: Arc<Settings>,
    rules: Arc<RedirectRules>,
    throttles: Arc<Throttles>,
    setup: Option<Arc<Setup>>,
}

/// Wrong passwords, counted by account and address, and by address alone.
struct Throttles {
    account: Throttle<(String, IpAddr)>,
    address: Throttle<IpAddr>,
    /// Browsers sent to a provider.
    sent: Throttle<IpAddr>,
}

const WRONG_OF_AN_ACCOUNT: Limit = Limit { most: 10, seconds: 15 * 60 };
const WRONG_OF_AN_ADDRESS: Limit = Limit { most: 100, seconds: 15 * 60 };

const SENT: Limit = Limit { most: 600, seconds: 60 };

/// What signing in is made of.
pub struct Parts {
    pub world: (Store, Clock, Entropy),
    pub site: Site,
    pub guard: Guard,
    pub idps: Idps,
    pub keyring: Arc<Keyring>,
    pub setup: Option<Setup>,
}

impl Signin {
    #[must_use]
    pub fn new(config: &Config, parts: Parts) -> Self {
        let Parts { world: (store, clock, entropy), site, guard, idps, keyring, setup } = parts;
        Self {
            local: Local::new(store.clone(), &config.signin),
            throttles: Arc::new(Throttles {
                account: Throttle::new(WRONG_OF_AN_ACCOUNT, clock.clone()),
                address: Throttle::new(WRONG_OF_AN_ADDRESS, clock.clone()),
                sent: Throttle::new(SENT, clock.clone()),
            }),
            store,
            clock,
            entropy,
            site,
            guard,
            idps,
            keyring,
            settings: Arc::new(config.signin.clone()),
            rules: Arc::new(config.connect.redirects.clone()),
            setup: setup.map(Arc::new),
        }
    }
}

pub fn routes(cors: LinkCors) -> Router<Signin> {
    let shared = Router::new()
        .route("/sso/login", get(sso::get).options(LinkCors::preflight))
        .route("/sso/callback", get(callback::get).options(LinkCors::preflight))
        .route("/sso/callback/{name}", get(callback::get).options(LinkCors::preflight))
        .layer(middleware::from_fn_with_state(cors, LinkCors::layer));
    Router::new()
        .merge(shared)
        .route("/login", get(login::get).post(login::post))
        .route("/fallback/login", get(login::get).post(login::post))
        .route("/sso/debug/login", get(debug::get))
        .route("/password", get(password::get).post(password::post))
        .route("/reset/{token}", get(reset::get).post(reset::post))
        .route("/logout", get(logout::get).post(logout::post))
        .route("/setup/{token}", get(setup::get).post(setup::post))
        .route("/ui", get(to_account))
        .route("/ui/", get(to_account))
        .route("/ui/{*rest}", get(to_account))
}

/// People have LiteLLM's page bookmarked.
async fn to_account() -> Response {
    crate::web::see_other("/")
}
