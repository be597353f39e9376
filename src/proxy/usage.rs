//! What upstreams say a call used, in the two protocols.
use crate::model::Tokens;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

/// No call of today is as large; a number beyond it, or below zero, is a mistake (field report K33).
const SENSIBLE: std::ops::RangeInclusive<i64> = 0..=1_000_000_000;

/// Tokens as far as they were reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) input: Option<i64>,
    pub(super) output: Option<i64>,
    /// Of both, what is priced apart.
    pub(super) parts: Parts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Parts {
    cache_read: Option<i64>,
    cache_write_5m: Option<i64>,
    cache_write_1h: Option<i64>,
    audio_in: Option<i64>,
    image: Option<i64>,
    reasoning: Option<i64>,
    audio_out: Option<i64>,
}

impl Reported {
    /// Later reports complete or replace earlier ones.
    pub(super) fn merge(&mut self, later: Self) {
        let or = |earlier: &mut Option<i64>, later: Option<i64>| *earlier = later.or(*earlier);
        or(&mut self.input, later.input);
        or(&mut self.output, later.output);
        let (to, from) = (&mut self.parts, later.parts);
        or(&mut to.cache_read, from.cache_read);
        or(&mut to.cache_write_5m, from.cache_write_5m);
        or(&mut to.cache_write_1h, from.cache_write_1h);
        or(&mut to.audio_in, from.audio_in);
        or(&mut to.image, from.image);
        or(&mut to.reasoning, from.reasoning);
        or(&mut to.audio_out, from.audio_out);
    }

    /// With so much in all; what is priced apart is never more than its whole.
    pub(super) fn tokens(&self, input: i64, output: i64) -> Tokens {
        let parts = &self.parts;
        let of = |part: Option<i64>| part.unwrap_or(0);
        let tokens = Tokens {
            input,
            output,
            cache_read: of(parts.cache_read),
            cache_write_5m: of(parts.cache_write_5m),
            cache_write_1h: of(parts.cache_write_1h),
            audio_in: of(parts.audio_in),
            image: of(parts.image),
            reasoning: of(parts.reasoning),
            audio_out: of(parts.audio_out),
        };
        tokens.fitted()
    }
}

/// OpenAI's and Anthropic's members side by side: their names differ, so one shape reads both.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Numbers {
    #[serde(deserialize_with = "whole_number")]
    prompt_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    completion_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    input_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    output_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    cache_creation_input_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    cache_read_input_tokens: Option<i64>,
    /// Anthropic's: of what was written, for how long.
    #[serde(deserialize_with = "details")]
    cache_creation: Details,
    #[serde(deserialize_with = "details")]
    prompt_tokens_details: Details,
    #[serde(deserialize_with = "details")]
    completion_tokens_details: Details,
}

/// What a number is made up of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the protocols' own names")]
struct Details {
    #[serde(deserialize_with = "whole_number")]
    ephemeral_5m_input_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    ephemeral_1h_input_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    cached_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    cache_write_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    audio_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    image_tokens: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    reasoning_tokens: Option<i64>,
}

/// A member that is no whole number is no report, and takes nothing else with it.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(<&RawValue>::deserialize(deserializer)?.get().parse().ok())
}

/// The same for the whole of them: what cannot be read was there and says nothing.
fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Numbers>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    Ok(serde_json::from_str(raw).unwrap_or_else(|_| Some(Numbers::default())))
}

/// And for what they are made up of.
fn details<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Details, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    Ok(serde_json::from_str::<Option<Details>>(raw).ok().flatten().unwrap_or_default())
}

impl Numbers {
    /// OpenAI's prompt has its cached tokens in it, Anthropic's input has not: both come to the same.
    pub(super) fn reported(&self) -> Reported {
        let sensible = |n: &i64| SENSIBLE.contains(n);
        let written = self.cache_creation_input_tokens.filter(sensible);
        let read = self.cache_read_input_tokens.filter(sensible);
        let cached = written.unwrap_or(0) + read.unwrap_or(0);
        let input = self.input_tokens.map(|input| input.saturating_add(cached));
        Reported {
            // No prompt is empty: some servers say zero where they do not know.
            input: self.prompt_tokens.or(input).filter(sensible).filter(|&input| input > 0),
            output: self.completion_tokens.or(self.output_tokens).filter(sensible),
            parts: self.parts(read, written),
        }
    }

    fn parts(&self, read: Option<i64>, written: Option<i64>) -> Parts {
        let sensible = |n: Option<i64>| n.filter(|n| SENSIBLE.contains(n));
        let (prompt, completion) = (&self.prompt_tokens_details, &self.completion_tokens_details);
        let hour = sensible(self.cache_creation.ephemeral_1h_input_tokens);
        // What is not said to live longer lives for five minutes.
        let minutes = written.map(|written| (written - hour.unwrap_or(0)).max(0));
        Parts {
            cache_read: read.or(sensible(prompt.cached_tokens)),
            cache_write_5m: minutes
                .or(sensible(self.cache_creation.ephemeral_5m_input_tokens))
                .or(sensible(prompt.cache_write_tokens)),
            cache_write_1h: hour,
            audio_in: sensible(prompt.audio_tokens),
            image: sensible(prompt.image_tokens),
            reasoning: sensible(completion.reasoning_tokens),
            audio_out: sensible(completion.audio_tokens),
        }
    }
}

/// An answer, a chunk or an event, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    #[serde(default, deserialize_with = "numbers")]
    pub(super) usage: Option<Numbers>,
    pub(super) choices: Option<Vec<Choice>>,
    /// Anthropic's `message_start` carries a message.
    pub(super) message: Option<Inner>,
    pub(super) error: Option<ErrorSaid>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Inner {
    #[serde(default, deserialize_with = "numbers")]
    usage: Option<Numbers>,
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

impl Said {
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    pub(super) fn reported(&self) -> Reported {
        let numbers = self.usage.as_ref().or(self.message.as_ref().and_then(|m| m.usage.as_ref()));
        numbers.map(Numbers::reported).unwrap_or_default()
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
