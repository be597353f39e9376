//! One call in the books: begun before it leaves, ended exactly once, however it ends.
use super::{
    catalog::{Model, Upstream},
    meter::Meter,
    metrics::{Here, Metrics},
};
use crate::{
    guard::Reservation,
    model::{Charge, Key, Labels, NanoDollars, Tariff, Tokens, Units},
    store::books::Slot,
    web::RequestId,
    world::Clock,
};
use std::sync::Arc;
use tokio::time::Instant;

pub(super) struct Call {
    slot: Option<Slot>,
    /// Given back when this goes without having been booked.
    reservation: Reservation,
    /// What is known of it before it ends; with the slot it goes.
    charge: Option<Charge>,
    tariff: Arc<Tariff>,
    clock: Clock,
    pub(super) meter: Meter,
    metrics: Metrics,
    upstream: Arc<Upstream>,
    /// Whoever stops waits for it, until its last byte has gone.
    here: Here,
    has_answer: bool,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The caller hung up.
    Aborted,
    /// The upstream broke off, or said that it failed.
    Failed,
    /// We cut it: the key or the server has come to its end.
    Cut,
}

impl Call {
    pub(super) fn new(
        (slot, reservation): (Slot, Reservation),
        key: &Key,
        model: &Model,
        clock: Clock,
        (meter, labels, metrics, here): (Meter, Labels, Metrics, Here),
    ) -> Self {
        let request = RequestId::current();
        let charge = Charge {
            at: clock.now(),
            request: request.map(|id| id.as_str().to_owned()).unwrap_or_default(),
            key: key.id.clone(),
            user: key.user.clone(),
            team: key.team.as_ref().map(|team| team.id.clone()),
            app: key.app.clone().unwrap_or_default(),
            model: model.name.clone(),
            route: meter.wire.route.path().to_owned(),
            tokens: Tokens::default(),
            units: Units::default(),
            cost: None,
            price: model.tariff.version.clone(),
            estimated: false,
            aborted: false,
            failed: false,
            ledgers: Vec::new(),
            labels,
            answer: None,
        };
        Self {
            slot: Some(slot),
            reservation,
            charge: Some(charge),
            tariff: model.tariff.clone(),
            clock,
            meter,
            metrics,
            upstream: model.upstream.clone(),
            here,
            has_answer: false,
        }
    }

    /// What an answer costs that is here as a whole, if it says what it used and that has a price.
    pub(super) fn cost_of(&self, json: &[u8]) -> Option<NanoDollars> {
        self.tariff.price.of(&self.meter.said_by(json)?)
    }

    /// The upstream, asked at that moment, has begun to answer.
    pub(super) fn answered(&mut self, asked: Instant) {
        self.has_answer = true;
        self.metrics.began_to_answer(&self.here, asked);
    }

    /// Books it; what comes later does not count.
    pub(super) fn end(&mut self, how: End) {
        if self.slot.is_none() || !(self.has_answer || self.meter.asked.has_left()) {
            // Half a question is nothing that anybody bills.
            self.slot = None;
            return;
        }
        let counted = self.meter.counted(how == End::Whole);
        let (Some(slot), Some(charge)) = (self.slot.take(), self.charge.take()) else { return };
        match how {
            End::Whole => self.upstream.answered(),
            End::Failed => {
                self.metrics.upstream_failed(&self.upstream.name);
                self.upstream.failed(self.clock.now());
            }
            End::Aborted | End::Cut => {}
        }
        let (tokens, cost) = (counted.amount.tokens, self.tariff.price.of(&counted.amount));
        let now = self.clock.now();
        let used = (cost.unwrap_or_default(), tokens.input.saturating_add(tokens.output));
        let ledgers = self.reservation.settle(now, used);
        self.metrics.booked(&tokens, cost);
        let answer = self.meter.answer.take().filter(|_| self.meter.asked.keeps_answer);
        slot.book(Charge {
            at: now,
            ledgers,
            tokens,
            units: counted.amount.units,
            answer: answer.map(|id| (self.upstream.name.clone(), id)),
            cost,
            estimated: counted.estimated,
            aborted: how == End::Aborted,
            failed: matches!(how, End::Failed | End::Cut),
            ..charge
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
        let whole = self.meter.done || self.meter.finished;
        self.end(match (self.meter.failed, whole) {
            (true, _) => End::Failed,
            (false, true) => End::Whole,
            (false, false) => End::Aborted,
        });
    }
}
