//! The members of a request that are read, found in one pass; and what only some routes say with them.
use super::refusal::Reason;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;

/// OpenAI's own bound of `n`.
pub(super) const MOST_CHOICES: i64 = 128;

/// Each by its name, as it stands in the body; none may be there twice, or in another case: some upstreams take the
/// last that is meant, whatever its case.
macro_rules! members {
    ($($name:ident)*) => {
        #[derive(Default)]
        pub(super) struct Members<'a> {
            $(pub(super) $name: Option<&'a RawValue>,)*
        }

        #[expect(non_camel_case_types, reason = "the protocols' own names")]
        enum Name {
            $($name,)*
            Other,
        }

        impl Name {
            fn of<E: serde::de::Error>(text: &str) -> Result<Self, E> {
                match text {
                    $(stringify!($name) => return Ok(Self::$name),)*
                    _ => {}
                }
                for known in [$(stringify!($name)),*] {
                    if is_alike(text, known) {
                        return Err(E::custom(format_args!("{text:?} must be written {known:?}")));
                    }
                }
                Ok(Self::Other)
            }
        }

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key()? {
                    let (place, name) = match name {
                        $(Name::$name => (&mut members.$name, stringify!($name)),)*
                        Name::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if place.replace(map.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field(name));
                    }
                }
                Ok(members)
            }
        }

        /// For who judges the same by a full parse.
        #[cfg(any(test, fuzzing))]
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

struct Object;

members! {
    model stream stream_options max_tokens max_completion_tokens max_output_tokens n best_of user metadata
    previous_response_id background conversation store input prompt documents tools
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
                Name::of(text)
            }
        }
        value.deserialize_str(Text)
    }
}

/// The same but for the case of its letters, as Go's JSON has it: two letters beyond ASCII fold into it.
pub(super) fn is_alike(text: &str, known: &str) -> bool {
    let folded = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    text.len() >= known.len() && text.chars().map(folded).eq(known.chars())
}

/// What only some routes have, or read.
#[derive(Debug)]
pub(super) struct More {
    /// Whom the caller asks for: OpenAI's `user`, Anthropic's `metadata.user_id`.
    pub(super) end_user: Option<String>,
    /// `previous_response_id`.
    pub(super) previous: Option<String>,
    /// What nobody could book, or whose would not be known.
    pub(super) cannot: Option<Cannot>,
    /// `store` is false: nobody can ask for the answer again.
    pub(super) not_kept: bool,
    /// The longest answer on `/v1/responses`.
    pub(super) max_output_tokens: Option<i64>,
    /// Characters of `input`, if that is one text.
    pub(super) characters: i64,
    /// How many `documents`.
    pub(super) documents: i64,
    /// How many prompts, if there are several.
    pub(super) prompts: i64,
    /// The types of `tools`, those within others too. `None`: they cannot be read.
    pub(super) tools: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cannot {
    /// It goes on when the caller is gone.
    Background,
    /// It is anybody's who has its id.
    Conversation,
    /// `input` has items that only the upstream knows.
    References,
}

#[derive(Deserialize)]
struct UserId<'a> {
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
}

/// An item of `input`, as far as it tells whether its content is with it.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
}

impl Members<'_> {
    /// The longest answer in chat and messages: the larger where there are two. What is no number is the upstream's to
    /// refuse.
    pub(super) fn max_tokens(&self) -> Option<i64> {
        let all = [self.max_completion_tokens, self.max_tokens];
        all.into_iter().filter_map(number).filter(|most| *most >= 0).max()
    }

    /// How many answers: `n`, or `best_of` of them.
    pub(super) fn choices(&self) -> Result<i64, Reason> {
        let of = |raw: Option<&RawValue>, name: &str| match said(raw) {
            None => Ok(1),
            raw => number(raw).ok_or_else(|| {
                Reason::BadRequest(format!("{name} must be a whole number, such as 1."))
            }),
        };
        Ok(of(self.n, "n")?.max(of(self.best_of, "best_of")?).clamp(1, MOST_CHOICES))
    }

    pub(super) fn more(&self) -> Result<More, Reason> {
        let wrong = |_| Reason::BadRequest("previous_response_id must be a text.".into());
        let previous = said(self.previous_response_id).map(|raw| serde_json::from_str(raw.get()));
        let input = said(self.input);
        let is_text = |raw: &&RawValue| raw.get().starts_with('"');
        // A list of numbers is one prompt, as its tokens.
        let of_texts = |raw: &&RawValue| {
            let list = raw.get().strip_prefix('[');
            list.is_some_and(|list| list.trim_start().starts_with(['"', '[']))
        };
        let user_id =
            |raw: &RawValue| text(serde_json::from_str::<UserId>(raw.get()).ok()?.user_id?);
        Ok(More {
            end_user: said(self.user).and_then(text).or(said(self.metadata).and_then(user_id)),
            previous: previous.transpose().map_err(wrong)?,
            cannot: self.cannot(),
            not_kept: said(self.store).is_some_and(|raw| raw.get() == "false"),
            max_output_tokens: number(self.max_output_tokens).filter(|most| *most >= 0),
            characters: input.filter(is_text).map_or(0, characters),
            documents: several(self.documents),
            prompts: several(self.prompt.filter(of_texts)),
            tools: said(self.tools).map_or_else(|| Some(Vec::new()), |raw| tools(raw, 2)),
        })
    }
}

impl Members<'_> {
    fn cannot(&self) -> Option<Cannot> {
        let items = said(self.input).filter(|raw| raw.get().starts_with('['));
        if said(self.background).is_some_and(|raw| raw.get() != "false") {
            Some(Cannot::Background)
        } else if said(self.conversation).is_some() {
            Some(Cannot::Conversation)
        } else {
            items.is_some_and(refers).then_some(Cannot::References)
        }
    }
}

