//! A form with files (`multipart/form-data`, RFC 7578): part by part from the caller to the upstream. The model is found
//! in its part; only what comes before that is held.
use super::{heard::Heard, refusal::Reason};
use crate::world::Outgoing;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Either, Full, Limited, StreamBody};
use multer::{Constraints, Field, Multipart, SizeLimit};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;

/// More than any call of a model has.
const MOST_PARTS: usize = 200;
/// What is read of a part that says something.
const LONGEST_TEXT: usize = 64 << 10;
/// Pieces on their way to the upstream.
const AHEAD: usize = 4;

pub(super) struct Form {
    pub(super) model: String,
    pub(super) texts: Texts,
    pub(super) heard: Heard,
    pub(super) content_type: HeaderValue,
    boundary: String,
    held: Vec<Bytes>,
    /// `None`: it has been read to its end.
    rest: Option<Parts>,
}

/// What its other parts say, as far as it matters here and has been read.
#[derive(Default)]
pub(super) struct Texts {
    /// How many images.
    pub(super) n: Option<i64>,
    pub(super) prompt: String,
    /// Whom the caller asks for.
    pub(super) user: Option<String>,
}

/// Why the body could not go on, once it has begun to.
#[derive(Clone, Default)]
pub(super) struct WhyBroken(Arc<Mutex<Option<Reason>>>);

impl WhyBroken {
    pub(super) fn take(&self) -> Option<Reason> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn say(&self, reason: Reason) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }
}

struct Parts {
    left: Multipart<'static>,
    boundary: String,
    count: usize,
    most: usize,
    has_model: bool,
    heard: Heard,
}

enum Out {
    Held(Vec<Bytes>),
    Sent(mpsc::Sender<io::Result<Bytes>>),
}

impl Out {
    /// Whether anybody still wants it.
    async fn push(&mut self, bytes: Bytes) -> bool {
        match self {
            Self::Held(held) => {
                held.push(bytes);
                true
            }
            Self::Sent(sender) => sender.send(Ok(bytes)).await.is_ok(),
        }
    }
}

impl Form {
    /// Reads until the model is known: from its part, or from `named`, which replaces it. With `whole`, to the end.
    pub(super) async fn open(
        headers: &HeaderMap,
        body: Body,
        most: usize,
        (named, whole): (Option<String>, bool),
    ) -> Result<Self, Reason> {
        let content_type = headers.get(header::CONTENT_TYPE).cloned();
        let boundary =
            content_type.as_ref().and_then(|t| multer::parse_boundary(t.to_str().ok()?).ok());
        let (Some(content_type), Some(boundary)) = (content_type, boundary) else {
            let text =
                "This route takes a form: send Content-Type: multipart/form-data with a boundary.";
            return Err(Reason::BadRequest(text.into()));
        };
        let announced = headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        let bound = u64::try_from(most).unwrap_or(u64::MAX);
        let heard = Heard::announced(announced.unwrap_or(bound));
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(bound));
        // Its bound too, in case that what is read ahead is not counted there.
        let pieces = Limited::new(body, most).into_data_stream();
        let left = Multipart::with_constraints(pieces, boundary.clone(), limits);
        let mut parts = Parts {
            left,
            boundary: boundary.clone(),
            count: 0,
            most,
            has_model: false,
            heard: heard.clone(),
        };
        let (mut texts, mut out) = (Texts::default(), Out::Held(Vec::new()));
        let (mut model, mut rest) = (named.clone(), None);
        while model.is_none() || whole {
            match parts.next(&mut out, &mut texts).await? {
                Part::Last | Part::Unwanted => break,
                Part::Model(name) => model = named.clone().or(Some(name)),
                Part::Other => {}
            }
        }
        if !heard.is_whole() {
            rest = Some(parts);
        }
        let held = match out {
            Out::Held(held) => held,
            Out::Sent(_) => Vec::new(),
        };
        let missing =
            || Reason::BadRequest("model is missing: send it as a part of the form.".into());
        let model = model.ok_or_else(missing)?;
        Ok(Self { model, texts, heard, content_type, boundary, held, rest })
    }

    /// The form for the upstream, with its name for the model, and what to ask when it breaks off on the way.
    pub(super) fn into_body(self, model: &str) -> (Outgoing, WhyBroken) {
        let why = WhyBroken::default();
        let plain: String = model.chars().filter(|c| !c.is_control()).collect();
        let first = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{plain}\r\n",
            self.boundary
        );
        let held = [vec![Bytes::from(first)], self.held].concat();
        let Some(rest) = self.rest else {
            return (Either::Left(Full::new(held.concat().into())), why);
        };
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(rest.send(sender, why.clone()));
        let coming = stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        let pieces = stream::iter(held.into_iter().map(Ok)).chain(coming);
        (Either::Right(StreamBody::new(pieces.map(|p| p.map(Frame::data))).boxed_unsync()), why)
    }
}

