//! Owns the answer to one question: is this key live, and whose is it?
//!
//! A secret is hashed, and the whole hash looked up in memory; what is not there is read from the store once.
//! Changes come by [`Guard::catch_up`], called after each change of ours and four times a second for those of
//! others. Never here: what a key may do. That is the caller's of this module.
mod bound;
mod caller;
mod crossed;
mod key_header;
mod leash;
mod ledgers;
mod misses;
mod table;

pub use caller::{Caller, NoCaller, PresentedKey};
pub(crate) use key_header::KEY_HEADERS;
pub use leash::Leash;
pub use ledgers::{Account, Accounts, Refused, Reservation, Told, Whose};

use crate::{
    alerts::Alerts,
    config::{Secret, Server},
    model::{AccessKey, Alert, AlertKind, Calendar, Hash, Key, KeyState, Lifetime, Timestamp},
    store::{
        self, Store,
        audit::{Act, Note},
        books::Books,
        changes::{Change, ChangesAfter, LastChange},
        keys::{KeyByHash, Presented},
    },
    world::{Clock, Entropy, Shutdown},
};
use serde_json::json;
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use table::{Entry, Table};
use tokio_util::sync::CancellationToken;

/// How often others' changes are looked for; a revocation counts everywhere within a second.
const LOOK: Duration = Duration::from_millis(250);
/// A key's last use is noted at most so often by calls that book nothing.
const TOUCH: i64 = 60;

#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    books: Books,
    alerts: Alerts,
    grace: Lifetime,
    master: Option<Secret>,
    table: Table,
    misses: misses::Misses,
    /// The last change that was applied here.
    seen: tokio::sync::Mutex<i64>,
    /// When the feed of changes was last read to its end.
    current_at: AtomicI64,
    /// Counts applied batches: an entry read before one must not be kept after it.
    generation: AtomicU64,
    leashes: leash::Leashes,
    ledgers: ledgers::Ledgers,
    revoke_grace: Lifetime,
    /// The server cuts all calls.
    cut: CancellationToken,
}

/// Why a key does not count.
#[derive(Debug)]
pub enum Dead {
    /// It manages, and is nobody's: no call can be booked to it.
    Master,
    /// Never ours, or ended: nobody learns which (K42).
    Unknown,
    Expired,
    Blocked,
    Trouble(store::Error),
}

