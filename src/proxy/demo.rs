//! The built-in upstream `demo`: answers in both protocols, streams at the pace of a person reading, counts.
use super::{estimate::about, refusal::Dialect, upstream::UpstreamBody};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Response, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};
use std::{convert::Infallible, time::Duration};

const PACE: Duration = Duration::from_millis(25);
const ANSWER: &str = "Hello! This answer comes from Gatekey's built-in demo model. No provider was asked \
    and nothing was spent: the words are always the same. But all the rest is real. You signed in with a \
    browser, an app was given a key of its own, Gatekey checked that key, streamed these words as they \
    came, and booked the tokens to you and to the app. Put a real provider behind it with [[upstream]] \
    and [[model]] in gatekey.toml, and the same key calls real models.";

pub(super) fn answer(dialect: Dialect, body: &Bytes, stream: bool) -> Response<UpstreamBody> {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let model = asked["model"].as_str().unwrap_or("demo").to_owned();
    let (input, output) = (about(body.len()), about(ANSWER.len()));
    if stream {
        let with_usage = asked["stream_options"]["include_usage"] == Value::Bool(true);
        let events = match dialect {
            Dialect::OpenAi | Dialect::OpenRouter => {
                chunks(&model, with_usage.then_some((input, output)))
            }
            Dialect::Anthropic => message_events(&model, input, output),
        };
        return paced(events);
    }
    let whole = match dialect {
        Dialect::OpenAi | Dialect::OpenRouter => json!({
            "id": "chatcmpl-demo", "object": "chat.completion", "created": 1_700_000_000, "model": model,
            "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": ANSWER}}],
            "usage": usage(input, output),
        }),
        Dialect::Anthropic => json!({
            "id": "msg_demo", "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": ANSWER}],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": input, "output_tokens": output},
        }),
    };
    let body = Full::new(Bytes::from(whole.to_string())).boxed_unsync();
    let mut response = Response::new(UpstreamBody::Made(body));
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn usage(input: i64, output: i64) -> Value {
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}

fn words() -> impl Iterator<Item = &'static str> {
    ANSWER.split_inclusive(' ')
}

fn chunks(model: &str, report: Option<(i64, i64)>) -> Vec<String> {
    let chunk = |choices: Value| {
        json!({"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": model, "choices": choices})
    };
    let delta = |delta: Value, end: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": end}]))
    };
    let mut chunks = vec![delta(json!({"role": "assistant", "content": ""}), Value::Null)];
    chunks.extend(words().map(|word| delta(json!({"content": word}), Value::Null)));
    chunks.push(delta(json!({}), json!("stop")));
    if let Some((input, output)) = report {
        let mut last = chunk(json!([]));
        last["usage"] = usage(input, output);
        chunks.push(last);
    }
    let mut events: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    events.push("data: [DONE]\n\n".into());
    events
}

fn message_events(model: &str, input: i64, output: i64) -> Vec<String> {
    let mut events = vec![
        json!({"type": "message_start", "message": {
            "id": "msg_demo", "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": input, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ];
    events.extend(words().map(|word| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
    }));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": output}}),
        json!({"type": "message_stop"}),
    ]);
    let name = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
    events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect()
}

fn paced(events: Vec<String>) -> Response<UpstreamBody> {
    let frames = stream::iter(events).then(|event| async {
        tokio::time::sleep(PACE).await;
        Ok::<_, Infallible>(Frame::data(Bytes::from(event)))
    });
    let body = StreamBody::new(frames).boxed_unsync();
    let mut response = Response::new(UpstreamBody::Made(body));
    let events = http::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, events);
    response
}
