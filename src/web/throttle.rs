//! How often somebody may do something: counted in windows of a minute, in memory, bounded.
use crate::{model::Timestamp, world::Clock};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// As many in a window of so many seconds.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub most: u32,
    pub seconds: i64,
}

#[derive(Clone)]
pub struct Throttle<K> {
    limit: Limit,
    clock: Clock,
    windows: Arc<Mutex<Windows<K>>>,
}

struct Windows<K> {
    open: HashMap<K, Window>,
    /// When those that are over were last taken away: not again in the same second.
    swept: Timestamp,
}

struct Window {
    ends: Timestamp,
    count: u32,
}

/// More names than this in one window are an attack, and share what is left.
const NAMES: usize = 65_536;

impl<K: Hash + Eq> Throttle<K> {
    #[must_use]
    pub fn new(limit: Limit, clock: Clock) -> Self {
        let windows = Windows { open: HashMap::new(), swept: Timestamp(0) };
        Self { limit, clock, windows: Arc::new(Mutex::new(windows)) }
    }

    /// Counts one. `Err`: it is too much, and may be tried again after so many seconds.
    pub fn count(&self, name: K) -> Result<(), i64> {
        let now = self.clock.now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.open.len() >= NAMES && !windows.open.contains_key(&name) {
            if windows.swept != now {
                windows.open.retain(|_, window| now < window.ends);
                windows.swept = now;
            }
            if windows.open.len() >= NAMES {
                return Err(self.limit.seconds);
            }
        }
        let fresh = || Window { ends: now.plus(self.limit.seconds), count: 0 };
        let window = windows.open.entry(name).or_insert_with(fresh);
        // Too far ahead: the clock was set back.
        if now >= window.ends || window.ends.0 - now.0 > self.limit.seconds {
            *window = fresh();
        }
        window.count = window.count.saturating_add(1);
        if window.count > self.limit.most { Err((window.ends.0 - now.0).max(1)) } else { Ok(()) }
    }

    /// Whether one more would be too much; counts nothing.
    pub fn would(&self, name: &K) -> Result<(), i64> {
        let now = self.clock.now();
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        match windows.open.get(name) {
            Some(window) if now < window.ends && window.count >= self.limit.most => {
                Err((window.ends.0 - now.0).clamp(1, self.limit.seconds))
            }
            // A new name that could not be counted is not let through either.
            None if windows.open.len() >= NAMES && windows.swept == now => Err(self.limit.seconds),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[test]
    fn a_window_is_full_and_then_over() {
        let now = Arc::new(AtomicI64::new(1000));
        let hands = now.clone();
        let clock = Clock::new(move || Timestamp(hands.load(Ordering::SeqCst)));
        let throttle = Throttle::new(Limit { most: 2, seconds: 60 }, clock);
        assert_eq!([throttle.count("a"), throttle.count("a")], [Ok(()), Ok(())]);
        now.store(1010, Ordering::SeqCst);
        assert_eq!((throttle.count("a"), throttle.count("b")), (Err(50), Ok(())));
        now.store(1060, Ordering::SeqCst);
        assert_eq!(throttle.count("a"), Ok(()));
        now.store(10, Ordering::SeqCst);
        assert_eq!(throttle.count("a"), Ok(()), "a clock set back locks nobody out");
    }

    #[test]
    fn o2_names_are_bounded() {
        let clock = Clock::new(|| Timestamp(0));
        let throttle = Throttle::new(Limit { most: 1, seconds: 60 }, clock);
        let refused = (0..100_000).filter(|name| throttle.count(*name).is_err()).count();
        assert_eq!(refused, 100_000 - NAMES);
    }
}
