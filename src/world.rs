//! The only doors to time, chance and other servers. Values, not traits: a test turns the clock by hand.
mod outbound;
mod shutdown;

pub use outbound::{Outbound, Outgoing, Trouble};
pub use shutdown::Shutdown;

use crate::model::Timestamp;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

#[derive(Clone)]
pub struct Entropy(Arc<dyn Fn() -> [u8; 32] + Send + Sync>);

impl Clock {
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            #[expect(clippy::disallowed_methods, reason = "this is the door")]
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
        })
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Entropy {
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(|| {
            let mut bytes = [0; 32];
            #[expect(clippy::disallowed_methods, reason = "this is the door")]
            getrandom::fill(&mut bytes).expect("without chance no secret may be made");
            bytes
        }))
    }

    #[must_use]
    pub fn draw(&self) -> [u8; 32] {
        (self.0)()
    }
}
