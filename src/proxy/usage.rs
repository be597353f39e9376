//! What upstreams say a call used, in the two protocols.
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

/// No call of today is as large; a number beyond it, or below zero, is a mistake (field report K33).
const SENSIBLE: std::ops::RangeInclusive<i64> = 0..=1_000_000_000;

/// Tokens as far as they were reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) input: Option<i64>,
    pub(super) output: Option<i64>,
}

impl Reported {
    /// Later reports complete or replace earlier ones.
    pub(super) fn merge(&mut self, later: Self) {
        self.input = later.input.or(self.input);
        self.output = later.output.or(self.output);
    }
}

/// OpenAI's and Anthropic's members side by side: their names differ, so one shape reads both.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the protocols' own names")]
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

impl Numbers {
    /// OpenAI's prompt has its cached tokens in it, Anthropic's input has not: both come to the same.
    pub(super) fn reported(&self) -> Reported {
        let cached = [self.cache_creation_input_tokens, self.cache_read_input_tokens];
        let cached = cached.into_iter().flatten().fold(0, i64::saturating_add);
        let input = self.input_tokens.map(|input| input.saturating_add(cached));
        let sensible = |n: &i64| SENSIBLE.contains(n);
        Reported {
            // No prompt is empty: some servers say zero where they do not know.
            input: self.prompt_tokens.or(input).filter(sensible).filter(|&input| input > 0),
            output: self.completion_tokens.or(self.output_tokens).filter(sensible),
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

    #[test]
    fn both_protocols_come_to_the_same_numbers() {
        let openai =
            reported(r#"{"usage":{"prompt_tokens":12,"completion_tokens":7,"total_tokens":19}}"#);
        let anthropic = reported(
            r#"{"usage":{"input_tokens":2,"cache_read_input_tokens":10,"output_tokens":7}}"#,
        );
        assert_eq!(openai, Reported { input: Some(12), output: Some(7) });
        assert_eq!(anthropic, openai);
        let start =
            r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}"#;
        assert_eq!(reported(start), Reported { input: Some(5), output: Some(1) });
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
            let said = reported(&format!(
                r#"{{"usage":{{"prompt_tokens":{input},"completion_tokens":7}}}}"#
            ));
            assert_eq!(said, Reported { input: None, output }, "{input}");
        }
        let largest = reported(
            r#"{"usage":{"input_tokens":9223372036854775807,"cache_read_input_tokens":1,"output_tokens":7}}"#,
        );
        assert_eq!(largest, Reported { input: None, output: Some(7) });
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
        assert_eq!(
            merged,
            Reported { input: Some(12), output: Some(7) },
            "the later one, as far as it says"
        );
    }
}
