//! What upstreams say a call used, in the two protocols.
use serde::{Deserialize, de::IgnoredAny};

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
#[expect(clippy::struct_field_names, reason = "the protocols' own names")]
pub(super) struct Numbers {
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cache_creation_input_tokens: Option<i64>,
    cache_read_input_tokens: Option<i64>,
}

impl Numbers {
    /// OpenAI's prompt has its cached tokens in it, Anthropic's input has not: both come to the same.
    pub(super) fn reported(&self) -> Reported {
        let cached = [self.cache_creation_input_tokens, self.cache_read_input_tokens];
        let cached = cached.into_iter().flatten().fold(0, i64::saturating_add);
        let input = self.input_tokens.map(|input| input.saturating_add(cached));
        let sensible = |n: &i64| SENSIBLE.contains(n);
        Reported {
            input: self.prompt_tokens.or(input).filter(sensible),
            output: self.completion_tokens.or(self.output_tokens).filter(sensible),
        }
    }
}

/// An answer, a chunk or an event, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    pub(super) usage: Option<Numbers>,
    pub(super) choices: Option<Vec<Choice>>,
    /// Anthropic's `message_start` carries a message.
    pub(super) message: Option<Inner>,
    pub(super) error: Option<ErrorSaid>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Inner {
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
    }
}
