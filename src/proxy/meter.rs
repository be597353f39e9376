//! The side tap: reads what an answer used while its bytes go on.
use super::{
    estimate::{Produced, Prompt},
    refusal::Dialect,
    sse::{self, Events},
    usage::{Reported, Said},
};
use crate::model::Tokens;
use flate2::write::GzDecoder;
use memchr::memmem::Finder;
use std::{io::Write as _, sync::LazyLock};

/// An answer as JSON is read at its end; a longer one is passed on and estimated.
const LONGEST_JSON: usize = 8 << 20;
/// What a compressed answer may unpack to, for the meter.
const LONGEST_UNPACKED: usize = 64 << 20;

/// What a chunk has in it that says more than text.
static TELLING: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
    ["\"usage\"", "\"finish_reason\":\"", "\"error\"", "\"finish_reason\": \""].map(Finder::new)
});

pub(super) struct Meter {
    dialect: Dialect,
    shape: Shape,
    unpack: Option<(GzDecoder<Vec<u8>>, usize)>,
    prompt: Prompt,
    reported: Reported,
    produced: Produced,
    /// The protocol's own end was seen: `[DONE]`, `message_stop`.
    pub(super) done: bool,
    /// A choice has finished: some servers say no more than that.
    pub(super) finished: bool,
    /// The upstream said that it failed.
    pub(super) failed: bool,
}

enum Shape {
    Nothing,
    Json(Vec<u8>),
    Events(Events),
}

/// What one event means for the caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Pass,
    /// Only usage, which we asked for and the caller did not.
    OnlyUsage,
}

/// What was used, and whether a number is ours.
pub(super) struct Counted {
    pub(super) tokens: Tokens,
    pub(super) estimated: bool,
}

impl Meter {
    /// Of a call that has no answer yet.
    pub(super) fn new(dialect: Dialect, prompt: Prompt) -> Self {
        Self {
            dialect,
            shape: Shape::Nothing,
            unpack: None,
            prompt,
            reported: Reported::default(),
            produced: Produced::default(),
            done: false,
            finished: false,
            failed: false,
        }
    }

    pub(super) fn begin(&mut self, events: bool, gzip: bool) {
        self.shape =
            if events { Shape::Events(Events::default()) } else { Shape::Json(Vec::new()) };
        self.unpack = gzip.then(|| (GzDecoder::new(Vec::new()), 0));
    }

    /// Reads bytes as they pass.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let Some((decoder, unpacked)) = &mut self.unpack else { return self.read(bytes) };
        if *unpacked > LONGEST_UNPACKED || decoder.write_all(bytes).is_err() {
            return;
        }
        let _ = decoder.flush();
        let plain = std::mem::take(decoder.get_mut());
        *unpacked += plain.len();
        self.read(&plain);
    }

    fn read(&mut self, plain: &[u8]) {
        match &mut self.shape {
            Shape::Json(whole) if whole.len() + plain.len() <= LONGEST_JSON => {
                whole.extend_from_slice(plain);
            }
            Shape::Nothing | Shape::Json(_) => {}
            Shape::Events(_) => {
                self.events(plain, |_, _| {});
            }
        }
    }

    /// Cuts a stream into events, reads each, and says what it means.
    pub(super) fn events(&mut self, plain: &[u8], mut each: impl FnMut(&[u8], Event)) {
        let Shape::Events(events) = &mut self.shape else { return };
        let mut events = std::mem::take(events);
        events.feed(plain, |event| {
            let meaning = self.event(event);
            each(event, meaning);
        });
        self.shape = Shape::Events(events);
    }

    pub(super) fn at_boundary(&self) -> bool {
        match &self.shape {
            Shape::Events(events) => events.at_boundary(),
            _ => false,
        }
    }

    /// How many bytes of an event that is not whole yet are kept here.
    pub(super) fn held(&self) -> usize {
        match &self.shape {
            Shape::Events(events) => events.held(),
            _ => 0,
        }
    }

    fn event(&mut self, event: &[u8]) -> Event {
        let Some(data) = sse::data(event) else { return Event::Pass };
        match self.dialect {
            Dialect::OpenAi | Dialect::OpenRouter => self.chunk(data),
            Dialect::Anthropic => {
                self.message_event(data);
                Event::Pass
            }
        }
    }

    fn chunk(&mut self, data: &[u8]) -> Event {
        if data == b"[DONE]" {
            self.done = true;
            return Event::Pass;
        }
        // Most chunks carry a few characters and nothing else: look before parsing.
        self.produced.piece(data);
        if !TELLING.iter().any(|what| what.find(data).is_some()) {
            return Event::Pass;
        }
        let Some(said) = Said::parse(data) else { return Event::Pass };
        self.reported.merge(said.reported());
        if said.finishes() {
            self.finished = true;
        }
        self.failed |= said.error.is_some() && said.choices.is_none();
        if said.is_only_usage() {
            return Event::OnlyUsage;
        }
        Event::Pass
    }

    fn message_event(&mut self, data: &[u8]) {
        let has = |what: &[u8]| memchr::memmem::find(data, what).is_some();
        if has(b"\"content_block_delta\"") {
            self.produced.piece(data);
            return;
        }
        if has(b"\"message_stop\"") {
            self.done = true;
        }
        if let Some(said) = Said::parse(data).filter(|_| has(b"\"usage\"") || has(b"\"error\"")) {
            self.reported.merge(said.reported());
            self.failed |= said.error.is_some();
        }
    }

    /// Nothing more comes. What stood after the last whole event is read as one, and is the caller's.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        if let Some((decoder, _)) = &mut self.unpack
            && decoder.try_finish().is_ok()
        {
            let plain = std::mem::take(decoder.get_mut());
            self.read(&plain);
        }
        match &mut self.shape {
            Shape::Nothing => Vec::new(),
            Shape::Events(events) => {
                let rest = events.take_partial();
                let only_usage = self.event(&rest) == Event::OnlyUsage;
                if only_usage { Vec::new() } else { rest }
            }
            Shape::Json(whole) => {
                self.done = true;
                if let Some(said) = Said::parse(whole) {
                    self.reported.merge(said.reported());
                }
                if self.reported.output.is_none() {
                    self.produced.whole(whole);
                }
                Vec::new()
            }
        }
    }

    /// What the upstream has said so far.
    #[cfg(any(test, fuzzing))]
    pub(super) fn said(&self) -> (Option<i64>, Option<i64>) {
        (self.reported.input, self.reported.output)
    }

    /// What was used so far. A caller that left is counted what was produced, not what was announced.
    pub(super) fn counted(&self, whole: bool) -> Counted {
        let output = match self.reported.output {
            Some(output) if whole => output,
            Some(output) => output.max(self.produced.tokens()),
            None => self.produced.tokens(),
        };
        let input = self.reported.input.unwrap_or_else(|| self.prompt.tokens());
        Counted {
            tokens: self.reported.tokens(input, output),
            estimated: self.reported.input.is_none() || self.reported.output != Some(output),
        }
    }
}
