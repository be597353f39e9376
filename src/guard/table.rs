//! Keys in memory, by the whole hash of their secret (advisory CVE-2026-35030: never by a part of it).
use super::{Accounts, Leash};
use crate::{
    model::{App, Hash, Key},
    store::changes::Change,
};
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::AtomicI64},
};

const SHARDS: usize = 64;
/// So many keys stay in memory; of more, some are read again when they come.
const MOST: usize = 2_000_000;

pub(super) struct Entry {
    pub(super) key: Arc<Key>,
    /// When its use was last noted.
    pub(super) touched: AtomicI64,
    pub(super) leash: Arc<Leash>,
    pub(super) accounts: Accounts,
}

impl Entry {
    pub(super) fn new(key: Key, leash: Arc<Leash>, accounts: Accounts) -> Self {
        let touched = key.last_used_at.map_or(0, |at| at.0);
        Self { key: Arc::new(key), touched: AtomicI64::new(touched), leash, accounts }
    }
}

/// SHA-256 is as good as any hash of it: its first bytes are the hash.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(head) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*head);
        }
    }
}

type Map = HashMap<Hash, Arc<Entry>, BuildHasherDefault<FirstBytes>>;

pub(super) struct Table([RwLock<Map>; SHARDS]);

impl Table {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| RwLock::default()))
    }

    pub(super) fn get(&self, hash: &Hash) -> Option<Arc<Entry>> {
        self.read(hash).get(hash).cloned()
    }

    pub(super) fn insert(&self, hash: Hash, entry: Arc<Entry>) {
        let mut shard = self.write(&hash);
        if shard.len() >= MOST / SHARDS {
            let some: Vec<_> = shard.keys().take(MOST / SHARDS / 16).copied().collect();
            for old in some {
                shard.remove(&old);
            }
        }
        shard.insert(hash, entry);
    }

    pub(super) fn remove(&self, hash: &Hash) {
        self.write(hash).remove(hash);
    }

    /// A walk through all of it: changes are rare, calls are not. What is forgotten comes back.
    pub(super) fn forget(&self, change: &Change) -> Vec<(Hash, Arc<Entry>)> {
        let fits = |key: &Key| match change {
            Change::Key(id) => key.id == *id,
            Change::User(user) => key.user == *user,
            Change::Team(team) => key.team.as_ref().is_some_and(|t| t.id == *team),
            Change::App(app) => key.app.as_deref().map(App::rule_of).as_ref() == Some(app),
            Change::Budget(id) => key.budget.as_ref().is_some_and(|budget| budget.id == *id),
            Change::Books | Change::All => true,
        };
        let mut forgotten = Vec::new();
        for shard in &self.0 {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            forgotten.extend(shard.extract_if(|_, entry| fits(&entry.key)));
        }
        forgotten
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|s| s.read().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    fn read(&self, hash: &Hash) -> RwLockReadGuard<'_, Map> {
        self.shard(hash).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, hash: &Hash) -> RwLockWriteGuard<'_, Map> {
        self.shard(hash).write().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, hash: &Hash) -> &RwLock<Map> {
        &self.0[usize::from(hash.0[31]) % SHARDS]
    }
}
