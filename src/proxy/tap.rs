//! The body that goes to the caller: the upstream's, as it comes, with a meter at its side.
use super::{
    call::{Call, End},
    catalog::Upstream,
    mask::Mask,
    meter::{Event, Meter},
    refusal::Dialect,
    sse,
    upstream::UpstreamBody,
    wire::Wire,
};
use crate::guard::Leash;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

pub(super) struct Tap {
    /// `None` once it has ended.
    upstream: Option<UpstreamBody>,
    /// What was read before the answer began, and each frame on its way.
    first: Option<Bytes>,
    /// The provider's key must not get into the answer.
    mask: Mask,
    call: Call,
    kind: Kind,
    wire: Wire,
    keepalive: Duration,
    silent: Pin<Box<Sleep>>,
    end: CancellationToken,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    stopping: CancellationToken,
    /// As long as it is held, the guard looks after this call.
    _leash: Arc<Leash>,
}

/// What ends an answer before its end.
pub(super) struct Cut {
    /// The key's end, or the server's.
    pub(super) end: CancellationToken,
    pub(super) leash: Arc<Leash>,
    /// The server's.
    pub(super) stopping: CancellationToken,
}

/// How the bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Untouched; nothing can be added.
    Opaque,
    /// Untouched; a stream of events, to which an error or a comment can be added.
    Events,
    /// The same, event by event: without members that are null where the caller's protocol has none, and without
    /// usage, unless the caller asked for it.
    Edited { with_usage: bool },
}

impl Kind {
    /// `inject`: usage was asked for where the caller did not.
    pub(super) fn of(events: bool, inject: bool, wire: Wire) -> Self {
        match (events, inject) {
            (false, _) => Self::Opaque,
            (true, true) => Self::Edited { with_usage: false },
            (true, false) if wire.dialect == Dialect::OpenRouter => {
                Self::Edited { with_usage: true }
            }
            (true, false) => Self::Events,
        }
    }

    fn is_edited(self) -> bool {
        matches!(self, Self::Edited { .. })
    }
}

/// A JSON answer broke off: the connection must break off too, or it would look whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub(super) struct Broken;

impl Tap {
    pub(super) fn new(
        (upstream, of): (UpstreamBody, Arc<Upstream>),
        first: Bytes,
        call: Call,
        (kind, wire): (Kind, Wire),
        (keepalive, cut): (Duration, Cut),
    ) -> Self {
        // Nothing can be said in a silent JSON answer: it is given up.
        let keepalive = if kind == Kind::Opaque { of.timeout } else { keepalive };
        Self {
            upstream: Some(upstream),
            first: Some(first).filter(|first| !first.is_empty()),
            mask: Mask::new(of),
            call,
            kind,
            wire,
            keepalive,
            silent: Box::pin(tokio::time::sleep(keepalive)),
            cut: Box::pin(cut.end.clone().cancelled_owned()),
            end: cut.end,
            stopping: cut.stopping,
            _leash: cut.leash,
        }
    }

    /// What the caller gets of these bytes. Empty: nothing.
    fn pass(&mut self, bytes: Bytes) -> Bytes {
        let bytes = self.mask.pass(bytes);
        self.meter(bytes)
    }

    /// The same for bytes that are clean. Whoever has the protocol's own end has been booked.
    fn meter(&mut self, bytes: Bytes) -> Bytes {
        let passed = passed(&mut self.call.meter, (self.kind, self.wire), bytes);
        if self.call.meter.done && !self.call.meter.failed {
            self.call.end(End::Whole);
        }
        passed
    }

    /// The upstream's body has ended, well or not: the last words, if any.
    fn end(&mut self, broken: bool) -> Option<Result<Frame<Bytes>, Broken>> {
        self.upstream = None;
        let rest = self.mask.rest();
        let tail = if rest.is_empty() { rest } else { self.meter(rest) };
        match (self.last_of(broken), tail.is_empty()) {
            (last, true) => last,
            (Some(Err(Broken)), false) => Some(Err(Broken)),
            (None, false) => Some(Ok(Frame::data(tail))),
            (Some(Ok(words)), false) => {
                let words = words.into_data().unwrap_or_default();
                Some(Ok(Frame::data([tail, words].concat().into())))
            }
        }
    }

