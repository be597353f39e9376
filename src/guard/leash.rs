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

/// Of keys that were forgotten while calls of theirs ran: who reads such a key anew holds the same leash.
#[derive(Default)]
pub(super) struct Leashes(Mutex<HashMap<Hash, Weak<Leash>>>);

impl Leashes {
    pub(super) fn of(&self, hash: &Hash) -> Arc<Leash> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(hash).and_then(Weak::upgrade).unwrap_or_default()
    }

    fn keep(&self, hash: Hash, leash: &Arc<Leash>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, leash| leash.strong_count() > 0);
        kept.insert(hash, Arc::downgrade(leash));
    }
}

impl Guard {
    /// Looks after the calls of keys that memory has let go.
    pub(super) fn look_after(&self, forgotten: Vec<(Hash, Arc<Entry>)>) {
        for (hash, entry) in forgotten {
            // Whoever is just admitted holds the entry or the leash.
            if Arc::strong_count(&entry) > 1 || Arc::strong_count(&entry.leash) > 1 {
                self.0.leashes.keep(hash, &entry.leash);
                tokio::spawn(self.clone().cut_if_dead(hash, entry.leash.clone()));
            }
        }
    }

    async fn cut_if_dead(self, hash: Hash, leash: Arc<Leash>) {
        loop {
            match self.0.store.read(KeyByHash(hash)).await {
                Ok(Presented::Key(key)) if key.state(self.0.clock.now()) != KeyState::Blocked => {
                    return;
                }
                Ok(_) => break,
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
        // What another server changed is seen some time later; the grace is counted from the change.
        let grace = Duration::from_secs(self.0.revoke_grace.seconds().unsigned_abs());
        tokio::time::sleep(grace.saturating_sub(2 * LOOK)).await;
        tracing::info!("a key stopped counting: its running calls are cut");
        leash.end(&self.0.cut).cancel();
    }
}
