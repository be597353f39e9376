//! What a call asks for, as far as it can be counted before there is an answer; and what is booked of a route whose
//! upstream does not say what it used.
use super::{estimate::Prompt, form::Form, heard::Heard, members::MOST_CHOICES, request::Head};
use crate::model::{Facts, Price, Route, Tokens, Units};
use bytes::Bytes;

/// Where nobody says how long a model's answers may become.
const LONGEST_ANSWER: i64 = 32_768;
/// A large picture, in tokens, at the highest quality.
const LARGEST_IMAGE: i64 = 6_500;
/// And a usual one.
const USUAL_IMAGE: i64 = 1_100;
/// Milliseconds of speech for a character: read slowly, and as people talk.
const SLOWLY: i64 = 200;
const USUALLY: i64 = 66;
/// Sound has a token for so many milliseconds, about.
const OF_SOUND: i64 = 50;
/// And its text for so many.
const OF_WORDS: i64 = 200;
/// A query of a reranker's is billed for so many documents.
const DOCUMENTS: i64 = 100;

pub(super) struct Asked {
    pub(super) route: Route,
    pub(super) prompt: Prompt,
    /// How many images.
    pub(super) images: i64,
    characters: i64,
    searches: i64,
    pub(super) heard: Option<Heard>,
    max_tokens: Option<i64>,
    choices: i64,
    /// The upstream keeps the answer, for its owner to ask for again.
    pub(super) keeps_answer: bool,
    /// Tokens of the answers that it goes on from, which the upstream reads again.
    pub(super) context: i64,
}

