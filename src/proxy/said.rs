//! An answer, a chunk or an event, of whichever protocol, as far as it matters here. A member of another kind than it
//! should be was there and says nothing; it hides nothing else.
use super::usage::{Numbers, Reported, numbers, seconds};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(default, rename = "type", deserialize_with = "if_it_is")]
    pub(super) kind: Option<String>,
    #[serde(default, deserialize_with = "numbers")]
    pub(super) usage: Option<Numbers>,
    pub(super) choices: Option<Vec<Choice>>,
    /// Anthropic's `message_start` carries a message; an error may be one that is a text.
    #[serde(default, deserialize_with = "inner")]
    pub(super) message: Option<Inner>,
    /// Events of an answer carry it.
    #[serde(default, deserialize_with = "inner")]
    pub(super) response: Option<Inner>,
    pub(super) error: Option<ErrorSaid>,
    /// Cohere's.
    #[serde(default, deserialize_with = "if_it_is")]
    meta: Option<Meta>,
    /// Of images.
    #[serde(borrow, default, deserialize_with = "as_it_is")]
    data: Option<&'a RawValue>,
    /// Of a transcript.
    #[serde(default, deserialize_with = "seconds")]
    duration: Option<i64>,
    #[serde(default, deserialize_with = "if_it_is")]
    pub(super) id: Option<String>,
    /// Of an answer.
    #[serde(default, deserialize_with = "if_it_is")]
    output: Option<Vec<Item>>,
    /// Of an event that is an error.
    #[serde(default, deserialize_with = "if_it_is")]
    code: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Inner {
    #[serde(default, deserialize_with = "numbers")]
    usage: Option<Numbers>,
    #[serde(default, deserialize_with = "if_it_is")]
    pub(super) id: Option<String>,
    pub(super) error: Option<ErrorSaid>,
    #[serde(default, deserialize_with = "if_it_is")]
    output: Option<Vec<Item>>,
    /// It is a text, and this is it.
    #[serde(skip)]
    pub(super) text: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    #[serde(default, deserialize_with = "numbers")]
    billed_units: Option<Numbers>,
    #[serde(default, deserialize_with = "numbers")]
    tokens: Option<Numbers>,
}

/// What is of another kind was there and says nothing.
fn if_it_is<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(value)?.get();
    Ok(serde_json::from_str(raw).ok())
}

fn as_it_is<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

fn inner<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Inner>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    if raw.starts_with('{') {
        return Ok(serde_json::from_str(raw).ok());
    }
    let text = serde_json::from_str(raw).ok();
    Ok(text.map(|text| Inner { text: Some(text), ..Inner::default() }))
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    pub(super) finish_reason: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ErrorSaid {
    Object {
        #[serde(rename = "type")]
        kind: Option<String>,
        message: Option<String>,
        code: Option<serde_json::Value>,
    },
    Text(String),
    Other(IgnoredAny),
}

