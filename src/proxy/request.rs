//! A request's body of JSON: found in it, without building a tree, what decides where it goes; changed in it, in
//! place, the little that must be.
use super::{
    members::{Members, More},
    refusal::Reason,
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};
use std::ops::Range;

/// Where things stand in the body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) model: String,
    model_at: ModelAt,
    pub(super) stream: bool,
    stream_ends: usize,
    options: Option<Range<usize>>,
    /// `stream_options.include_usage`.
    pub(super) asks_usage: bool,
    /// The longest answer that is asked for, if it is said as a number.
    pub(super) max_tokens: Option<i64>,
    /// How many answers: `n`, or `best_of` of them.
    pub(super) choices: i64,
    pub(super) more: More,
}

/// Where the model is named.
#[derive(Debug)]
enum ModelAt {
    Here {
        at: Range<usize>,
        replaced: bool,
    },
    /// Not in the body: it would stand there.
    Elsewhere {
        at: usize,
        alone: bool,
    },
}

impl ModelAt {
    /// Behind the first brace.
    fn elsewhere(body: &[u8]) -> Self {
        let at = memchr::memchr(b'{', body).map_or(0, |brace| brace + 1);
        let alone = body[at..].trim_ascii_start().first() == Some(&b'}');
        Self::Elsewhere { at, alone }
    }
}

/// `stream_options`, as far as it is read.
#[derive(Deserialize)]
struct Options<'a> {
    #[serde(borrow, default, deserialize_with = "even_null")]
    include_usage: Option<&'a RawValue>,
}

/// A member that is null stands somewhere all the same.
fn even_null<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

impl Head {
    /// The model is `named` elsewhere, which wins, or in the body; where it is in neither there may be a `default`.
    pub(super) fn find(
        body: &[u8],
        named: Option<&str>,
        default: Option<&str>,
    ) -> Result<Self, Reason> {
        let shape: Members<'_> = serde_json::from_slice(body).map_err(|error| {
            Reason::BadRequest(format!("The body is not the JSON it must be: {error}."))
        })?;
        let wrong = |text: &str| Reason::BadRequest(text.into());
        let model = match (named, shape.model) {
            (Some(name), _) => name.to_owned(),
            (None, None) => default.ok_or_else(|| wrong("model is missing."))?.to_owned(),
            (None, Some(raw)) => {
                serde_json::from_str(raw.get()).map_err(|_| wrong("model must be a text."))?
            }
        };
        let model_at = shape.model.map_or_else(
            || ModelAt::elsewhere(body),
            |raw| ModelAt::Here { at: place(body, raw), replaced: named.is_some() },
        );
        let stream = match shape.stream.map(RawValue::get) {
            None | Some("null" | "false") => false,
            Some("true") => true,
            Some(_) => return Err(wrong("stream must be true or false.")),
        };
        let options = shape.stream_options.filter(|options| options.get() != "null");
        let asks_usage = match options {
            None => false,
            Some(options) => {
                let usage = wish(options.get());
                let usage = usage.map_err(|_| wrong("stream_options must be an object."))?;
                usage.is_some_and(|raw| raw.get() == "true")
            }
        };
        Ok(Self {
            model,
            model_at,
            stream,
            stream_ends: shape.stream.map_or(0, |raw| place(body, raw).end),
            options: shape.stream_options.map(|raw| place(body, raw)),
            asks_usage,
            max_tokens: shape.max_tokens(),
            choices: shape.choices()?,
            more: shape.more()?,
        })
    }

    /// The body for the upstream: another model name, and a wish for usage, spliced in. Untouched when
    /// nothing changes.
    pub(super) fn rewrite(&self, body: Bytes, model: &str, inject_usage: bool) -> Bytes {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let name = || Value::from(model).to_string();
        match &self.model_at {
            ModelAt::Here { at, replaced } if *replaced || model != self.model => {
                edits.push((at.clone(), name()));
            }
            ModelAt::Here { .. } => {}
            ModelAt::Elsewhere { at, alone } => {
                let comma = if *alone { "" } else { "," };
                edits.push((*at..*at, format!("\"model\":{}{comma}", name())));
            }
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

/// `include_usage` in them, if they are an object.
fn wish(options: &str) -> serde_json::Result<Option<&RawValue>> {
    if !options.starts_with('{') {
        return Err(serde::de::Error::custom("it is no object"));
    }
    serde_json::from_str::<Options>(options).map(|options| options.include_usage)
}

/// The same with the wish in it, spliced in.
fn with_usage(options: &[u8]) -> String {
    const WISH: &str = "\"include_usage\":true";
    let text = std::str::from_utf8(options).unwrap_or_default();
    let Some(inside) = text.strip_prefix('{') else { return format!("{{{WISH}}}") };
    if let Ok(Some(raw)) = wish(text) {
        let at = place(options, raw);
        return format!("{}true{}", &text[..at.start], &text[at.end..]);
    }
    let comma = if inside.trim_start().starts_with('}') { "" } else { "," };
    format!("{{{WISH}{comma}{inside}")
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
        let head = Head::find(&bytes, None, None).unwrap();
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
    fn a_model_that_is_named_elsewhere_stands_in_the_body() {
        for (body, whole) in [
            ("{}", "{\"model\":\"w\"}"),
            (" { \"a\":1}", " {\"model\":\"w\", \"a\":1}"),
            ("{\"a\":1,\"model\":\"x\"}", "{\"a\":1,\"model\":\"w\"}"),
            ("{\"model\":null}", "{\"model\":\"w\"}"),
        ] {
            let bytes = Bytes::from_static(body.as_bytes());
            let head = Head::find(&bytes, Some("named"), None).unwrap();
            assert_eq!(head.model, "named");
            assert_eq!(head.rewrite(bytes, "w", false), whole);
        }
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
            "{\"model\":\"a\",\"Model\":\"b\"}",
            "{\"model\":\"a\",\"n\":\"2\"}",
            "{\"model\":\"a\",\"n\":2.0}",
            "{\"model\":\"a\",\"stream\":\"yes\"}",
            "{\"model\":\"a\",\"stream_options\":3}",
            "{\"model\":\"a\"} x",
        ] {
            assert!(
                matches!(Head::find(body.as_bytes(), None, None), Err(Reason::BadRequest(_))),
                "{body}"
            );
        }
    }
}