impl Asked {
    pub(super) fn of_json(route: Route, head: &Head, body: &Bytes) -> Self {
        let prompts = head.more.prompts.max(1);
        Self {
            route,
            prompt: Prompt::of(body),
            images: head.choices,
            characters: head.more.characters,
            searches: (head.more.documents + DOCUMENTS - 1) / DOCUMENTS,
            heard: None,
            max_tokens: match route {
                Route::Responses => head.more.max_output_tokens,
                _ => head.max_tokens,
            },
            choices: head.choices.saturating_mul(prompts),
            keeps_answer: route == Route::Responses && !head.more.not_kept,
            context: 0,
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn of_nothing(route: Route) -> Self {
        let prompt = Prompt::of(&Bytes::new());
        let (images, characters, searches) = (1, 0, 0);
        let (heard, max_tokens, choices, keeps_answer, context) = (None, None, 1, false, 0);
        Self {
            route,
            prompt,
            images,
            characters,
            searches,
            heard,
            max_tokens,
            choices,
            keeps_answer,
            context,
        }
    }

    pub(super) fn of_form(route: Route, form: &Form) -> Self {
        let images = form.texts.n.unwrap_or(1).clamp(1, MOST_CHOICES);
        Self {
            route,
            prompt: Prompt::of(&Bytes::copy_from_slice(form.texts.prompt.as_bytes())),
            images,
            characters: 0,
            searches: 0,
            heard: Some(form.heard.clone()),
            max_tokens: None,
            choices: 1,
            keeps_answer: false,
            context: 0,
        }
    }

    /// The most that the call can use: tokens in and out, and units.
    pub(super) fn at_most(&self, facts: &Facts) -> (i64, i64, Units) {
        let (prompt, none) = (self.prompt.at_most(), Units::default());
        match self.route {
            Route::Embeddings | Route::Moderations => (prompt, 0, none),
            Route::Rerank => (prompt, 0, self.units(0)),
            Route::ImageGenerations | Route::ImageEdits | Route::ImageVariations => {
                let each = facts.max_output_tokens.unwrap_or(LARGEST_IMAGE);
                let pictures = self.heard.as_ref().map_or(0, |_| LARGEST_IMAGE);
                let output = self.images.saturating_mul(each);
                (prompt.saturating_add(pictures), output, self.units(0))
            }
            Route::Speech => {
                let spoken = self.characters.saturating_mul(SLOWLY);
                (prompt, spoken / OF_SOUND, self.units(spoken))
            }
            Route::Transcriptions | Route::Translations => {
                let sound = self.heard.as_ref().map_or(0, Heard::at_most);
                let input = prompt.saturating_add(sound / OF_SOUND);
                (input, sound / OF_WORDS, self.units(sound))
            }
            Route::ChatCompletions
            | Route::Completions
            | Route::Responses
            | Route::Messages
            | Route::CountTokens => {
                (prompt.saturating_add(self.context), self.longest(facts), none)
            }
        }
    }

    /// What was used whatever the upstream says, with so long a sound.
    fn units(&self, milliseconds: i64) -> Units {
        let none = Units::default();
        match self.route {
            Route::Rerank => Units { searches: self.searches.max(1), ..none },
            Route::ImageGenerations | Route::ImageEdits | Route::ImageVariations => {
                Units { images: self.images, ..none }
            }
            Route::Speech => Units { characters: self.characters, milliseconds, ..none },
            Route::Transcriptions | Route::Translations => Units { milliseconds, ..none },
            _ => none,
        }
    }

    /// All that the upstream reads, where it does not say how much that was.
    pub(super) fn input(&self) -> i64 {
        self.prompt.tokens().saturating_add(self.context)
    }

    /// The units of a call whose upstream says nothing of them.
    pub(super) fn usual_units(&self) -> Units {
        let sound = match (self.route, &self.heard) {
            (Route::Speech, _) => self.characters.saturating_mul(USUALLY),
            (_, Some(heard)) => heard.milliseconds(),
            (_, None) => 0,
        };
        self.units(sound)
    }

    /// The same of tokens, of a route that answers with no text; `said` of text it has said. Who leaves before the end
    /// may have had all but that of the largest images.
    pub(super) fn usual_tokens(&self, said: i64, whole: bool) -> Tokens {
        let (prompt, units) = (self.prompt.tokens(), self.usual_units());
        let sound = units.milliseconds / OF_SOUND;
        let none = Tokens::default();
        match self.route {
            Route::Speech => Tokens { input: prompt, output: sound, audio_out: sound, ..none },
            Route::Transcriptions | Route::Translations => {
                let input = prompt.saturating_add(sound);
                Tokens { input, audio_in: sound, output: said, ..none }
            }
            Route::ImageGenerations | Route::ImageEdits | Route::ImageVariations => {
                let each = if whole { USUAL_IMAGE } else { LARGEST_IMAGE };
                Tokens { input: prompt, output: units.images.saturating_mul(each), ..none }
            }
            _ => Tokens { input: prompt, ..none },
        }
    }

    /// The most tokens that all choices of an answer can have.
    fn longest(&self, facts: &Facts) -> i64 {
        let ceiling = facts.max_output_tokens.or(facts.context_length);
        let each = match (self.max_tokens, ceiling) {
            (Some(asked), Some(ceiling)) => asked.min(ceiling),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => LONGEST_ANSWER,
        };
        each.saturating_mul(self.choices)
    }

    /// Whether all of the question has left. What has not is nothing that an upstream bills.
    pub(super) fn has_left(&self) -> bool {
        self.heard.as_ref().is_none_or(Heard::is_whole)
    }
}

/// What a price asks for: the rest is not estimated where an upstream does not say it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    pub(super) tokens: bool,
    pub(super) seconds: bool,
}

impl Needs {
    pub(super) fn of(price: &Price) -> Self {
        Self { tokens: price.is_by_tokens(), seconds: price.per_second.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(route: Route, body: &str) -> Asked {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Asked::of_json(route, &Head::find(&body, Some("m"), None).unwrap(), &body)
    }

    #[test]
    fn an_answer_is_as_long_as_was_asked_or_as_the_model_can() {
        let of = |members: &str, ceiling| {
            let facts = Facts { max_output_tokens: ceiling, ..Facts::default() };
            asked(Route::ChatCompletions, &format!("{{\"model\":\"m\"{members}}}")).longest(&facts)
        };
        assert_eq!(of(",\"max_tokens\":100", Some(4096)), 100);
        assert_eq!(of(",\"max_tokens\":9000", Some(4096)), 4096);
        assert_eq!(of(",\"max_tokens\":90000", None), 90_000);
        assert_eq!(of(",\"max_output_tokens\":7", None), LONGEST_ANSWER, "not of this route");
        let answer = asked(Route::Responses, "{\"max_output_tokens\":7,\"max_tokens\":1}");
        assert_eq!(answer.longest(&Facts::default()), 7);
        assert_eq!(of(",\"max_completion_tokens\":5,\"max_tokens\":9,\"n\":3", None), 27);
        assert_eq!(of(",\"max_tokens\":5,\"best_of\":4,\"prompt\":[\"a\",\"b\"]", None), 40);
        assert_eq!(of("", Some(4096)), 4096);
        for odd in ["", ",\"max_tokens\":\"9\"", ",\"max_tokens\":-1", ",\"max_tokens\":1e99"] {
            assert_eq!(of(odd, None), LONGEST_ANSWER, "{odd}");
        }
        assert_eq!(of(&format!(",\"max_tokens\":{},\"n\":999", i64::MAX), None), i64::MAX);
    }

    #[test]
    fn what_is_used_at_most_is_never_less_than_what_is_usual() {
        for (route, body, units) in [
            (Route::Speech, "{\"input\":\"Hello\"}", Units { characters: 5, ..Units::default() }),
            (Route::ImageGenerations, "{\"n\":3}", Units { images: 3, ..Units::default() }),
            (Route::Rerank, "{\"documents\":[]}", Units { searches: 1, ..Units::default() }),
            (Route::Embeddings, "{\"input\":\"Hello there\"}", Units::default()),
            (Route::Moderations, "{\"input\":\"Hello there\"}", Units::default()),
        ] {
            let asked = asked(route, body);
            let (input, output, most) = asked.at_most(&Facts::default());
            let (tokens, usual) = (asked.usual_tokens(0, false), asked.usual_units());
            assert!(tokens.input <= input.max(4) && tokens.output <= output, "{route:?}");
            assert!(usual.milliseconds <= most.milliseconds, "{route:?}");
            assert_eq!(Units { milliseconds: 0, ..usual }, units, "{route:?}");
            assert_eq!(Units { milliseconds: 0, ..most }, units, "{route:?}");
        }
        let documents = vec!["\"d\""; 201].join(",");
        let body = format!("{{\"documents\":[{documents}]}}");
        assert_eq!(asked(Route::Rerank, &body).usual_units().searches, 3);
    }
}
