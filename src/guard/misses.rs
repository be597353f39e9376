//! Secrets that nobody has: remembered, so that a repeat costs no read; and counted by address, so that a
//! stream of new ones does not become a stream of reads.
use super::Dead;
use crate::{
    model::{Hash, Timestamp},
    world::Clock,
};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// A secret cannot have been asked for before it was made, so a "no" can only grow stale by a restored
/// backup: a minute is short enough.
const REMEMBERED: i64 = 60;
const MOST_HASHES: usize = 65_536;
/// Unknown secrets an address may show in a minute before we stop looking.
const MOST_MISSES: u32 = 120;
const MOST_ADDRESSES: usize = 16_384;

pub(super) struct Misses {
    clock: Clock,
    hashes: Mutex<HashMap<Hash, Timestamp>>,
    addresses: Mutex<HashMap<IpAddr, (Timestamp, u32)>>,
}

impl Misses {
    pub(super) fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), hashes: Mutex::default(), addresses: Mutex::default() }
    }

    /// Whether the store may be asked about this secret.
    pub(super) fn may_ask(&self, hash: Hash, from: IpAddr) -> Result<(), Dead> {
        let now = self.clock.now();
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if hashes.get(&hash).is_some_and(|at| (now.0 - at.0).abs() < REMEMBERED) {
            return Err(Dead::Unknown);
        }
        drop(hashes);
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        match addresses.get(&from) {
            Some((began, count)) if (now.0 - began.0).abs() < 60 && *count >= MOST_MISSES => {
                Err(Dead::TooMany((began.0 + 60 - now.0).clamp(1, 60)))
            }
            _ => Ok(()),
        }
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