    /// What follows the last byte of the upstream's.
    fn last_of(&mut self, broken: bool) -> Option<Result<Frame<Bytes>, Broken>> {
        let at_boundary = self.call.meter.at_boundary();
        let rest = self.call.meter.finish();
        let meter = &self.call.meter;
        if self.kind == Kind::Opaque {
            let how = if broken || meter.failed { End::Failed } else { End::Whole };
            self.call.end(how);
            return broken.then_some(Err(Broken));
        }
        // What finished and then broke off may lack another choice, or its usage.
        let whole = meter.done || (meter.finished && !broken);
        if whole && !meter.failed {
            self.call.end(End::Whole);
            // Held back until it was whole; without this kind it has passed already.
            let held = self.kind.is_edited() && !rest.is_empty();
            return held.then(|| Ok(Frame::data(rest.into())));
        }
        // The upstream's own error, whole but for its blank line, is the last word; if it lacks that, it gets it.
        let words = match (meter.failed, at_boundary) {
            (true, true) => None,
            (true, false) if self.kind.is_edited() => Some([&rest[..], b"\n\n"].concat().into()),
            (true, false) => Some(Bytes::from_static(b"\n\n")),
            (false, _) => Some(self.last_words("The upstream broke off its answer.", at_boundary)),
        };
        self.call.end(End::Failed);
        words.map(|words| Ok(Frame::data(words)))
    }

    /// An error that stands alone, whatever was half said before.
    fn last_words(&self, message: &str, at_boundary: bool) -> Bytes {
        let held = self.kind.is_edited();
        let apart = if held || at_boundary { "" } else { "\n\n" };
        format!("{apart}{}", self.wire.last_event(message, self.call.meter.place())).into()
    }
}

/// What the caller gets of these bytes, once the meter has read them.
pub(super) fn passed(meter: &mut Meter, (kind, wire): (Kind, Wire), bytes: Bytes) -> Bytes {
    let Kind::Edited { with_usage } = kind else {
        meter.feed(&bytes);
        return bytes;
    };
    let aligned = meter.at_boundary();
    let nulls = wire.nulls(with_usage);
    if aligned && !nulls.iter().any(|name| memchr::memmem::find(&bytes, name).is_some()) {
        // The usual case: nothing in it that could have to go. What is no whole event yet is held back.
        meter.events(&bytes, |_, _| {});
        return bytes.slice(..bytes.len() - meter.held().min(bytes.len()));
    }
    let (mut kept, mut edited) = (Vec::new(), false);
    meter.events(&bytes, |event, meaning| {
        if meaning == Event::OnlyUsage && !with_usage {
            edited = true;
        } else if let Some(shorter) = sse::without_null(event, nulls) {
            edited = true;
            kept.extend_from_slice(&shorter);
        } else {
            kept.extend_from_slice(event);
        }
    });
    if aligned && meter.at_boundary() && !edited { bytes } else { kept.into() }
}

impl Body for Tap {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let tap = self.get_mut();
        loop {
            if let Some(first) = tap.first.take() {
                let mut passed = tap.pass(first);
                // A body of known length is not asked again after its last byte.
                if tap.kind == Kind::Opaque
                    && tap.upstream.as_ref().is_some_and(Body::is_end_stream)
                    && let Some(Ok(rest)) = tap.end(false)
                {
                    let rest = rest.into_data().unwrap_or_default();
                    passed = [passed, rest].concat().into();
                }
                if !passed.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(passed))));
                }
            }
            if tap.end.is_cancelled() && tap.upstream.is_some() {
                // Here too, where an upstream that is never silent would hide it.
                return Poll::Ready(Some(tap.cut_off()));
            }
            let Some(upstream) = &mut tap.upstream else { return Poll::Ready(None) };
            match Pin::new(upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    tap.silent.as_mut().reset(Instant::now() + tap.keepalive);
                    tap.first = Some(data);
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(tap.end(true)),
                Poll::Ready(None) => return Poll::Ready(tap.end(false)),
                Poll::Pending => return tap.while_silent(cx),
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.upstream, &self.first, self.kind) {
            (Some(upstream), first, Kind::Opaque) => {
                let mut hint = upstream.size_hint();
                if let (Some(exact), Some(first)) = (hint.exact(), first) {
                    hint.set_exact(exact + first.len() as u64);
                }
                hint
            }
            _ => SizeHint::default(),
        }
    }
}

impl Tap {
    /// The key's end, or the server's, is the answer's.
    fn cut_off(&mut self) -> Result<Frame<Bytes>, Broken> {
        self.upstream = None;
        let words = (self.kind != Kind::Opaque).then(|| {
            let why = if self.stopping.is_cancelled() {
                "Gatekey is stopping; the answer is cut here."
            } else {
                "This key does not work any more; the answer is cut here."
            };
            self.last_words(why, self.call.meter.at_boundary())
        });
        self.call.end(End::Cut);
        words.map(Frame::data).ok_or(Broken)
    }

    /// The server stops, or nothing has come for long.
    fn while_silent(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(self.cut_off()));
        }
        if self.kind == Kind::Opaque {
            ready!(self.silent.as_mut().poll(cx));
            self.upstream = None;
            self.call.end(End::Failed);
            return Poll::Ready(Some(Err(Broken)));
        }
        loop {
            ready!(self.silent.as_mut().poll(cx));
            self.silent.as_mut().reset(Instant::now() + self.keepalive);
            if self.kind.is_edited() || self.call.meter.at_boundary() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b": keep-alive\n\n")))));
            }
        }
    }
}
