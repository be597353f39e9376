//! Owns what operators are told while calls go on: news is raised without waiting, kept in the database, and sent by
//! webhook until it has arrived. Never here: what is news. That is for who raises it.
mod send;
mod sign;

pub use send::{Outcome, send};

use crate::{
    config,
    model::Alert,
    store::{Store, alerts::AddAlert},
    world::{Clock, Outbound, Shutdown},
};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, mpsc};

/// News on its way into the database; more at once is a flood, and is only logged.
const QUEUE: usize = 1_000;
/// So many are remembered as raised; past it they are looked for in the database again.
const MANY: usize = 10_000;
const PAUSE: Duration = Duration::from_secs(1);

/// Raises news. Without `[alerts]` it does nothing.
#[derive(Clone, Default)]
pub struct Alerts(Option<Arc<Inner>>);

struct Inner {
    queue: mpsc::Sender<Alert>,
    at: Vec<i64>,
    raised: Mutex<HashSet<String>>,
    counts: Counts,
}

/// For `/metrics`.
#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
    waiting: AtomicU64,
}

/// Attempts that arrived and that failed, alerts that were given up, and those that wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub sent: u64,
    pub failed: u64,
    pub given_up: u64,
    pub waiting: u64,
}

impl Alerts {
    /// Begins to send what is raised, and what was not sent before the last stop.
    pub fn open(
        config: Option<&config::Alerts>,
        (store, clock, outbound): (Store, Clock, Outbound),
        shutdown: &Shutdown,
    ) -> Self {
        let Some(config) = config.cloned() else { return Self(None) };
        let (queue, raised) = mpsc::channel(QUEUE);
        let inner = Arc::new(Inner {
            queue,
            at: config.at.clone(),
            raised: Mutex::default(),
            counts: Counts::default(),
        });
        let new = Arc::new(Notify::new());
        tokio::spawn(keep(store.clone(), raised, new.clone()));
        let sender = send::Sender { config, store, clock, outbound, of: Arc::downgrade(&inner) };
        tokio::spawn(sender.run(new, shutdown.closing.clone()));
        Self(Some(inner))
    }

    /// Shares of a budget that are news, in percent, the lowest first.
    #[must_use]
    pub fn shares(&self) -> &[i64] {
        self.0.as_ref().map_or(&[], |inner| &inner.at)
    }

    /// Never waits. What was raised before is not raised again.
    pub fn raise(&self, alert: Alert) {
        let Some(inner) = &self.0 else { return };
        let mut raised = inner.raised.lock().unwrap_or_else(PoisonError::into_inner);
        if raised.contains(&alert.once) {
            return;
        }
        if raised.len() >= MANY {
            raised.clear();
        }
        let (once, kind) = (alert.once.clone(), alert.kind.name());
        if inner.queue.try_send(alert).is_ok() {
            raised.insert(once);
        } else {
            tracing::error!(kind, once, "an alert could not be kept: too many at once");
        }
    }

    #[must_use]
    pub fn figures(&self) -> Figures {
        let Some(inner) = &self.0 else { return Figures::default() };
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &inner.counts;
        Figures {
            sent: of(&counts.sent),
            failed: of(&counts.failed),
            given_up: of(&counts.given_up),
            waiting: of(&counts.waiting),
        }
    }
}

/// Writes news until it stands. Ends when nobody can raise any more.
async fn keep(store: Store, mut raised: mpsc::Receiver<Alert>, new: Arc<Notify>) {
    while let Some(alert) = raised.recv().await {
        while let Err(error) = store.write(AddAlert(alert.clone())).await {
            tracing::error!(%error, "an alert could not be written; trying again");
            tokio::time::sleep(PAUSE).await;
        }
        new.notify_one();
    }
}
