//! The scan of a body and the tap of a stream beside a full parse of the same bytes: whatever they are, both must come
//! to the same. Called by property tests here, and by the fuzzer (`fuzz/`).
use super::{
    asked::Asked,
    members,
    meter::{Content, Meter},
    request::Head,
    tap::{Kind, passed},
    wire::Wire,
};
use crate::model::{Price, Route};
use bytes::Bytes;
use serde_json::Value;
use std::ops::Range;

const SENSIBLE: Range<i64> = 0..1_000_000_001;

/// The members of an object in order, doubled ones too.
struct Members(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> serde::de::Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        value.deserialize_map(Object)
    }
}

/// Whether no member that is read is there twice, or in another case, or is of a kind that cannot be read.
fn fits(all: &[(String, Value)]) -> bool {
    let named = |name: &str| -> Vec<&Value> {
        all.iter().filter(|(own, _)| own == name).map(|(_, value)| value).collect()
    };
    let known = |own: &str| members::NAMES.contains(&own);
    let alike = |own: &str| members::NAMES.iter().any(|name| members::is_alike(own, name));
    let none_alike = !all.iter().any(|(own, _)| !known(own) && alike(own));
    let none_doubled = members::NAMES.iter().all(|name| named(name).len() < 2);
    let whole = |name: &str| named(name).iter().all(|n| n.is_null() || n.as_i64().is_some());
    let texts = named("previous_response_id").iter().all(|id| id.is_null() || id.is_string());
    none_alike && none_doubled && texts && whole("n") && whole("best_of")
}

/// What the scan finds in a body, and what it splices in, is what a tree would say.
pub fn body(data: &[u8]) {
    let scanned = Head::find(data, None, None).ok();
    let Ok(Members(members)) = serde_json::from_slice::<Members>(data) else {
        // The scan reads over what it does not need, as the upstream may not; it must only not lose its way.
        if let Some(head) = scanned {
            let _ = head.rewrite(Bytes::copy_from_slice(data), "another", head.stream);
        }
        return;
    };
    let one = |name: &str| members.iter().find(|(own, _)| own == name).map(|(_, value)| value);
    let stream = match one("stream") {
        None | Some(Value::Null) => Some(false),
        Some(value) => value.as_bool(),
    };
    let options = one("stream_options").filter(|value| !value.is_null());
    let fits = fits(&members) && stream.is_some() && options.is_none_or(Value::is_object);
    let model = one("model").and_then(Value::as_str).filter(|_| fits);
    let (Some(model), Some(head)) = (model, &scanned) else {
        assert_eq!(model.is_some(), scanned.is_some(), "one of both refuses");
        return;
    };
    assert_eq!((head.model.as_str(), Some(head.stream)), (model, stream));
    let asks = options.is_some_and(|options| options["include_usage"] == true);
    assert_eq!(head.asks_usage, asks);
    let untouched = head.rewrite(Bytes::copy_from_slice(data), model, false);
    assert_eq!(untouched, data, "a body passes as the same bytes");
    if !head.stream {
        return;
    }
    let spliced = head.rewrite(Bytes::copy_from_slice(data), "a\"nother", true);
    let Ok(Members(after)) = serde_json::from_slice::<Members>(&spliced) else {
        panic!("what was spliced is no JSON: {}", String::from_utf8_lossy(&spliced))
    };
    for (name, value) in &after {
        match name.as_str() {
            "model" => assert_eq!(value, "a\"nother"),
            "stream_options" => assert_eq!(value["include_usage"], true),
            other => {
                assert_eq!(Some(value), members.iter().find(|(n, _)| n == other).map(|(_, v)| v));
            }
        }
    }
    let more = usize::from(one("stream_options").is_none());
    assert_eq!(after.len(), members.len() + more, "nothing is lost or doubled");
}

/// A stream of an answer means the same however it is cut, and passes as the same bytes. Answers with what was read.
#[cfg(test)]
fn answer_stream(data: &[u8], cuts: &[u8]) -> Read {
    let wire = Wire::new(Route::Responses);
    let whole = run((Kind::Events, wire), &[data]);
    let cut = run((Kind::Events, wire), &cut(data, cuts));
    assert_eq!(whole, cut, "a cut changes nothing");
    assert_eq!(whole.passed, data, "the caller's bytes are the upstream's");
    whole
}

