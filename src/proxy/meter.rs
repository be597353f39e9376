//! The side tap: reads what an answer used while its bytes go on.
use super::{
    asked::{Asked, Needs},
    estimate::Produced,
    said::Said,
    sse::{self, Events},
    usage::Reported,
    wire::{Flow, Wire},
};
use crate::model::{Price, Route};
use flate2::write::GzDecoder;
use memchr::memmem::Finder;
use std::{io::Write as _, sync::LazyLock};

/// An answer as JSON is read at its end; a longer one is passed on and estimated.
const LONGEST_JSON: usize = 8 << 20;
/// Of a longer one so much of its end is kept: usage is the last that it says.
const TAIL: usize = 4 << 10;
/// What a compressed answer may unpack to, for the meter.
const LONGEST_UNPACKED: usize = 64 << 20;

/// What a chunk has in it that says more than text.
static TELLING: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
    ["\"usage\"", "\"finish_reason\":\"", "\"error\"", "\"finish_reason\": \""].map(Finder::new)
});

/// What says more than text in the events of an answer.
static OF_AN_ANSWER: LazyLock<[Finder<'static>; 5]> = LazyLock::new(|| {
    let kinds = ["created", "completed", "incomplete", "failed"];
    let [a, b, c, d] = kinds.map(|kind| Finder::new(&format!("\"response.{kind}\"")).into_owned());
    [a, b, c, d, Finder::new("\"error\"")]
});

pub(super) struct Meter {
    pub(super) wire: Wire,
    shape: Shape,
    unpack: Option<(GzDecoder<Vec<u8>>, usize)>,
    pub(super) asked: Asked,
    pub(super) needs: Needs,
    pub(super) reported: Reported,
    pub(super) produced: Produced,
    /// The protocol's own end was seen: `[DONE]`, `message_stop`.
    pub(super) done: bool,
    /// A choice has finished: some servers say no more than that.
    pub(super) finished: bool,
    /// The upstream said that it failed.
    pub(super) failed: bool,
    /// The id of the answer, where the protocol lets one ask for it again.
    pub(super) answer: Option<String>,
    events: u64,
}

enum Shape {
    Nothing,
    Json(Vec<u8>),
    /// A text, or a file.
    Bytes(usize),
    /// The end of an answer that is longer than what is read, and how long all of it is.
    Tail(Vec<u8>, usize),
    Events(Events),
}

/// What kind of answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Events,
    Json,
    /// A file, or a plain text.
    Other,
}

/// What one event means for the caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Pass,
    /// Only usage, which we asked for and the caller did not.
    OnlyUsage,
}

impl Meter {
    /// Of a call that has no answer yet.
    pub(super) fn new(wire: Wire, asked: Asked, price: &Price) -> Self {
        Self {
            wire,
            shape: Shape::Nothing,
            unpack: None,
            asked,
            needs: Needs::of(price),
            reported: Reported::default(),
            produced: Produced::default(),
            done: false,
            finished: false,
            failed: false,
            answer: None,
            events: 0,
        }
    }

    pub(super) fn begin(&mut self, content: Content, gzip: bool) {
        self.shape = match content {
            Content::Events => Shape::Events(Events::default()),
            Content::Json => Shape::Json(Vec::new()),
            Content::Other => Shape::Bytes(0),
        };
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
            Shape::Json(whole) => {
                let length = whole.len();
                self.shape = Shape::Tail(std::mem::take(whole), length);
                self.read(plain);
            }
            Shape::Tail(tail, length) => {
                *length += plain.len();
                let last = plain.len().saturating_sub(TAIL);
                tail.extend_from_slice(&plain[last..]);
                tail.drain(..tail.len().saturating_sub(TAIL));
            }
            Shape::Bytes(count) => *count += plain.len(),
            Shape::Nothing => {}
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
        self.events += 1;
        match self.wire.flow() {
            Flow::Chunks => return self.chunk(data),
            Flow::Messages => self.message_event(data),
            Flow::Responses => self.answer_event(data),
            Flow::Typed => self.typed_event(data),
        }
        Event::Pass
    }

    /// What an event is told apart by that ends a stream in the upstream's place.
    pub(super) fn place(&self) -> (Option<&str>, u64) {
        (self.answer.as_deref(), self.events)
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

    fn answer_event(&mut self, data: &[u8]) {
        if !OF_AN_ANSWER.iter().any(|what| what.find(data).is_some()) {
            if memchr::memmem::find(data, b".delta\"").is_some() {
                self.produced.piece(data);
            }
            return;
        }
        let Some(said) = Said::parse(data) else { return };
        let kind = said.kind.as_deref().unwrap_or_default();
        self.done |= matches!(kind, "response.completed" | "response.incomplete");
        self.failed |= matches!(kind, "response.failed" | "error");
        let id = said.response.as_ref().and_then(|response| response.id.clone());
        self.answer = id.filter(|id| is_sensible(id)).or(self.answer.take());
        self.reported.merge(said.reported());
    }

    fn typed_event(&mut self, data: &[u8]) {
        let said = Said::parse(data);
        let kind = said.as_ref().and_then(|said| said.kind.as_deref()).unwrap_or_default();
        if kind.ends_with(".text.delta") {
            self.produced.piece(data);
        }
        // Several images end one by one.
        self.finished |= matches!(kind.rsplit('.').next(), Some("done" | "completed"));
        let Some(said) = said else { return };
        self.failed |= said.error.is_some() || said.kind.as_deref() == Some("error");
        if said.usage.is_some() {
            // Several images end one by one, each with its own usage.
            let before = if self.is_of_images() { self.reported } else { Reported::default() };
            self.reported.merge(said.reported().plus(before));
        }
    }

    /// Whether what is answered is a text, which can be counted.
    fn says_text(&self) -> bool {
        let of_sound = matches!(self.wire.route, Route::Transcriptions | Route::Translations);
        of_sound || self.wire.flow() != Flow::Typed
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
                let whole = std::mem::take(whole);
                if let Some(said) = Said::parse(&whole) {
                    self.reported.merge(self.reported_by(&said));
                    let is_answer = self.wire.flow() == Flow::Responses;
                    self.answer = said.id.filter(|id| is_answer && is_sensible(id));
                }
                // Files and numbers are no text.
                if self.reported.output.is_none() && self.says_text() {
                    self.produced.whole(&whole);
                }
                Vec::new()
            }
            Shape::Tail(tail, length) => {
                self.done = true;
                let length = *length;
                if let Some(numbers) = Said::of_tail(tail) {
                    let mut reported = numbers.reported();
                    reported.input = reported.input.or(self.all_input(numbers.all_input()));
                    self.reported.merge(reported);
                }
                if self.reported.output.is_none() && self.says_text() {
                    self.produced.unread(length);
                }
                Vec::new()
            }
            Shape::Bytes(count) => {
                self.done = true;
                let count = *count;
                if self.says_text() {
                    self.produced.unread(count);
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
}

/// An id of an answer, as it can be kept and asked for.
fn is_sensible(id: &str) -> bool {
    !id.is_empty() && id.len() <= 256 && id.bytes().all(|byte| byte.is_ascii_graphic())
}
