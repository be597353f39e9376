//! From what an upstream said, and what passed, to what is booked.
use super::{meter::Meter, said::Said, usage::Reported, wire::Flow};
use crate::model::{Amount, Route, Tokens, Units};

/// What was used, and whether a number is ours.
pub(super) struct Counted {
    pub(super) amount: Amount,
    pub(super) estimated: bool,
}

impl Meter {
    /// An answer as a whole, of whatever route.
    pub(super) fn reported_by(&self, said: &Said) -> Reported {
        let mut reported = said.reported();
        reported.input = reported.input.or(self.all_input(said.all_input()));
        reported.units.images = said.images().filter(|_| self.is_of_images());
        reported
    }

    /// Where no token is of the answer.
    pub(super) fn all_input(&self, total: Option<i64>) -> Option<i64> {
        total.filter(|_| matches!(self.wire.route, Route::Embeddings | Route::Rerank))
    }

    pub(super) fn is_of_images(&self) -> bool {
        use Route::{ImageEdits, ImageGenerations, ImageVariations};
        matches!(self.wire.route, ImageGenerations | ImageEdits | ImageVariations)
    }

    /// What was used so far. A caller that left is counted what was produced, not what was announced.
    pub(super) fn counted(&self, whole: bool) -> Counted {
        self.count(&self.reported, whole)
    }

    /// What an answer says that it used, if it says all that there is to say.
    pub(super) fn said_by(&self, json: &[u8]) -> Option<Amount> {
        let said = Said::parse(json)?;
        let counted = self.count(&self.reported_by(&said), true);
        (!counted.estimated).then_some(counted.amount)
    }

    fn count(&self, reported: &Reported, whole: bool) -> Counted {
        if self.wire.flow() == Flow::Typed {
            return self.count_typed(reported, whole);
        }
        let output = match reported.output {
            Some(output) if whole => output,
            Some(output) => output.max(self.produced.tokens()),
            None => self.produced.tokens(),
        };
        let input = reported.input.unwrap_or_else(|| self.asked.input());
        let tokens = reported.tokens(input, output);
        let units = Units { searches: reported.units.searches.unwrap_or(0), ..Units::default() };
        Counted {
            amount: Amount { tokens, units },
            estimated: reported.input.is_none() || reported.output != Some(output),
        }
    }

    /// Of a route whose answers are no text: what no price asks for is not estimated.
    fn count_typed(&self, reported: &Reported, whole: bool) -> Counted {
        let (route, said) = (self.wire.route, &reported.units);
        let mut units = self.asked.usual_units();
        // An upstream that says tokens counts those.
        let says_tokens = reported.input.is_some();
        let mut estimated = match route {
            Route::Rerank => said.searches.is_none() && !says_tokens,
            Route::Transcriptions | Route::Translations => {
                said.milliseconds.is_none() && !says_tokens
            }
            Route::Embeddings | Route::Moderations | Route::Speech => false,
            _ => said.images.is_none() && !says_tokens,
        };
        units.images = said.images.filter(|_| self.is_of_images()).unwrap_or(units.images);
        units.milliseconds = said.milliseconds.unwrap_or(units.milliseconds);
        units.searches = said.searches.unwrap_or(units.searches);
        if route == Route::Speech {
            estimated = self.needs.seconds;
            units.milliseconds *= i64::from(self.needs.tokens || self.needs.seconds);
        }
        let no_output = matches!(route, Route::Embeddings | Route::Rerank | Route::Moderations);
        let tokens = match (reported.input, reported.output) {
            (Some(input), output) if output.is_some() || no_output => {
                reported.tokens(input, output.unwrap_or(0))
            }
            _ if self.needs.tokens => {
                estimated = true;
                let usual = self.asked.usual_tokens(self.produced.tokens(), whole);
                let said = reported.tokens(
                    reported.input.unwrap_or(usual.input),
                    reported.output.unwrap_or(usual.output),
                );
                Tokens { audio_in: usual.audio_in, audio_out: usual.audio_out, ..said }.fitted()
            }
            _ => Tokens::default(),
        };
        Counted { amount: Amount { tokens, units }, estimated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Price,
        proxy::{asked::Asked, meter::Content, wire::Wire},
    };

    #[test]
    fn an_answer_that_is_too_long_to_be_read_is_counted_by_its_end_or_by_its_length() {
        let text = "x".repeat(9 << 20);
        for (end, expected) in [
            ("\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}", 7..8),
            ("\"usage\":null", 2 << 20..3 << 20),
            ("\"id\":1", 2 << 20..3 << 20),
        ] {
            let route = Route::ChatCompletions;
            let asked = Asked::of_nothing(route);
            let mut meter = Meter::new(Wire::new(route), asked, &Price::default());
            meter.begin(Content::Json, false);
            let whole = format!("{{\"choices\":[\"{text}\"],{end}}}");
            whole.as_bytes().chunks(100_000).for_each(|piece| meter.feed(piece));
            meter.finish();
            let counted = meter.counted(true);
            assert!(expected.contains(&counted.amount.tokens.output), "{end}");
            assert_eq!(counted.estimated, expected.start > 7, "{end}");
        }
    }
}