fn cut<'a>(data: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces: Vec<&[u8]> = Vec::new();
    let mut rest = data;
    for cut in cuts {
        let (piece, more) = rest.split_at(usize::from(*cut).min(rest.len()));
        pieces.push(piece);
        rest = more;
    }
    pieces.push(rest);
    pieces
}

/// A stream means the same however it is cut, passes as the same bytes, and its usage is what a full parse finds.
pub fn stream(anthropic: bool, data: &[u8], cuts: &[u8]) {
    let wire = Wire::new(if anthropic { Route::Messages } else { Route::ChatCompletions });
    let whole = run((Kind::Events, wire), &[data]);
    let pieces = cut(data, cuts);
    let cut = run((Kind::Events, wire), &pieces);
    assert_eq!(whole, cut, "a cut changes nothing");
    assert_eq!(whole.passed, data, "the caller's bytes are the upstream's");
    // Keys written with escapes are read by nobody's clients otherwise than by a full parse; ours looks for plain ones.
    if !data.contains(&b'\\') && std::str::from_utf8(data).is_ok() {
        assert_eq!((whole.input, whole.output), reported(data), "as a full parse has it");
    }
    if !anthropic {
        let edited = run((Kind::Edited { with_usage: false }, wire), &pieces);
        assert_eq!(
            (edited.input, edited.output, edited.done),
            (whole.input, whole.output, whole.done)
        );
        let uncut = run((Kind::Edited { with_usage: false }, wire), &[data]);
        assert_eq!(edited, uncut, "an edited stream is cut as well");
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Read {
    passed: Vec<u8>,
    input: Option<i64>,
    output: Option<i64>,
    done: bool,
    failed: bool,
}

fn run(how: (Kind, Wire), pieces: &[&[u8]]) -> Read {
    let asked = Asked::of_nothing(how.1.route);
    let mut meter = Meter::new(how.1, asked, &Price::default());
    meter.begin(Content::Events, false);
    let mut all = Vec::new();
    for piece in pieces {
        all.extend_from_slice(&passed(&mut meter, how, Bytes::copy_from_slice(piece)));
    }
    // What is held back until its event is whole comes at the end; what is not was passed already.
    let rest = meter.finish();
    if how.0 != Kind::Events {
        all.extend_from_slice(&rest);
    }
    let (input, output) = meter.said();
    Read { passed: all, input, output, done: meter.done, failed: meter.failed }
}

/// By a full parse of each event: the last sensible figures, of both protocols.
fn reported(data: &[u8]) -> (Option<i64>, Option<i64>) {
    let text = String::from_utf8_lossy(data).replace("\n\r\n", "\n\n");
    let (mut input, mut output) = (None, None);
    for event in text.split("\n\n") {
        let data = event.split('\n').find_map(|line| line.strip_prefix("data:"));
        let Some(data) = data.map(|data| data.trim_matches(|c: char| c.is_ascii_whitespace()))
        else {
            continue;
        };
        let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
        let usage = [&event["usage"], &event["message"]["usage"]];
        let Some(usage) = usage.into_iter().find(|usage| !usage.is_null()) else { continue };
        let of = |name: &str| usage[name].as_i64();
        let sensible = |n: &i64| SENSIBLE.contains(n);
        let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"];
        let cached: i64 = cached.iter().filter_map(|name| of(name).filter(sensible)).sum();
        let prompt = of("prompt_tokens").or(of("input_tokens").map(|n| n.saturating_add(cached)));
        input = prompt.filter(sensible).filter(|n| *n > 0).or(input);
        output = of("completion_tokens").or(of("output_tokens")).filter(sensible).or(output);
    }
    (input, output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    /// Members of a request, as they are and as they should not be.
    fn member() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "model",
            "stream",
            "stream_options",
            "max_tokens",
            "n",
            "messages",
            "x",
            "mod\\u0065l",
            "Model",
            "input",
            "metadata",
            "",
        ]);
        let value = prop::sample::select(vec![
            "\"gpt-4o\"",
            "\"a\\u0062\\\"\"",
            "true",
            "false",
            "null",
            "1",
            "1e3",
            "-0.5",
            "{}",
            "[]",
            "{\"include_usage\":true}",
            "{\"include_usage\":false,\"x\":[1]}",
            "{\"model\":\"no\"}",
            "[{\"role\":\"user\",\"content\":\"{\\\"model\\\":1}\"}]",
            "\"\\ud800\"",
            "tru",
            "",
        ]);
        let blank = prop::sample::select(vec!["", " ", "\n\t"]);
        (name, value, blank).prop_map(|(name, value, b)| format!("{b}\"{name}\"{b}:{b}{value}{b}"))
    }

    fn event(anthropic: bool) -> impl Strategy<Value = String> {
        let number = prop::sample::select(vec![
            "0",
            "7",
            "12",
            "-5",
            "\"7\"",
            "1e3",
            "9223372036854775808",
            "null",
            "[]",
        ]);
        let kind =
            prop::sample::select(if anthropic { ANTHROPIC.to_vec() } else { OPENAI.to_vec() });
        let ends = prop::sample::select(vec!["\n\n", "\r\n\r\n", "\n", ""]);
        (kind, number.clone(), number, ends)
            .prop_map(|(kind, a, b, end)| format!("{}{end}", kind.replace('A', a).replace('B', b)))
    }

    const OPENAI: [&str; 8] = [
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"usage\":null}",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":A,\"completion_tokens\":B}}",
        "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":A,\"completion_tokens\":B}}",
        "data: {\"error\":{\"message\":\"x\"}}",
        ": comment",
        "event: x\ndata:{\"choices\":[{\"delta\":{\"content\":\"no usage here\"}}]}",
        "data: [DONE]",
        "data: {\"usage\":",
    ];

    const ANSWER: [&str; 8] = [
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"usage\":null,\"error\":null}}",
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"say \\\"response.completed\\\" \\\"usage\\\"\"}",
        "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":A,\"output_tokens\":B}}}",
        "data: {\"type\":\"response.incomplete\",\"response\":{\"usage\":{\"output_tokens\":B,\"input_tokens\":A}}}",
        "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"x\",\"message\":\"y\"},\"usage\":null}}",
        "event: error\ndata: {\"type\":\"error\",\"code\":\"x\",\"message\":\"y\"}",
        ": comment",
        "data: {\"type\":\"response.completed\",",
    ];

    fn answer_event() -> impl Strategy<Value = (usize, String)> {
        let number = prop::sample::select(vec!["0", "7", "12", "-5", "\"7\"", "null"]);
        (0..ANSWER.len(), number.clone(), number).prop_map(|(at, a, b)| {
            (at, format!("{}\n\n", ANSWER[at].replace('A', a).replace('B', b)))
        })
    }

    const ANTHROPIC: [&str; 7] = [
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":A,\"output_tokens\":B,\"cache_read_input_tokens\":A}}}",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"hi\"}}",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":B}}",
        "event: ping\ndata: {\"type\":\"ping\"}",
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"x\"}}",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}",
        "data",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_body_is_scanned_as_a_tree_would_have_it(members in vec(member(), 0..6), tail in "[ x]{0,2}") {
            body(format!("{{{}}}{tail}", members.join(",")).as_bytes());
        }

        #[test]
        fn bytes_of_any_kind_are_no_trouble(mut data in vec(any::<u8>(), 0..200), cuts in vec(any::<u8>(), 0..6)) {
            body(&data);
            data.iter_mut().filter(|b| **b > 200).for_each(|b| *b = b'\n');
            stream(false, &data, &cuts);
            stream(true, &data, &cuts);
        }

        #[test]
        fn a_stream_of_openai_s_is_read_as_a_full_parse_reads_it(events in vec(event(false), 0..8), cuts in vec(0_u8..90, 0..12)) {
            stream(false, events.concat().as_bytes(), &cuts);
        }

        #[test]
        fn a_stream_of_an_answer_ends_as_its_last_word_says(events in vec(answer_event(), 0..8), cuts in vec(0_u8..90, 0..12)) {
            let text: String = events.iter().map(|(_, event)| event.as_str()).collect();
            let read = answer_stream(text.as_bytes(), &cuts);
            let has = |kinds: &[usize]| events.iter().any(|(at, _)| kinds.contains(at));
            prop_assert_eq!((read.done, read.failed), (has(&[2, 3]), has(&[4, 5])));
            prop_assert!(has(&[2, 3]) || (read.input, read.output) == (None, None));
        }

        #[test]
        fn a_stream_of_anthropic_s_is_read_as_a_full_parse_reads_it(events in vec(event(true), 0..8), cuts in vec(0_u8..90, 0..12)) {
            stream(true, events.concat().as_bytes(), &cuts);
        }
    }
}
