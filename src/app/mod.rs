//! Owns the parts and how they are put together: [`App`], the route table, and `serve`.
//!
//! Never here: a rule. A handler's signature lists what it touches; this is where it gets it.
mod health;
mod layers;
mod serve;

pub use serve::serve;

use crate::{
    alerts::Alerts,
    config::{Config, Keyring},
    connect::{self, Journey},
    console::{self, Console},
    guard::Guard,
    idp::Idps,
    manage::{self, Manage},
    model::Lifetime,
    proxy::{self, Metrics, Proxy},
    signin::{self, Setup, Signin},
    store::{self, Store, books::Books, sweep::Sweep},
    web::{LinkCors, Site},
    world::{Clock, Entropy, Outbound, Shutdown},
};
use anyhow::Context as _;
use axum::{Router, middleware, routing::get};
use health::Health;
use std::{sync::Arc, time::Duration};

/// Expired rows are looked for so often.
const SWEEP: Duration = Duration::from_mins(1);

/// Gatekey, put together and not yet listening.
pub struct App {
    router: Router,
    pub shutdown: Shutdown,
    books: Books,
    metrics: Metrics,
    drain: Duration,
    /// The path of the first account's link, while nobody can sign in.
    pub setup_path: Option<String>,
}

/// What an app is made of: a test turns the clock.
pub struct World {
    pub store: Store,
    pub clock: Clock,
    pub entropy: Entropy,
}

impl App {
    pub async fn new(config: &Config, world: World) -> anyhow::Result<Self> {
        let World { store, clock, entropy } = world;
        let keyring = Arc::new(config.server.keyring(entropy.draw()).context("server.secret")?);
        let (site, cors, outbound) = (Site::new(config), LinkCors::new(config), Outbound::new());
        let (shutdown, metrics) = (Shutdown::default(), Metrics::default());
        let queue = (config.server.usage_queue, config.server.journal.as_deref());
        let books = Books::open(store.clone(), &entropy, queue).await?;
        let idps = Idps::new(config, &outbound, &clock);
        signin::reconcile((&idps, &config.signin), (&store, &clock, &entropy)).await?;
        let parts = (store.clone(), clock.clone(), outbound.clone());
        let alerts = Alerts::open(config.alerts.as_ref(), parts, &shutdown);
        let parts = (store.clone(), books.clone(), alerts.clone());
        let (world, rules) =
            ((clock.clone(), entropy.clone()), (&config.server, config.limits.calendar.clone()));
        let guard = Guard::open(parts, world, rules, &shutdown).await?;
        let (setup, setup_path) =
            signin::offer_setup(config, &store, &clock, &entropy).await?.unzip();

        tokio::spawn(guard.clone().watch());
        tokio::spawn(sweep(store.clone(), clock.clone(), config.server.calls_kept));

        let shared = Shared { store, clock, entropy, site, guard, books: books.clone(), alerts };
        let own = Own { idps, keyring, setup, outbound, metrics: metrics.clone() };
        let router = shared.routes(config, own, cors, shutdown.clone());
        let drain = config.server.drain.to_std();
        Ok(Self { router, shutdown, books, metrics, drain, setup_path })
    }
}

/// What most rooms have a part of.
struct Shared {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    site: Site,
    guard: Guard,
    books: Books,
    alerts: Alerts,
}

/// What one room alone has.
struct Own {
    idps: Idps,
    keyring: Arc<Keyring>,
    setup: Option<Setup>,
    outbound: Outbound,
    metrics: Metrics,
}

impl Shared {
    /// Every URL of the house: each room's own, and one line for each.
    fn routes(self, config: &Config, own: Own, cors: LinkCors, shutdown: Shutdown) -> Router {
        let Self { store, clock, entropy, site, guard, books, alerts } = self;
        let Own { idps, keyring, setup, outbound, metrics } = own;
        let world = (store.clone(), clock.clone(), entropy.clone());
        let door = layers::Door::new(site.clone(), entropy, metrics.clone());
        let parts = signin::Parts {
            world: world.clone(),
            site: site.clone(),
            guard: guard.clone(),
            idps,
            keyring: keyring.clone(),
            setup,
        };
        let signin = Signin::new(config, parts);
        let journey = Journey::new(config, world.clone(), site.clone(), guard.clone());
        let known = manage::Known {
            keyring,
            rules: Arc::new(config.limits.clone()),
            models: served(config),
            domains: config.idps.iter().flat_map(|idp| idp.domains.clone()).collect(),
        };
        let manage = Manage::new(world.clone(), site.clone(), guard.clone(), books.clone(), known);
        let dialects = config.connect.dialects.clone().into();
        let console = Console::new(world, site.clone(), guard.clone(), (books.clone(), dialects));
        let of_calls = store.clone();
        let health = Health {
            store,
            site: site.clone(),
            guard: guard.clone(),
            books: books.clone(),
            alerts: alerts.clone(),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
            metrics_from: config.server.metrics_from.clone().into(),
        };
        let site_too = site.clone();
        let parts = proxy::Parts {
            store: of_calls,
            alerts,
            guard,
            site,
            clock,
            books,
            outbound,
            shutdown,
            metrics,
        };
        let proxy = Proxy::new(config, parts);
        Router::new()
            .merge(signin::routes(cors.clone()).with_state(signin))
            .merge(connect::routes(cors).with_state(journey))
            .merge(manage::routes().with_state(manage))
            .merge(console::routes().with_state(console))
            .merge(proxy::routes().with_state(proxy))
            .merge(health::routes().with_state(health))
            .fallback(proxy::lost)
            .method_not_allowed_fallback(proxy::wrong_method)
            .with_state(site_too)
            .layer(middleware::from_fn_with_state(door, layers::door))
    }
}

fn served(config: &Config) -> Arc<[manage::Served]> {
    let served = config.models.iter().filter_map(|model| {
        let upstream = config.upstreams.iter().find(|known| known.name == model.upstream)?;
        let priced = model.facts.price != crate::model::Price::default();
        Some(manage::Served {
            name: model.name.clone(),
            groups: model.groups.clone(),
            kind: upstream.kind,
            priced,
        })
    });
    served.collect()
}

/// Takes expired rows away, a few at a time, as long as the server runs.
async fn sweep(store: Store, clock: Clock, calls_kept: Lifetime) {
    loop {
        tokio::time::sleep(SWEEP).await;
        loop {
            match store.write(Sweep { at: clock.now(), calls_kept }).await {
                Ok(swept) if swept >= 500 => tokio::task::yield_now().await,
                // Down: readiness says so already.
                Ok(_) | Err(store::Error::Unavailable(_)) => break,
                Err(error) => {
                    tracing::error!(%error, "expired rows could not be taken away");
                    break;
                }
            }
        }
    }
}

/// A page of its own for what is alive.
fn alive() -> axum::routing::MethodRouter<Health> {
    get(async || axum::Json("I'm alive!"))
}
