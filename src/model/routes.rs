//! The routes by which models are called, and which of them a key may use.
use super::matches_pattern;
use serde::{Deserialize, Serialize};

/// A route that reaches a model. Lists of models and of keys are none: reading what one may do is always allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    ChatCompletions,
    Completions,
    Responses,
    Embeddings,
    ImageGenerations,
    ImageEdits,
    ImageVariations,
    Speech,
    Transcriptions,
    Translations,
    Rerank,
    Moderations,
    Messages,
    CountTokens,
}

impl Route {
    pub const ALL: [Self; 14] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Responses,
        Self::Embeddings,
        Self::ImageGenerations,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::Speech,
        Self::Transcriptions,
        Self::Translations,
        Self::Rerank,
        Self::Moderations,
        Self::Messages,
        Self::CountTokens,
    ];

    /// As the protocol has it; all are served without `/v1` too.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
            Self::Embeddings => "/v1/embeddings",
            Self::ImageGenerations => "/v1/images/generations",
            Self::ImageEdits => "/v1/images/edits",
            Self::ImageVariations => "/v1/images/variations",
            Self::Speech => "/v1/audio/speech",
            Self::Transcriptions => "/v1/audio/transcriptions",
            Self::Translations => "/v1/audio/translations",
            Self::Rerank => "/v1/rerank",
            Self::Moderations => "/v1/moderations",
            Self::Messages => "/v1/messages",
            Self::CountTokens => "/v1/messages/count_tokens",
        }
    }

    /// The same without `/v1`.
    #[must_use]
    pub fn short_path(self) -> &'static str {
        plain(self.path())
    }

    /// Whichever way it is written.
    #[must_use]
    pub fn named(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| plain(route.path()) == plain(path))
    }

    /// Of Anthropic's protocol; all others are of OpenAI's, or of its kind.
    #[must_use]
    pub fn is_anthropic(self) -> bool {
        matches!(self, Self::Messages | Self::CountTokens)
    }

    /// Its body is a form with files (`multipart/form-data`).
    #[must_use]
    pub fn takes_files(self) -> bool {
        matches!(
            self,
            Self::Transcriptions | Self::Translations | Self::ImageEdits | Self::ImageVariations
        )
    }

    /// LiteLLM's words for several at once.
    fn is_one_of(self, word: &str) -> bool {
        match word {
            "llm_api_routes" => true,
            "openai_routes" => !self.is_anthropic(),
            "anthropic_routes" => self.is_anthropic(),
            _ => false,
        }
    }

    fn fits(self, entry: &str) -> bool {
        self.is_one_of(entry) || matches_pattern(plain(entry), plain(self.path()))
    }
}

/// Base URLs are written with and without it.
fn plain(path: &str) -> &str {
    path.strip_prefix("/v1").unwrap_or(path)
}

/// Paths, patterns of paths with `*`, or LiteLLM's words for several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RouteList(Vec<String>);

impl RouteList {
    /// `Err`: the first entry that fits no route there is.
    pub fn parse(entries: Vec<String>) -> Result<Self, String> {
        let lost = |entry: &&String| !Route::ALL.iter().any(|route| route.fits(entry));
        match entries.iter().find(lost) {
            Some(entry) => Err(entry.clone()),
            None => Ok(Self(entries)),
        }
    }

    /// An empty list allows every route, as an empty list of models allows every model.
    #[must_use]
    pub fn allows(&self, route: Route) -> bool {
        self.0.is_empty() || self.0.iter().any(|entry| route.fits(entry))
    }

    #[must_use]
    pub fn entries(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_named_with_and_without_v1_by_pattern_or_by_litellm_s_words() {
        use Route::{
            ChatCompletions as Chat, CountTokens as Count, Messages, Speech, Transcriptions,
            Translations,
        };
        for (entry, fits) in [
            ("/v1/chat/completions", &[Chat][..]),
            ("/chat/completions", &[Chat]),
            ("/v1/messages", &[Messages]),
            ("/messages*", &[Messages, Count]),
            ("/v1/*", &Route::ALL),
            ("/audio/*", &[Speech, Transcriptions, Translations]),
            ("llm_api_routes", &Route::ALL),
            ("openai_routes", &Route::ALL[..12]),
            ("anthropic_routes", &[Messages, Count]),
        ] {
            let list = RouteList::parse(vec![entry.into()]).unwrap();
            for route in Route::ALL {
                assert_eq!(list.allows(route), fits.contains(&route), "{entry} {route:?}");
            }
        }
        for lost in ["/v1/chat", "chat", "", "/V1/messages", "management_routes"] {
            assert_eq!(RouteList::parse(vec![lost.into()]), Err(lost.to_owned()));
        }
        assert_eq!(Route::named("/messages/count_tokens"), Some(Count));
    }
}
