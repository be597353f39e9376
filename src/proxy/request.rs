//! A request's body of JSON: found in it, without building a tree, what decides where it goes; changed in it, in
//! place, the little that must be.
use super::refusal::Reason;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::{Value, value::RawValue};
use std::ops::Range;

/// OpenAI's own bound of `n`.
pub(super) const MOST_CHOICES: i64 = 128;

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

/// What only some routes have, or read.
#[derive(Debug, Default)]
pub(super) struct More {
    /// Whom the caller asks for: OpenAI's `user`, Anthropic's `metadata.user_id`.
    pub(super) end_user: Option<String>,
    /// `previous_response_id`.
    pub(super) previous: Option<String>,
    pub(super) background: bool,
    pub(super) conversation: bool,
    /// `store` is false: nobody can ask for the answer again.
    pub(super) not_kept: bool,
    /// Characters of `input`, if that is one text.
    pub(super) characters: i64,
    /// How many `documents`.
    pub(super) documents: i64,
    /// How many prompts, if there are several.
    pub(super) prompts: i64,
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
    #[serde(borrow, default)]
    best_of: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user: Option<&'a RawValue>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    previous_response_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    background: Option<&'a RawValue>,
    #[serde(borrow, default)]
    conversation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    store: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow, default)]
    documents: Option<&'a RawValue>,
}

impl Shape<'_> {
    /// The longest answer. What is no number is the upstream's to refuse.
    fn longest(&self) -> Option<i64> {
        let all = [self.max_completion_tokens, self.max_output_tokens, self.max_tokens];
        all.into_iter().find_map(number)
    }

    fn choices(&self) -> i64 {
        let of = |raw| number(raw).unwrap_or(1);
        of(self.n).max(of(self.best_of)).clamp(1, MOST_CHOICES)
    }

    fn more(&self) -> Result<More, Reason> {
        let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
        let user_id = |raw: &RawValue| {
            let said: Value = serde_json::from_str(raw.get()).ok()?;
            said["user_id"].as_str().map(str::to_owned)
        };
        let several = |raw: Option<&RawValue>| {
            let many = raw.and_then(|raw| serde_json::from_str::<Vec<IgnoredAny>>(raw.get()).ok());
            many.map_or(0, |many| i64::try_from(many.len()).unwrap_or(i64::MAX))
        };
        let wrong = |_| Reason::BadRequest("previous_response_id must be a text.".into());
        let previous = self.previous_response_id.map(|raw| serde_json::from_str(raw.get()));
        let input = self.input.filter(|raw| raw.get().starts_with('"')).and_then(text);
        // A list of numbers is one prompt, as its tokens.
        let of_texts = |raw: &&RawValue| raw.get()[1..].trim_start().starts_with(['"', '[']);
        let prompts = self.prompt.filter(|raw| raw.get().starts_with('[')).filter(of_texts);
        Ok(More {
            end_user: self.user.and_then(text).or(self.metadata.and_then(user_id)),
            previous: previous.transpose().map_err(wrong)?,
            background: self.background.is_some_and(|raw| raw.get() != "false"),
            conversation: self.conversation.is_some(),
            not_kept: self.store.is_some_and(|raw| raw.get() == "false"),
            characters: input
                .map_or(0, |text| i64::try_from(text.chars().count()).unwrap_or(i64::MAX)),
            documents: several(self.documents),
            prompts: several(prompts),
        })
    }
}

fn number(raw: Option<&RawValue>) -> Option<i64> {
    raw.and_then(|raw| raw.get().parse().ok())
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
        let shape: Shape<'_> = serde_json::from_slice(body).map_err(|error| {
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
                let options: Value = serde_json::from_str(options.get()).unwrap_or_default();
                if !options.is_object() {
                    return Err(wrong("stream_options must be an object."));
                }
                options["include_usage"] == Value::Bool(true)
            }
        };
        Ok(Self {
            model,
            model_at,
            stream,
            stream_ends: shape.stream.map_or(0, |raw| place(body, raw).end),
            options: shape.stream_options.map(|raw| place(body, raw)),
            asks_usage,
            max_tokens: shape.longest().filter(|most| *most >= 0),
            choices: shape.choices(),
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
    fn what_only_some_routes_have_is_found() {
        let more = |body: &str| Head::find(body.as_bytes(), Some("m"), None).unwrap().more;
        let speech = more("{\"input\":\"Gr\u{fc}\\u00dfe\",\"user\":\"ada\"}");
        assert_eq!((speech.characters, speech.end_user.as_deref()), (5, Some("ada")));
        let rerank = more("{\"documents\":[\"a\",{\"text\":\"b\"}],\"query\":\"x\"}");
        assert_eq!(rerank.documents, 2);
        assert_eq!(more("{\"prompt\":[ [1,2],[3]]}").prompts, 2);
        assert_eq!(more("{\"prompt\":[1,2,3]}").prompts, 0);
        assert_eq!(more("{\"metadata\":{\"user_id\":\"bob\"}}").end_user.as_deref(), Some("bob"));
        let answer =
            more("{\"previous_response_id\":\"r\",\"background\":true,\"conversation\":{}}");
        assert_eq!(answer.previous.as_deref(), Some("r"));
        assert!(answer.background && answer.conversation);
        let nothing =
            more("{\"previous_response_id\":null,\"background\":false,\"conversation\":null}");
        assert!(nothing.previous.is_none() && !nothing.background && !nothing.conversation);
        assert!(Head::find(b"{\"model\":\"m\",\"previous_response_id\":1}", None, None).is_err());
        let doubled =
            b"{\"model\":\"m\",\"previous_response_id\":\"a\",\"previous_response_id\":\"b\"}";
        assert!(Head::find(doubled, None, None).is_err());
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
            assert!(
                matches!(Head::find(body.as_bytes(), None, None), Err(Reason::BadRequest(_))),
                "{body}"
            );
        }
    }
}
