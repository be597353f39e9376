//! Calls that run. What was admitted is not asked again; so when a key stops counting, the calls that it began
//! are cut, within `server.revoke_grace`.
use super::{Entry, Guard, LOOK};
use crate::{
    model::{Hash, KeyState},
    store::keys::{KeyByHash, Presented},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Shared by a key in memory and its calls.
#[derive(Default)]
pub struct Leash(OnceLock<CancellationToken>);

impl Leash {
    /// Cancelled when the calls must end: with the server, or with the key.
    #[must_use]
    pub fn end(&self, with: &CancellationToken) -> CancellationToken {
        self.0.get_or_init(|| with.child_token()).clone()
    }
}

/// One leash for each key that is in memory or in use: whoever reads a key anew, or at the same time, holds the
/// same one.
#[derive(Default)]
pub(super) struct Leashes(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    leashes: HashMap<Hash, Weak<Leash>>,
    /// When it has grown so far, those that nobody holds go.
    full: usize,
}

impl Leashes {
    pub(super) fn of(&self, hash: &Hash) -> Arc<Leash> {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leash) = registry.leashes.get(hash).and_then(Weak::upgrade) {
            return leash;
        }
        if registry.leashes.len() >= registry.full {
            registry.leashes.retain(|_, leash| leash.strong_count() > 0);
            registry.full = (registry.leashes.len() * 2).max(1024);
        }
        let leash = Arc::<Leash>::default();
        registry.leashes.insert(*hash, Arc::downgrade(&leash));
        leash
    }

    /// A leash that was pulled holds nobody who comes later.
    fn drop(&self, hash: &Hash) {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        registry.leashes.remove(hash);
    }
}

impl Guard {
    /// Looks after the calls of keys that memory has let go.
    pub(super) fn look_after(&self, forgotten: Vec<(Hash, Arc<Entry>)>) {
        for (hash, entry) in forgotten {
            // Whoever is just admitted holds the entry or the leash.
            if Arc::strong_count(&entry) > 1 || Arc::strong_count(&entry.leash) > 1 {
                tokio::spawn(self.clone().cut_if_dead(hash, entry.leash.clone()));
            }
        }
    }

    async fn cut_if_dead(self, hash: Hash, leash: Arc<Leash>) {
        if self.counts(hash).await {
            return;
        }
        // What another server changed is seen some time later; the grace is counted from the change.
        let grace = Duration::from_secs(self.0.revoke_grace.seconds().unsigned_abs());
        tokio::time::sleep(grace.saturating_sub(2 * LOOK)).await;
        // It may count again by now.
        if self.counts(hash).await {
            return;
        }
        self.0.leashes.drop(&hash);
        self.0.table.remove(&hash);
        tracing::info!("a key stopped counting: its running calls are cut");
        leash.end(&self.0.cut).cancel();
    }

    /// As the database says, however long it takes to say so.
    async fn counts(&self, hash: Hash) -> bool {
        loop {
            match self.0.store.read(KeyByHash { hash, at: self.0.clock.now() }).await {
                Ok(Presented::Key(key)) => {
                    return key.state(self.0.clock.now()) != KeyState::Blocked;
                }
                Ok(_) => return false,
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }
}
