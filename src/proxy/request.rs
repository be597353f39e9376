//! A request's body: found in it, without building a tree, what decides where it goes; changed in it, in
//! place, the little that must be.
use super::refusal::Reason;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};
use std::ops::Range;

/// OpenAI's own bound of `n`.
const MOST_CHOICES: i64 = 128;

/// Where things stand in the body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) model: String,
    model_at: Range<usize>,
    pub(super) stream: bool,
    stream_ends: usize,
    options: Option<Range<usize>>,
    /// `stream_options.include_usage`.
    pub(super) asks_usage: bool,
    /// The longest answer that is asked for, if it is said as a number.
    pub(super) max_tokens: Option<i64>,
    /// How many answers: `n`.
    pub(super) choices: i64,
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default, deserialize_with = "even_null")]
    model: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    stream: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    stream_options: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    max_completion_tokens: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    n: Option<&'a RawValue>,
}

/// A member that is null stands somewhere all the same.
fn even_null<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

/// The body whole: a model's question is not a stream. Bounded by `server.max_body`.
pub(super) async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Reason> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(Reason::Encoded);
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > most) {
        return Err(Reason::TooLarge(most));
    }
    match Limited::new(body, most).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Reason::TooLarge(most)),
        Err(_) => Err(Reason::BadRequest("The body broke off.".into())),
    }
}

impl Head {
    pub(super) fn find(body: &[u8]) -> Result<Self, Reason> {
        let shape: Shape<'_> = serde_json::from_slice(body).map_err(|error| {
            Reason::BadRequest(format!("The body is not the JSON it must be: {error}."))
        })?;
        let wrong = |text: &str| Reason::BadRequest(text.into());
        let model = shape.model.ok_or_else(|| wrong("model is missing."))?;
        let name = serde_json::from_str(model.get()).map_err(|_| wrong("model must be a text."))?;
        let stream = match shape.stream.map(RawValue::get) {
            None | Some("null" | "false") => false,
            Some("true") => true,
            Some(_) => return Err(wrong("stream must be true or false.")),
        };
        let options = shape.stream_options.filter(|options| options.get() != "null");
        let asks_usage = match options {
            None => false,
            Some(options) => {
                let options: Value = serde_json::from_str(options.get()).unwrap_or_default();
                if !options.is_object() {
                    return Err(wrong("stream_options must be an object."));
                }
                options["include_usage"] == Value::Bool(true)
            }
        };
        // What is no number is the upstream's to refuse.
        let number = |raw: Option<&RawValue>| raw.and_then(|raw| raw.get().parse::<i64>().ok());
        let max_tokens = number(shape.max_completion_tokens).or(number(shape.max_tokens));
        Ok(Self {
            model: name,
            model_at: place(body, model),
            stream,
            stream_ends: shape.stream.map_or(0, |raw| place(body, raw).end),
            options: shape.stream_options.map(|raw| place(body, raw)),
            asks_usage,
            max_tokens: max_tokens.filter(|most| *most >= 0),
            choices: number(shape.n).unwrap_or(1).clamp(1, MOST_CHOICES),
        })
    }

    /// The body for the upstream: another model name, and a wish for usage, spliced in. Untouched when
    /// nothing changes.
    pub(super) fn rewrite(&self, body: Bytes, model: &str, inject_usage: bool) -> Bytes {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        if model != self.model {
            edits.push((self.model_at.clone(), Value::from(model).to_string()));
        }
        if inject_usage {
            let wish = ",\"stream_options\":{\"include_usage\":true}";
            let end = self.stream_ends..self.stream_ends;
            let merged = |at: &Range<usize>| (at.clone(), with_usage(&body[at.clone()]));
            edits.push(self.options.as_ref().map_or((end, wish.into()), merged));
        }
        if edits.is_empty() {
            return body;
        }
        edits.sort_by_key(|(at, _)| at.start);
        let more: usize = edits.iter().map(|(_, text)| text.len()).sum();
        let mut spliced = Vec::with_capacity(body.len() + more);
        let mut from = 0;
        for (at, text) in edits {
            spliced.extend_from_slice(&body[from..at.start]);
            spliced.extend_from_slice(text.as_bytes());
            from = at.end;
        }
        spliced.extend_from_slice(&body[from..]);
        spliced.into()
    }
}

fn with_usage(options: &[u8]) -> String {
    let mut options: Value = serde_json::from_slice(options).unwrap_or_default();
    if !options.is_object() {
        options = Value::Object(serde_json::Map::new());
    }
    options["include_usage"] = Value::Bool(true);
    options.to_string()
}

/// Where a borrowed value stands in the text it was borrowed from.
fn place(body: &[u8], raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr() as usize - body.as_ptr() as usize;
    start..start + raw.get().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(body: &'static str, model: &str, inject: bool) -> String {
        let bytes = Bytes::from_static(body.as_bytes());
        let head = Head::find(&bytes).unwrap();
        String::from_utf8(head.rewrite(bytes, model, inject).to_vec()).unwrap()
    }

    #[test]
    fn a_body_passes_as_the_same_bytes_unless_something_must_change() {
        let body =
            "{ \"messages\" : [ {\"model\":\"no\"} ], \"model\" : \"a\\u0062\" ,\"stream\":true}";
        assert_eq!(rewritten(body, "ab", false), body);
        assert_eq!(rewritten(body, "x\"y", false), body.replace("\"a\\u0062\"", "\"x\\\"y\""));
    }

    #[test]
    fn usage_is_asked_for_where_the_caller_did_not() {
        let wish = |body| -> Value { serde_json::from_str(&rewritten(body, "m", true)).unwrap() };
        for body in [
            r#"{"model":"m","stream":true}"#,
            r#"{"stream":true,"model":"m"}"#,
            r#"{"model":"m","stream":true,"stream_options":null}"#,
            r#"{"model":"m","stream":true,"stream_options":{}}"#,
            r#"{"stream_options":{"include_usage":false,"x":1},"model":"m","stream":true}"#,
        ] {
            assert_eq!(wish(body)["stream_options"]["include_usage"], true, "{body}");
        }
        assert_eq!(
            wish(r#"{"model":"m","stream":true,"stream_options":{"x":1}}"#)["stream_options"]["x"],
            1
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for body in [
            "",
            "[]",
            "{",
            "{\"model\":1}",
            "{}",
            "{\"model\":\"a\",\"model\":\"b\"}",
            "{\"model\":\"a\",\"stream\":\"yes\"}",
            "{\"model\":\"a\",\"stream_options\":3}",
            "{\"model\":\"a\"} x",
        ] {
            assert!(matches!(Head::find(body.as_bytes()), Err(Reason::BadRequest(_))), "{body}");
        }
    }
}