/// What is null is not said.
fn said(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

fn number(raw: Option<&RawValue>) -> Option<i64> {
    raw.and_then(|raw| raw.get().parse().ok())
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// Of what is no good text as many as it has bytes: nothing is free because it cannot be read.
fn characters(raw: &RawValue) -> i64 {
    let count = text(raw).map_or(raw.get().len(), |text| text.chars().count());
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn several(raw: Option<&RawValue>) -> i64 {
    let many = raw.and_then(|raw| serde_json::from_str::<Vec<IgnoredAny>>(raw.get()).ok());
    many.map_or(0, |many| i64::try_from(many.len()).unwrap_or(i64::MAX))
}

/// Whether some item is only named, by an id that anybody may have had from the upstream.
fn refers(input: &RawValue) -> bool {
    let items: Vec<&RawValue> = serde_json::from_str(input.get()).unwrap_or_default();
    let alone = |item: &&RawValue| {
        let Ok(item) = serde_json::from_str::<Item>(item.get()) else {
            // Texts and numbers name nothing; what is an object and cannot be read might.
            return item.get().starts_with('{');
        };
        match item.kind.and_then(text) {
            Some(kind) => kind == "item_reference",
            None => item.content.is_none(),
        }
    };
    items.iter().any(alone)
}

fn tools(raw: &RawValue, deep: u8) -> Option<Vec<String>> {
    let all: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    let mut kinds = Vec::new();
    for tool in all {
        let tool: Tool = serde_json::from_str(tool.get()).ok()?;
        kinds.extend(tool.kind);
        if let Some(within) = tool.tools.filter(|raw| raw.get() != "null") {
            kinds.extend(tools(within, deep.checked_sub(1)?)?);
        }
    }
    Some(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn more(body: &str) -> More {
        serde_json::from_str::<Members>(body).unwrap().more().unwrap()
    }

    #[test]
    fn what_only_some_routes_have_is_found() {
        let speech = more("{\"input\":\"Gr\u{fc}\\u00dfe\",\"user\":\"ada\"}");
        assert_eq!((speech.characters, speech.end_user.as_deref()), (5, Some("ada")));
        assert_eq!(more("{\"input\":\"\\ud800 and more\"}").characters, 17, "as it stands there");
        let rerank = more("{\"documents\":[\"a\",{\"text\":\"b\"}],\"query\":\"x\"}");
        assert_eq!(rerank.documents, 2);
        assert_eq!(more("{\"prompt\":[ [1,2],[3]]}").prompts, 2);
        assert_eq!(more("{\"prompt\":[1,2,3]}").prompts, 0);
        assert_eq!(more("{\"metadata\":{\"user_id\":\"bob\"}}").end_user.as_deref(), Some("bob"));
        let answer =
            more("{\"previous_response_id\":\"r\",\"background\":true,\"conversation\":{}}");
        assert_eq!(
            (answer.previous.as_deref(), answer.cannot),
            (Some("r"), Some(Cannot::Background))
        );
        assert_eq!(more("{\"conversation\":{}}").cannot, Some(Cannot::Conversation));
        let nothing =
            more("{\"previous_response_id\":null,\"background\":false,\"conversation\":null}");
        assert!(nothing.previous.is_none() && nothing.cannot.is_none());
        let odd = serde_json::from_str::<Members>("{\"previous_response_id\":1}").unwrap();
        assert!(odd.more().is_err());
        let tools =
            "{\"tools\":[{\"type\":\"a\"},{\"type\":\"namespace\",\"tools\":[{\"type\":\"b\"}]}]}";
        assert_eq!(more(tools).tools.unwrap(), ["a", "namespace", "b"]);
        for odd in ["7", "{}", "[7]", "[{\"type\":1}]", "[{\"type\":\"a\",\"type\":\"b\"}]"] {
            assert_eq!(more(&format!("{{\"tools\":{odd}}}")).tools, None, "{odd}");
        }
    }

    #[test]
    fn items_that_only_the_upstream_knows_are_told_from_those_that_are_here() {
        for (input, refers) in [
            ("\"Hello\"", false),
            ("[{\"role\":\"user\",\"content\":\"x\"}]", false),
            ("[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"user\",\"content\":[]}]", false),
            ("[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"x\"}]", false),
            ("[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]", true),
            ("[{\"type\":\"item\\u005freference\",\"id\":\"msg_1\"}]", true),
            ("[{\"id\":\"msg_1\"}]", true),
            ("[{\"type\":null,\"id\":\"msg_1\"}]", true),
            ("[{\"id\":\"msg_1\",\"id\":\"msg_2\"}]", true),
            ("[{\"type\":\"message\",\"type\":\"item_reference\",\"id\":\"msg_1\"}]", true),
        ] {
            let cannot = more(&format!("{{\"input\":{input}}}")).cannot;
            assert_eq!(cannot == Some(Cannot::References), refers, "{input}");
        }
    }

    #[test]
    fn a_member_is_there_once_and_in_its_own_case() {
        for (body, fits) in [
            ("{\"model\":\"a\",\"x\":1,\"x\":2}", true),
            ("{\"model\":\"a\",\"mod\\u0065l\":\"b\"}", false),
            ("{\"model\":\"a\",\"MODEL\":\"b\"}", false),
            ("{\"\u{17f}tream\":true}", false),
            ("{\"bac\u{212a}ground\":true}", false),
            ("{\"models\":[]}", true),
        ] {
            assert_eq!(serde_json::from_str::<Members>(body).is_ok(), fits, "{body}");
        }
    }
}
