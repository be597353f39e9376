//! One call in the books: begun before it leaves, ended exactly once, however it ends.
use super::{
    catalog::{Model, Upstream},
    meter::Meter,
    metrics::{Here, Metrics},
};
use crate::{
    model::{Key, Timestamp, Tokens},
    store::books::Slot,
};
use std::sync::Arc;

pub(super) struct Call {
    slot: Option<Slot>,
    who: Tokens,
    pub(super) meter: Meter,
    metrics: Metrics,
    upstream: Arc<Upstream>,
    /// Whoever stops waits for it, until its last byte has gone.
    _here: Here,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The caller hung up.
    Aborted,
    /// The upstream broke off, or said that it failed.
    Failed,
}

impl Call {
    pub(super) fn new(
        slot: Slot,
        key: &Key,
        model: &Model,
        at: Timestamp,
        (meter, metrics, here): (Meter, Metrics, Here),
    ) -> Self {
        let who = Tokens {
            key: key.id.clone(),
            user: key.user.clone(),
            app: key.app.clone().unwrap_or_default(),
            model: model.name.clone(),
            at,
            input: 0,
            output: 0,
            estimated: false,
            aborted: false,
            failed: false,
        };
        Self {
            slot: Some(slot),
            who,
            meter,
            metrics,
            upstream: model.upstream.clone(),
            _here: here,
        }
    }

    /// Books it; what comes later does not count.
    pub(super) fn end(&mut self, how: End) {
        let Some(slot) = self.slot.take() else { return };
        let counted = self.meter.counted(how == End::Whole);
        if how == End::Failed {
            self.metrics.upstream_failed(&self.upstream.name);
        }
        self.metrics.tokens(counted.input, counted.output);
        slot.book(Tokens {
            input: counted.input,
            output: counted.output,
            estimated: counted.estimated,
            aborted: how == End::Aborted,
            failed: how == End::Failed,
            ..self.who.clone()
        });
    }

    /// The upstream took no work: there is nothing to book.
    pub(super) fn release(mut self) {
        self.slot = None;
    }
}

impl Drop for Call {
    /// Nobody waits for it any more. Clients hang up as soon as the protocol's own end was said.
    fn drop(&mut self) {
        self.end(if self.meter.done || self.meter.finished { End::Whole } else { End::Aborted });
    }
}
