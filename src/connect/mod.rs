//! Owns the journey: an app asks, a person answers, the app receives. It knows no dialect.
//!
//! **The shape.** A dialect is plain axum handlers that call the verbs of [`Journey`]: no trait, no table
//! of dialects, no callback, because the consent form posts straight to the dialect, so the URL says
//! whose request it is even when the database is down and no row could. Every refusal comes back to the
//! dialect as a `Result`, and `?` with a `From<Refusal>` turns it into the dialect's own error shape.
//!
//! | verb | who calls it | what it does |
//! |---|---|---|
//! | [`Journey::begin`] | the dialect's entry | stores the request, binds it to the browser, 303 to the page |
//! | [`page::get`] | the browser | signs in, shows what is asked; its form posts to `answer_at` |
//! | [`Journey::settle`] | the dialect's `answer` | the person's answer, carried out: [`Settled`] |
//! | [`Journey::redeem`] | a dialect with codes | a code, once, becomes a key |
//! | [`Journey::start_poll`], [`Journey::poll`] | a dialect of terminals | a terminal asks until its key is there |
//! | [`Journey::beget`] | a dialect that takes a live key | a key, or a code for one, from a key |
mod answer;
mod beget;
mod begin;
mod codes;
pub mod dialects;
mod issue;
pub mod page;
mod polls;
mod refusal;
mod settle;
mod settled;

pub use answer::Answer;
pub use codes::{BadCode, Redemption};
pub use polls::{BadPoll, Heard, Ticket};
pub use refusal::Refusal;
pub use settled::{IssuedKey, Settled};

use crate::{
    config::{Config, Connect, LimitRules},
    guard::Guard,
    model::{Hash, UserId},
    store::Store,
    web::{Limit, LinkCors, Site, Throttle},
    world::{Clock, Entropy},
};
use axum::{Router, extract::FromRef, routing::get};
use std::{net::IpAddr, sync::Arc};

/// All a dialect needs: its verbs. What they touch is theirs.
#[derive(Clone, FromRef)]
pub struct Journey {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    site: Site,
    guard: Guard,
    settings: Arc<Connect>,
    limits: Arc<LimitRules>,
    throttles: Arc<Throttles>,
}

struct Throttles {
    begun: Throttle<IpAddr>,
    silent: Throttle<UserId>,
    redeemed: Throttle<IpAddr>,
    started: Throttle<IpAddr>,
    polled: Throttle<IpAddr>,
    poll: Throttle<Hash>,
    typed: Throttle<IpAddr>,
}

/// Requests an address may begin: far more than people do, far less than would fill a disk (row A24).
const BEGUN: Limit = Limit { most: 600, seconds: 60 };
/// Keys made without a page being shown.
const SILENT: Limit = Limit { most: 30, seconds: 60 };
/// Codes an address may try.
const REDEEMED: Limit = Limit { most: 600, seconds: 60 };
/// Terminals an address may start (contract).
const STARTED: Limit = Limit { most: 30, seconds: 60 };
/// Questions of all the terminals behind an address, and of one: they ask every two seconds.
const POLLED: Limit = Limit { most: 1200, seconds: 60 };
const POLL: Limit = Limit { most: 120, seconds: 60 };
/// User codes that an address may type, right ones too (row D6).
const TYPED: Limit = Limit { most: 30, seconds: 60 };

impl Journey {
    #[must_use]
    pub fn new(
        config: &Config,
        (store, clock, entropy): (Store, Clock, Entropy),
        site: Site,
        guard: Guard,
    ) -> Self {
        let throttles = Throttles {
            begun: Throttle::new(BEGUN, clock.clone()),
            silent: Throttle::new(SILENT, clock.clone()),
            redeemed: Throttle::new(REDEEMED, clock.clone()),
            started: Throttle::new(STARTED, clock.clone()),
            polled: Throttle::new(POLLED, clock.clone()),
            poll: Throttle::new(POLL, clock.clone()),
            typed: Throttle::new(TYPED, clock.clone()),
        };
        let settings = Arc::new(config.connect.clone());
        let (limits, throttles) = (Arc::new(config.limits.clone()), Arc::new(throttles));
        Self { store, clock, entropy, site, guard, settings, limits, throttles }
    }
}

/// The pages that all dialects share.
pub fn routes(cors: LinkCors) -> Router<Journey> {
    Router::new()
        .merge(dialects::shared_entries(cors.clone()))
        .merge(dialects::litellm_link::routes(cors))
        .merge(dialects::litellm_cli::routes())
        .merge(dialects::openrouter::routes())
        .merge(dialects::requesty::routes())
        .merge(dialects::glama::routes())
        .route("/connect/{handle}", get(page::get).post(page::start_again))
        .route("/connect/{handle}/leave", get(page::leave))
}