impl Guard {
    pub async fn open(
        (store, books, alerts): (Store, Books, Alerts),
        (clock, entropy): (Clock, Entropy),
        (server, calendar): (&Server, Calendar),
        shutdown: &Shutdown,
    ) -> Result<Self, store::Error> {
        let seen = store.read(LastChange).await?;
        let inner = Inner {
            table: Table::new(),
            ledgers: ledgers::Ledgers::new(store.clone(), books.clone(), calendar, alerts.clone()),
            misses: misses::Misses::new(&clock),
            seen: tokio::sync::Mutex::new(seen),
            current_at: AtomicI64::new(clock.now().0),
            generation: AtomicU64::new(0),
            store,
            clock,
            entropy,
            books,
            alerts,
            grace: server.database_grace,
            master: server.master_key.clone(),
            leashes: leash::Leashes::default(),
            revoke_grace: server.revoke_grace,
            cut: shutdown.cut.clone(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Looks for others' changes as long as the server runs.
    pub async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.catch_up().await {
                tracing::warn!(%error, "changes of keys cannot be read; keys in memory still count for a while");
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Forgets what has changed. After a change of ours: before it is answered.
    pub async fn catch_up(&self) -> Result<(), store::Error> {
        let inner = &self.0;
        let mut seen = inner.seen.lock().await;
        let began = inner.clock.now();
        loop {
            let changes = inner.store.read(ChangesAfter { seq: *seen }).await?;
            // Swept before we read them, as after a long sleep: then nothing in memory is sure.
            let first = changes.first().map(|(first, _)| *first);
            let gap = match first {
                Some(first) => first != *seen + 1,
                None => inner.store.read(LastChange).await? != *seen,
            };
            if gap {
                inner.generation.fetch_add(1, Ordering::SeqCst);
                inner.ledgers.distrust();
                self.look_after(inner.table.forget(&Change::All));
                if first.is_none() {
                    *seen = inner.store.read(LastChange).await?;
                }
            }
            if let Some((last, _)) = changes.last() {
                // First the number, then the entries: whoever inserts between the two sees the number.
                inner.generation.fetch_add(1, Ordering::SeqCst);
                if changes.iter().any(|(_, change)| *change == Change::Books) {
                    inner.ledgers.distrust();
                }
                for (_, change) in &changes {
                    self.look_after(inner.table.forget(change));
                }
                *seen = *last;
            }
            if changes.len() < ChangesAfter::MOST {
                break;
            }
        }
        inner.current_at.store(began.0, Ordering::SeqCst);
        Ok(())
    }

    /// The key behind a secret, if it counts now.
    pub async fn judge(
        &self,
        secret: &AccessKey,
        from: IpAddr,
    ) -> Result<(Arc<Key>, Arc<Leash>, Accounts), Dead> {
        if self.is_master(secret) {
            return Err(Dead::Master);
        }
        let (hash, now) = (secret.hash(), self.0.clock.now());
        let entry = match self.0.table.get(&hash).filter(|_| self.is_current(now)) {
            Some(entry) => entry,
            None => self.look_up(hash, from, now).await?,
        };
        match entry.key.state(now) {
            KeyState::Live => {
                if entry.touched.fetch_max(now.0, Ordering::Relaxed) + TOUCH <= now.0 {
                    self.0.books.touch(entry.key.id.clone(), now);
                }
                Ok((entry.key.clone(), entry.leash.clone(), entry.accounts.clone()))
            }
            KeyState::Expired => Err(Dead::Expired),
            KeyState::Blocked => Err(Dead::Blocked),
        }
    }

    /// Whether a secret is `server.master_key`.
    #[must_use]
    pub fn is_master(&self, secret: &AccessKey) -> bool {
        self.0.master.as_ref().is_some_and(|master| master.is(secret.expose()))
    }

    /// While the feed cannot be read, memory counts for `server.database_grace` and no longer.
    fn is_current(&self, now: Timestamp) -> bool {
        now.0 - self.0.current_at.load(Ordering::SeqCst) <= self.0.grace.seconds()
    }

    async fn look_up(&self, hash: Hash, from: IpAddr, now: Timestamp) -> Result<Arc<Entry>, Dead> {
        let inner = &self.0;
        if inner.misses.knows(&hash) {
            return Err(Dead::Unknown);
        }
        let _turn = inner.misses.turn(from).await;
        // What was read before a change that has been applied since is read again.
        for _ in 0..20 {
            let generation = inner.generation.load(Ordering::SeqCst);
            let read =
                inner.store.read(KeyByHash { hash, at: now }).await.map_err(Dead::Trouble)?;
            let Presented::Key(key) = read else {
                return Err(self.no_key(read, hash, from, now).await);
            };
            let accounts = inner.ledgers.of(&key, now).await.map_err(Dead::Trouble)?;
            let entry = Arc::new(Entry::new(*key, inner.leashes.of(&hash), accounts));
            inner.table.insert(hash, entry.clone());
            if inner.generation.load(Ordering::SeqCst) == generation {
                return Ok(entry);
            }
            inner.table.remove(&hash);
        }
        Err(Dead::Trouble(store::Error::Unavailable("keys change too fast to be read".into())))
    }

    /// A secret that is no key's, or no longer.
    async fn no_key(&self, read: Presented, hash: Hash, from: IpAddr, now: Timestamp) -> Dead {
        let inner = &self.0;
        match read {
            Presented::Ended { id, user, app } => {
                inner.misses.remember(hash, from);
                let act = Act {
                    id: Hash(inner.entropy.draw()),
                    at: now,
                    actor: user.to_string(),
                    address: Some(from.to_string()),
                };
                let entry = act.entry("key.used_after_end", &id).of_user(&user);
                let entry = entry.of_app(app.as_deref());
                tracing::warn!(key = %entry.subject, address = %from, "an ended key was used");
                inner.alerts.raise(Alert {
                    kind: AlertKind::RevokedKeyUsed,
                    once: format!("revoked {id} {}", now.day()),
                    at: now,
                    data: json!({"key_id": id, "user_id": user, "app": app, "address": from}),
                });
                if let Err(error) = inner.store.write(Note(entry)).await {
                    tracing::error!(%error, "the use of an ended key could not be noted");
                }
            }
            Presented::Key(_) | Presented::Unknown => inner.misses.remember(hash, from),
        }
        Dead::Unknown
    }

    /// Everybody whose limits these are, for a look at them; nobody for what is gone.
    pub async fn accounts(&self, whose: &Whose) -> Result<Accounts, store::Error> {
        let inner = &self.0;
        // As in `look_up`: no limits are kept that were read before a change and not after it.
        for _ in 0..20 {
            let generation = inner.generation.load(Ordering::SeqCst);
            let accounts = inner.ledgers.of_whom(whose, inner.clock.now()).await?;
            if inner.generation.load(Ordering::SeqCst) == generation {
                return Ok(accounts);
            }
        }
        Ok(Accounts::default())
    }

    /// How many keys are in memory.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.0.table.len()
    }
}
