//! Secrets that nobody has: remembered, so that a repeat costs no read; and counted by address, so that a
//! stream of new ones becomes a trickle of reads. Nobody is refused for it: a live key may come from the same
//! address, and a dead one is always 401 (field report K12).
use crate::{
    model::{Hash, Timestamp},
    world::Clock,
};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A secret cannot have been asked for before it was made, so a "no" can only grow stale by a restored
/// backup: a minute is short enough.
const REMEMBERED: i64 = 60;
const MOST_HASHES: usize = 65_536;
/// Unknown secrets an address may show in a minute before its next ones wait in the slow lane.
const MOST_MISSES: u32 = 120;
/// Reads at once in that lane, of all such addresses together.
const SLOW_LANE: usize = 2;
const MOST_ADDRESSES: usize = 16_384;

pub(super) struct Misses {
    clock: Clock,
    hashes: Mutex<HashMap<Hash, Timestamp>>,
    addresses: Mutex<HashMap<IpAddr, (Timestamp, u32)>>,
    slow_lane: Semaphore,
}

impl Misses {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            hashes: Mutex::default(),
            addresses: Mutex::default(),
            slow_lane: Semaphore::new(SLOW_LANE),
        }
    }

    /// Whether nobody had this secret a moment ago.
    pub(super) fn knows(&self, hash: &Hash) -> bool {
        let now = self.clock.now();
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.get(hash).is_some_and(|at| (now.0 - at.0).abs() < REMEMBERED)
    }

    /// The turn to ask the store. An address that showed many unknown secrets waits for it.
    pub(super) async fn turn(&self, from: IpAddr) -> Option<SemaphorePermit<'_>> {
        if self.is_suspect(from) { self.slow_lane.acquire().await.ok() } else { None }
    }

    fn is_suspect(&self, from: IpAddr) -> bool {
        let now = self.clock.now();
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses
            .get(&from)
            .is_some_and(|(began, count)| (now.0 - began.0).abs() < 60 && *count >= MOST_MISSES)
    }

    pub(super) fn remember(&self, hash: Hash, from: IpAddr) {
        let now = self.clock.now();
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if hashes.len() >= MOST_HASHES {
            hashes.clear();
        }
        hashes.insert(hash, now);
        drop(hashes);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= MOST_ADDRESSES {
            addresses.clear();
        }
        let window = addresses.entry(from).or_insert((now, 0));
        if (now.0 - window.0.0).abs() >= 60 {
            *window = (now, 0);
        }
        window.1 = window.1.saturating_add(1);
    }
}
