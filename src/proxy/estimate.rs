//! How many tokens a call used where its upstream does not say: its texts, counted by a tokenizer. Providers' own
//! tokenizers differ by some percent from one another; what is counted here is marked as estimated.
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// Of what is produced so many bytes are kept; what comes later counts as those did.
const LONGEST_SAMPLE: usize = 16 << 10;
/// A piece that is larger is no token or two.
const LARGE_PIECE: usize = 2 << 10;
/// A picture, whatever its size in bytes: about what providers count for a large one.
const IMAGE: i64 = 1_000;
/// A prompt of so many bytes is kept whole; of a longer one three parts of it.
const SHORT_PROMPT: usize = 8 << 10;
/// What frames a message, as OpenAI's guide to counting has it.
const MESSAGE: i64 = 4;
/// Members whose strings are no text of the conversation.
const NO_TEXT: [&str; 9] = [
    "id",
    "type",
    "role",
    "model",
    "object",
    "finish_reason",
    "stop_reason",
    "system_fingerprint",
    "service_tier",
];

/// Loaded when it is first needed: it takes memory that most servers never need.
fn tokens_of(text: &str) -> i64 {
    let tokens = tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len();
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

/// About four bytes are a token: for what need not be read.
pub(super) fn about(bytes: usize) -> i64 {
    i64::try_from(bytes.div_ceil(4)).unwrap_or(i64::MAX)
}

/// A part's tokens, for the whole.
fn scaled(tokens: i64, part: usize, whole: usize) -> i64 {
    let (part, whole) = (i128::try_from(part.max(1)), i128::try_from(whole));
    let (Ok(part), Ok(whole)) = (part, whole) else { return tokens };
    i64::try_from((i128::from(tokens) * whole + part - 1) / part).unwrap_or(i64::MAX)
}

/// The last place up to there at which a text can be cut.
fn floor(text: &str, most: usize) -> usize {
    let most = most.min(text.len());
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// What was asked, as far as it is kept while the answer comes.
pub(super) struct Prompt {
    kept: Bytes,
    /// Without pictures.
    length: usize,
    images: i64,
}

/// What stands before the base64 of a picture, in either protocol.
const PICTURES: [&[u8]; 3] = [b";base64,", b"\"data\":\"", b"\"data\": \""];
/// Shorter ones are as likely to be words.
const SMALLEST_PICTURE: usize = 256;

/// How many pictures a large body has, and how many bytes they take.
fn pictures(body: &[u8]) -> (i64, usize) {
    let (mut count, mut bytes) = (0, 0);
    for mark in PICTURES {
        for at in memchr::memmem::find_iter(body, mark) {
            let data = &body[at + mark.len()..];
            let length = memchr::memchr(b'"', data).unwrap_or(data.len());
            // A data URL in a member called data is found once.
            if length >= SMALLEST_PICTURE && !data.starts_with(b"data:") {
                (count, bytes) = (count + 1, bytes + length);
            }
        }
    }
    (count, bytes)
}

impl Prompt {
    pub(super) fn of(body: &Bytes) -> Self {
        let length = body.len();
        if length <= SHORT_PROMPT {
            return Self { kept: body.clone(), length, images: 0 };
        }
        let (images, bytes) = pictures(body);
        // A copy, so that the body itself can go as soon as it is sent. Beside pictures no part is sure to be text.
        let part = SHORT_PROMPT / 3;
        let starts = [0, (length - part) / 2, length - part];
        let starts = if images > 0 { &[][..] } else { &starts[..] };
        let kept: Vec<u8> = starts.iter().flat_map(|&at| &body[at..at + part]).copied().collect();
        Self { kept: kept.into(), length: length.saturating_sub(bytes), images }
    }

    /// For what must be known before a call leaves: about four bytes are a token.
    pub(super) fn at_most(&self) -> i64 {
        about(self.length).saturating_add(self.images.saturating_mul(IMAGE))
    }

    pub(super) fn tokens(&self) -> i64 {
        if self.kept.is_empty() {
            return self.at_most();
        }
        if self.length == self.kept.len()
            && let Ok(body) = serde_json::from_slice::<Value>(&self.kept)
        {
            let mut text = String::new();
            gather(&body, &mut text);
            let messages = body.get("messages").and_then(Value::as_array).map_or(0, Vec::len);
            let frames = i64::try_from(messages).unwrap_or(0) * MESSAGE;
            return tokens_of(&text).saturating_add(frames);
        }
        let part = String::from_utf8_lossy(&self.kept);
        scaled(tokens_of(&part), self.kept.len(), self.length)
    }
}

/// All text there is, whatever it is part of.
fn gather(value: &Value, text: &mut String) {
    match value {
        Value::String(more) => {
            text.push_str(more);
            text.push('\n');
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, text)),
        Value::Object(members) => {
            let said = members.iter().filter(|(name, _)| !NO_TEXT.contains(&name.as_str()));
            said.for_each(|(_, value)| gather(value, text));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What was produced so far. Nothing is read of it unless it must be: most upstreams say what they used.
#[derive(Default)]
pub(super) struct Produced {
    /// The first pieces of a stream, one after the other, and where each ends.
    pieces: Vec<u8>,
    ends: Vec<usize>,
    /// Later ones: as large as those were.
    beyond: usize,
    /// An answer that came as one.
    whole: String,
    /// Bytes in which no text was found.
    unread: usize,
}

/// The text of pieces.
#[derive(Default)]
struct Texts {
    text: String,
    /// Pieces in which no text was found: about a token each.
    unread: i64,
}

/// A piece of a stream, of either protocol.
#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    delta: Option<Said>,
}

/// Answers and transcripts say a text where the other protocols have an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Text(String),
    Parts(Delta),
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    refusal: Option<String>,
    text: Option<String>,
    thinking: Option<String>,
    partial_json: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize)]
struct ToolCall {
    #[serde(default)]
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

impl Produced {
    /// An event of a stream that may carry text.
    pub(super) fn piece(&mut self, data: &[u8]) {
        if data.len() > LARGE_PIECE {
            // Nearly all of it is text.
            self.unread += data.len();
            return;
        }
        if self.pieces.len() + data.len() > LONGEST_SAMPLE {
            self.beyond += 1;
            return;
        }
        self.pieces.extend_from_slice(data);
        self.ends.push(self.pieces.len());
    }

    /// An answer that came as one.
    pub(super) fn whole(&mut self, json: &[u8]) {
        match serde_json::from_slice::<Value>(json) {
            Ok(Value::Object(answer)) => {
                let parts = ["choices", "content", "output", "text"];
                for part in parts.iter().filter_map(|part| answer.get(*part)) {
                    gather(part, &mut self.whole);
                }
            }
            _ => self.unread = json.len(),
        }
        let sample = floor(&self.whole, LONGEST_SAMPLE);
        self.unread += self.whole.len() - sample;
        self.whole.truncate(sample);
    }

    /// A plain text, of which only the length is known.
    pub(super) fn unread(&mut self, bytes: usize) {
        self.unread += bytes;
    }

    pub(super) fn tokens(&self) -> i64 {
        let mut texts = Texts::default();
        let mut start = 0;
        for end in &self.ends {
            texts.read(&self.pieces[start..*end]);
            start = *end;
        }
        let read = if texts.text.is_empty() { 0 } else { tokens_of(&texts.text) };
        let read = scaled(read + texts.unread, self.ends.len(), self.ends.len() + self.beyond);
        let whole = if self.whole.is_empty() { 0 } else { tokens_of(&self.whole) };
        read.saturating_add(whole).saturating_add(about(self.unread))
    }
}

impl Texts {
    fn read(&mut self, data: &[u8]) {
        let Ok(piece) = serde_json::from_slice::<Piece>(data) else {
            self.unread += 1;
            return;
        };
        for choice in piece.choices {
            self.add(choice.text);
            self.delta(choice.delta);
        }
        match piece.delta {
            Some(Said::Text(text)) => self.add(Some(text)),
            Some(Said::Parts(delta)) => self.delta(Some(delta)),
            None => {}
        }
    }

    fn delta(&mut self, delta: Option<Delta>) {
        let Some(delta) = delta else { return };
        let texts = [delta.content, delta.reasoning_content, delta.reasoning, delta.refusal];
        let more = [delta.text, delta.thinking, delta.partial_json];
        for text in texts.into_iter().chain(more) {
            self.add(text);
        }
        for call in delta.tool_calls.into_iter().flatten() {
            let function = call.function.unwrap_or(Function { name: None, arguments: None });
            self.add(function.name);
            self.add(function.arguments);
        }
    }

    fn add(&mut self, text: Option<String>) {
        self.text.extend(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_and_their_json_is_not() {
        let mut produced = Produced::default();
        for text in ["Hi", " there", ", ", "friend"] {
            let chunk =
                format!("{{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}");
            produced.piece(chunk.as_bytes());
        }
        assert_eq!(produced.tokens(), 4);
        produced.piece(b"{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\" and all\"}}");
        produced.piece(b"{\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\" of you\"}}]}}]}");
        assert_eq!(produced.tokens(), 8);
        produced.piece(b"{\"choices\":[{\"delta\":{\"content\":[1]}}]}");
        assert_eq!(produced.tokens(), 9, "what cannot be read is about a token");
        for _ in 0..10_000 {
            produced.piece(b"{\"choices\":[{\"delta\":{\"content\":\" word\"}}]}");
        }
        assert!((9_500..10_100).contains(&produced.tokens()), "{}", produced.tokens());
        assert!(produced.pieces.len() <= LONGEST_SAMPLE);
        let mut large = Produced::default();
        large.piece(
            format!("{{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}", "word ".repeat(4000))
                .as_bytes(),
        );
        assert!((4_500..5_500).contains(&large.tokens()), "{}", large.tokens());
        large.whole(format!("{{\"choices\":[\"{}\"]}}", "word \u{e9}".repeat(100_000)).as_bytes());
        assert!(
            large.whole.len() <= LONGEST_SAMPLE && large.tokens() > 150_000,
            "{}",
            large.tokens()
        );
        let mut whole = Produced::default();
        whole.whole(b"{\"id\":\"x\",\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"Hi there\"}}]}");
        assert_eq!(whole.tokens(), 3);
    }

    #[test]
    fn a_long_prompt_is_judged_by_parts_of_it() {
        let body = |count: usize| {
            let text = "The quick brown fox jumps over the lazy dog. ".repeat(count);
            Bytes::from(format!(
                "{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]}}"
            ))
        };
        assert_eq!(Prompt::of(&body(10)).tokens(), 105);
        let long = Prompt::of(&body(10_000));
        assert!(long.kept.len() <= SHORT_PROMPT);
        assert!((99_000..103_000).contains(&long.tokens()), "{}", long.tokens());
        let picture = "iVBORw0KGgo".repeat(100_000);
        for member in [
            format!("\"image_url\":{{\"url\":\"data:image/png;base64,{picture}\"}}"),
            format!("\"source\":{{\"type\":\"base64\",\"data\":\"{picture}\"}}"),
            format!("\"data\":\"data:image/png;base64,{picture}\""),
        ] {
            let prompt = Prompt::of(&Bytes::from(format!("{{\"messages\":[{{{member}}}]}}")));
            assert!((1_000..1_100).contains(&prompt.tokens()), "{}", prompt.tokens());
        }
        for odd in ["", "{", "\u{1F600}", "[[[[1]]]]"] {
            assert!(Prompt::of(&Bytes::from(odd)).tokens() <= 4);
        }
    }
}