impl<'a> Said<'a> {
    pub(super) fn parse(json: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// An event whose type says so carries it by itself; an answer that failed has it in it.
    pub(super) fn into_error(self) -> Option<ErrorSaid> {
        let carried = self.response.and_then(|response| response.error);
        let text = self.message.and_then(|message| message.text);
        let by_itself = (self.kind.as_deref() == Some("error"))
            .then_some(())
            .and(text)
            .map(|text| ErrorSaid::Object { kind: None, message: Some(text), code: self.code });
        self.error.or(carried).or(by_itself)
    }

    /// Only its usage, where it is too long to be read: the last thing that it says.
    pub(super) fn of_tail(tail: &[u8]) -> Option<Numbers> {
        const NAME: &[u8] = b"\"usage\"";
        let after = &tail[memchr::memmem::rfind(tail, NAME)? + NAME.len()..];
        let value = after.trim_ascii_start().strip_prefix(b":")?;
        serde_json::Deserializer::from_slice(value).into_iter().next()?.ok()
    }

    fn numbers(&self) -> Option<&Numbers> {
        let carried = [&self.message, &self.response].into_iter().flatten();
        let billed = self.meta.iter().flat_map(|meta| [&meta.billed_units, &meta.tokens]);
        let carried = carried.map(|inner| &inner.usage).chain(billed);
        std::iter::once(&self.usage).chain(carried).flatten().next()
    }

    pub(super) fn reported(&self) -> Reported {
        let mut reported = self.numbers().map(Numbers::reported).unwrap_or_default();
        let units = &mut reported.units;
        units.milliseconds = units.milliseconds.or(self.duration);
        units.searches = units.searches.or(self.searches());
        reported
    }

    /// How many there are in an answer of images.
    pub(super) fn images(&self) -> Option<i64> {
        let data: Vec<IgnoredAny> = serde_json::from_str(self.data?.get()).ok()?;
        i64::try_from(data.len()).ok()
    }

    /// How often an answer has searched the web, which providers bill beside its tokens.
    fn searches(&self) -> Option<i64> {
        let carried = self.response.as_ref().and_then(|response| response.output.as_ref());
        let items = carried.or(self.output.as_ref())?;
        let search = |item: &&Item| item.kind.as_deref() == Some("web_search_call");
        let count = i64::try_from(items.iter().filter(search).count()).unwrap_or(i64::MAX);
        (count > 0).then_some(count)
    }

    /// Of a route whose answers are no text.
    pub(super) fn all_input(&self) -> Option<i64> {
        let tokens = self.meta.as_ref().and_then(|meta| meta.tokens.as_ref());
        let of_meta = tokens.and_then(|tokens| tokens.reported().input);
        self.numbers().and_then(Numbers::all_input).or(of_meta)
    }

    /// The chunk that OpenAI adds for `include_usage`, and nothing else.
    pub(super) fn is_only_usage(&self) -> bool {
        self.usage.is_some() && self.choices.as_ref().is_some_and(Vec::is_empty)
    }

    pub(super) fn finishes(&self) -> bool {
        self.choices.iter().flatten().any(|choice| choice.finish_reason.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(json: &str) -> Reported {
        Said::parse(json.as_bytes()).unwrap().reported()
    }

    fn said(input: Option<i64>, output: Option<i64>) -> Reported {
        Reported { input, output, ..Reported::default() }
    }

    #[test]
    fn both_protocols_come_to_the_same_numbers() {
        let openai =
            reported(r#"{"usage":{"prompt_tokens":12,"completion_tokens":7,"total_tokens":19}}"#);
        let anthropic = reported(
            r#"{"usage":{"input_tokens":2,"cache_read_input_tokens":10,"output_tokens":7}}"#,
        );
        assert_eq!(openai, said(Some(12), Some(7)));
        assert_eq!((anthropic.input, anthropic.output), (openai.input, openai.output));
        assert_eq!(anthropic.tokens(12, 7).cache_read, 10);
        let start =
            r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}"#;
        assert_eq!(reported(start), said(Some(5), Some(1)));
    }

    #[test]
    fn k33_a_number_that_cannot_be_is_no_report() {
        let absurd = reported(r#"{"usage":{"prompt_tokens":-5,"completion_tokens":99999999999}}"#);
        assert_eq!(absurd, Reported::default());
        for (input, output) in [
            ("\"12\"", Some(7)),
            ("1e999", Some(7)),
            ("99999999999999999999999", Some(7)),
            ("-9223372036854775808", Some(7)),
            ("12.5", Some(7)),
            ("null", Some(7)),
            ("[1]", Some(7)),
            ("0", Some(7)),
        ] {
            let text = format!(r#"{{"usage":{{"prompt_tokens":{input},"completion_tokens":7}}}}"#);
            assert_eq!(reported(&text), said(None, output), "{input}");
        }
        let largest = reported(
            r#"{"usage":{"input_tokens":9223372036854775807,"cache_read_input_tokens":1,"output_tokens":7}}"#,
        );
        assert_eq!((largest.input, largest.output), (None, Some(7)));
        let parts = reported(
            r#"{"usage":{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":-4,"audio_tokens":"x"},
                "completion_tokens":7,"completion_tokens_details":[7]}}"#,
        );
        assert_eq!(parts, said(Some(9), Some(7)));
    }

    #[test]
    fn what_is_priced_apart_is_told_apart() {
        let openai = reported(
            r#"{"usage":{"prompt_tokens":100,"completion_tokens":50,
                "prompt_tokens_details":{"cached_tokens":60,"audio_tokens":10,"image_tokens":5},
                "completion_tokens_details":{"reasoning_tokens":30,"audio_tokens":40}}}"#,
        );
        let tokens = openai.tokens(100, 50);
        assert_eq!((tokens.cache_read, tokens.audio_in, tokens.image), (60, 10, 5));
        assert_eq!((tokens.reasoning, tokens.audio_out), (30, 20), "no more than there were");
        let anthropic = reported(
            r#"{"usage":{"input_tokens":10,"cache_creation_input_tokens":30,"cache_read_input_tokens":5,
                "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},
                "output_tokens":7}}"#,
        );
        assert_eq!(anthropic.input, Some(45));
        let tokens = anthropic.tokens(45, 7);
        assert_eq!((tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h), (5, 10, 20));
    }

    #[test]
    fn a_usage_that_cannot_be_read_hides_nothing_else() {
        for usage in ["\"lots\"", "[]", "7", "{\"prompt_tokens\":1,\"prompt_tokens\":2}"] {
            let text = format!(
                r#"{{"choices":[{{"finish_reason":"stop"}}],"usage":{usage},"error":null}}"#
            );
            let said = Said::parse(text.as_bytes()).unwrap();
            assert!(said.finishes() && said.reported() == Reported::default(), "{usage}");
            let only = format!(r#"{{"choices":[],"usage":{usage}}}"#);
            assert!(Said::parse(only.as_bytes()).unwrap().is_only_usage(), "{usage}");
        }
        let none = Said::parse(br#"{"choices":[],"usage":null}"#).unwrap();
        assert!(!none.is_only_usage());
        let later = reported(r#"{"usage":{"prompt_tokens":12,"completion_tokens":1}}"#);
        let mut merged = later;
        merged.merge(reported(r#"{"usage":{"prompt_tokens":0,"completion_tokens":7}}"#));
        assert_eq!(merged, said(Some(12), Some(7)), "the later one, as far as it says");
    }
}