enum Part {
    Model(String),
    Other,
    Last,
    /// Nobody takes it any more.
    Unwanted,
}

impl Parts {
    /// The rest, as fast as it is taken.
    async fn send(mut self, sender: mpsc::Sender<io::Result<Bytes>>, why: WhyBroken) {
        let (mut out, mut texts) = (Out::Sent(sender.clone()), Texts::default());
        loop {
            match self.next(&mut out, &mut texts).await {
                Ok(Part::Last | Part::Unwanted) => return,
                Ok(_) => {}
                Err(reason) => {
                    why.say(reason);
                    let _ = sender.send(Err(io::Error::other("the form broke off"))).await;
                    return;
                }
            }
        }
    }

    /// Passes one part on; the model's is told instead.
    async fn next(&mut self, out: &mut Out, texts: &mut Texts) -> Result<Part, Reason> {
        let Some(mut field) = self.left.next_field().await.map_err(|e| self.broken(&e))? else {
            let end = format!("--{}--\r\n", self.boundary);
            self.heard.end();
            out.push(end.into()).await;
            return Ok(Part::Last);
        };
        self.count += 1;
        if self.count > MOST_PARTS {
            let text = format!("The form has more than {MOST_PARTS} parts.");
            return Err(Reason::BadRequest(text));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = field.file_name().is_some();
        if name == "model" && !is_file {
            return self.model(field).await;
        }
        let mut wanted = out.push(self.head_of(&field)).await;
        let mut text = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| self.broken(&error))? {
            if is_file {
                self.heard.feed(&chunk);
            } else if text.len() < LONGEST_TEXT {
                text.extend_from_slice(&chunk);
            }
            wanted = wanted && out.push(chunk).await;
        }
        wanted = wanted && out.push(Bytes::from_static(b"\r\n")).await;
        if !is_file {
            texts.hear(&name, &text);
        }
        Ok(if wanted { Part::Other } else { Part::Unwanted })
    }

    async fn model(&mut self, mut field: Field<'static>) -> Result<Part, Reason> {
        let wrong = |text: &str| Reason::BadRequest(text.into());
        if std::mem::replace(&mut self.has_model, true) {
            return Err(wrong("model is there twice: send one."));
        }
        let mut name = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| self.broken(&error))? {
            name.extend_from_slice(&chunk);
            if name.len() > LONGEST_TEXT {
                return Err(wrong("model is longer than any name."));
            }
        }
        let name = String::from_utf8(name).map_err(|_| wrong("model must be a text."))?;
        Ok(Part::Model(name))
    }

    /// Its delimiter and its headers, as they came.
    fn head_of(&self, field: &Field<'_>) -> Bytes {
        let mut head = format!("--{}\r\n", self.boundary).into_bytes();
        for (name, value) in field.headers() {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head.into()
    }

    fn broken(&self, error: &multer::Error) -> Reason {
        match error {
            multer::Error::StreamSizeExceeded { .. } => Reason::TooLarge(self.most),
            multer::Error::StreamReadFailed(cause) if is_too_long(&**cause) => {
                Reason::TooLarge(self.most)
            }
            multer::Error::StreamReadFailed(_) => Reason::BadRequest("The body broke off.".into()),
            multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. } => {
                Reason::BadRequest("The form is cut off: its last boundary is missing.".into())
            }
            other => Reason::BadRequest(format!("The form cannot be read: {other}.")),
        }
    }
}

fn is_too_long(cause: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(cause);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl Texts {
    fn hear(&mut self, name: &str, text: &[u8]) {
        let text = || String::from_utf8_lossy(text).into_owned();
        match name {
            "n" => self.n = text().trim().parse().ok(),
            "prompt" => self.prompt = text(),
            "user" => self.user = Some(text()),
            _ => {}
        }
    }
}
