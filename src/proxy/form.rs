//! A form with files (`multipart/form-data`, RFC 7578): part by part from the caller to the upstream, written anew, so
//! that both read the same. The model is found in its part; only what comes before that is held.
use super::{headers, heard::Heard, part::Head, refusal::Reason};
use crate::world::{Entropy, Outgoing};
use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited, StreamBody};
use multer::{Field, Multipart};
use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
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
    unread: Unread,
}

/// How much has come in which nothing was found: a delimiter, or the end of a part's head, is looked for in all of it
/// with each piece.
#[derive(Clone, Default)]
struct Unread(Arc<AtomicUsize>);

const MOST_UNREAD: usize = 1 << 20;

impl Unread {
    /// Whether that is still sensible.
    fn grows_by(&self, bytes: usize) -> bool {
        self.0.fetch_add(bytes, Ordering::Relaxed) < MOST_UNREAD
    }

    fn is_read(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("The form has a part whose head does not end, or no part at all.")]
struct NoEnd;

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
        (announced, most): (usize, usize),
        (named, whole): (Option<String>, bool),
    ) -> Result<Self, Reason> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let theirs = content_type.and_then(|t| multer::parse_boundary(t.to_str().ok()?).ok());
        let Some(theirs) = theirs else {
            let text =
                "This route takes a form: send Content-Type: multipart/form-data with a boundary.";
            return Err(Reason::BadRequest(text.into()));
        };
        let heard = Heard::announced(u64::try_from(announced).unwrap_or(u64::MAX));
        let unread = Unread::default();
        let seen = unread.clone();
        let pieces = Limited::new(body, most).into_data_stream().map(move |piece| match piece {
            Ok(piece) if seen.grows_by(piece.len()) => Ok(piece),
            Ok(_) => Err(NoEnd.into()),
            Err(error) => Err(error),
        });
        let mut parts = Parts {
            left: Multipart::new(pieces, theirs),
            boundary: boundary(),
            count: 0,
            most,
            has_model: false,
            heard: heard.clone(),
            unread,
        };
        let boundary = parts.boundary.clone();
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
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let content_type = HeaderValue::try_from(content_type).unwrap_or(headers::JSON);
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
        let next = self.left.next_field().await;
        self.unread.is_read();
        let Some(mut field) = next.map_err(|error| self.broken(&error))? else {
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
        let Some(part) = Head::read(field.headers()) else {
            let text = "A part of the form has no Content-Disposition: form-data with one name, or several.";
            return Err(Reason::BadRequest(text.into()));
        };
        let is_file = part.file_name.is_some();
        if part.name == "model" {
            return self.model(field, is_file).await;
        }
        let mut wanted = out.push(part.written(&self.boundary)).await;
        if is_file {
            self.heard.begins();
        }
        let mut text = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| self.broken(&error))? {
            self.unread.is_read();
            if is_file {
                self.heard.feed(&chunk);
            } else if text.len() < LONGEST_TEXT {
                text.extend_from_slice(&chunk);
            }
            wanted = wanted && out.push(chunk).await;
        }
        wanted = wanted && out.push(Bytes::from_static(b"\r\n")).await;
        if !is_file {
            texts.hear(&part.name, &text);
        }
        Ok(if wanted { Part::Other } else { Part::Unwanted })
    }

    async fn model(&mut self, mut field: Field<'static>, is_file: bool) -> Result<Part, Reason> {
        let wrong = |text: &str| Reason::BadRequest(text.into());
        if is_file {
            return Err(wrong("model must be a text, and no file."));
        }
        if std::mem::replace(&mut self.has_model, true) {
            return Err(wrong("model is there twice: send one."));
        }
        let mut name = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| self.broken(&error))? {
            self.unread.is_read();
            name.extend_from_slice(&chunk);
            if name.len() > LONGEST_TEXT {
                return Err(wrong("model is longer than any name."));
            }
        }
        let name = String::from_utf8(name).map_err(|_| wrong("model must be a text."))?;
        Ok(Part::Model(name))
    }

    fn broken(&self, error: &multer::Error) -> Reason {
        match error {
            multer::Error::StreamReadFailed(cause) if is::<LengthLimitError>(&**cause) => {
                Reason::TooLarge(self.most)
            }
            multer::Error::StreamReadFailed(cause) if is::<NoEnd>(&**cause) => {
                Reason::BadRequest(NoEnd.to_string())
            }
            multer::Error::StreamReadFailed(_) => Reason::BadRequest("The body broke off.".into()),
            multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. } => {
                Reason::BadRequest("The form is cut off: its last boundary is missing.".into())
            }
            other => Reason::BadRequest(format!("The form cannot be read: {other}.")),
        }
    }
}

/// That no caller can know, and so none can have written into a file.
fn boundary() -> String {
    let chance = Entropy::system().draw();
    let number = chance.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
    format!("gatekey-{number:032x}")
}

/// Whether that is the cause, or the cause of it.
fn is<E: std::error::Error + 'static>(cause: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(cause);
    while let Some(error) = cause {
        if error.is::<E>() {
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
