//! What upstreams say a call used, in the two protocols.
use crate::model::Tokens;
use serde::{Deserialize, Deserializer};
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
    pub(super) units: ReportedUnits,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ReportedUnits {
    /// How many there are in the answer.
    pub(super) images: Option<i64>,
    pub(super) milliseconds: Option<i64>,
    pub(super) searches: Option<i64>,
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
        or(&mut self.units.images, later.units.images);
        or(&mut self.units.milliseconds, later.units.milliseconds);
        or(&mut self.units.searches, later.units.searches);
    }

    /// What was said of tokens before as well, of one after the other.
    pub(super) fn plus(mut self, before: Self) -> Self {
        let add = |to: &mut Option<i64>, n: Option<i64>| {
            *to = to.map(|to| to.saturating_add(n.unwrap_or(0)));
        };
        add(&mut self.input, before.input);
        add(&mut self.output, before.output);
        add(&mut self.parts.cache_read, before.parts.cache_read);
        add(&mut self.parts.image, before.parts.image);
        self
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
    /// Of answers and images, in the words of which the first part is Anthropic's too.
    #[serde(deserialize_with = "details")]
    input_tokens_details: Details,
    #[serde(deserialize_with = "details")]
    output_tokens_details: Details,
    /// Of transcripts.
    #[serde(deserialize_with = "details")]
    input_token_details: Details,
    /// All that embeddings and rerankers of some providers say.
    #[serde(deserialize_with = "whole_number")]
    total_tokens: Option<i64>,
    /// Of sound.
    #[serde(deserialize_with = "seconds")]
    seconds: Option<i64>,
    #[serde(deserialize_with = "whole_number")]
    search_units: Option<i64>,
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

/// Seconds, in milliseconds.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let seconds = <&RawValue>::deserialize(deserializer)?.get().parse::<f64>().ok();
    let sensible = seconds.filter(|seconds| (0.0..=1e7).contains(seconds));
    #[expect(clippy::cast_possible_truncation, reason = "it is at most a year")]
    Ok(sensible.map(|seconds| (seconds * 1e3).ceil() as i64))
}

/// The same for the whole of them: what cannot be read was there and says nothing.
pub(super) fn numbers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Numbers>, D::Error> {
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
            units: ReportedUnits {
                images: None,
                milliseconds: self.seconds,
                searches: self.search_units.filter(sensible),
            },
        }
    }

    /// Of a route that answers with no text: all tokens are of the question.
    pub(super) fn all_input(&self) -> Option<i64> {
        self.total_tokens.filter(|n| SENSIBLE.contains(n) && *n > 0)
    }

    fn parts(&self, read: Option<i64>, written: Option<i64>) -> Parts {
        let sensible = |n: Option<i64>| n.filter(|n| SENSIBLE.contains(n));
        let of = |part: fn(&Details) -> Option<i64>, all: &[&Details]| {
            sensible(all.iter().find_map(|details| part(details)))
        };
        let inputs =
            [&self.prompt_tokens_details, &self.input_tokens_details, &self.input_token_details];
        let outputs = [&self.completion_tokens_details, &self.output_tokens_details];
        let hour = sensible(self.cache_creation.ephemeral_1h_input_tokens);
        // What is not said to live longer lives for five minutes.
        let minutes = written.map(|written| (written - hour.unwrap_or(0)).max(0));
        Parts {
            cache_read: read.or(of(|d| d.cached_tokens, &inputs)),
            cache_write_5m: minutes
                .or(sensible(self.cache_creation.ephemeral_5m_input_tokens))
                .or(of(|d| d.cache_write_tokens, &inputs)),
            cache_write_1h: hour,
            audio_in: of(|d| d.audio_tokens, &inputs),
            image: of(|d| d.image_tokens, &inputs),
            reasoning: of(|d| d.reasoning_tokens, &outputs),
            audio_out: of(|d| d.audio_tokens, &outputs),
        }
    }
}
