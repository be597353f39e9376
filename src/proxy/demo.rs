//! The built-in upstream `demo`: answers in both protocols, streams at the pace of a person reading, counts.
mod response;

use super::{estimate::about, upstream::UpstreamBody};
use crate::model::{Hash, Route};
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

pub(super) fn answer(route: Route, body: &Bytes, stream: bool) -> Response<UpstreamBody> {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let model = asked["model"].as_str().unwrap_or("demo").to_owned();
    let (input, output) = (about(body.len()), about(ANSWER.len()));
    if stream {
        let with_usage = asked["stream_options"]["include_usage"] == Value::Bool(true);
        let report = with_usage.then_some((input, output));
        return paced(match route {
            Route::Messages | Route::CountTokens => message_events(&model, input, output),
            Route::Responses => response::events(&model, (input, output)),
            Route::Completions => completion_chunks(&model, report),
            _ => chunks(&model, report),
        });
    }
    let whole = match route {
        Route::Messages | Route::CountTokens => json!({
            "id": "msg_demo", "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": ANSWER}],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": input, "output_tokens": output},
        }),
        Route::Responses => response::whole(&model, "completed", Some((input, output))),
        Route::Embeddings => embeddings(&model, &asked["input"], input),
        Route::Completions => json!({
            "id": "cmpl-demo", "object": "text_completion", "created": 1_700_000_000, "model": model,
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null, "text": ANSWER}],
            "usage": usage(input, output),
        }),
        _ => json!({
            "id": "chatcmpl-demo", "object": "chat.completion", "created": 1_700_000_000, "model": model,
            "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": ANSWER}}],
            "usage": usage(input, output),
        }),
    };
    let body = Full::new(Bytes::from(whole.to_string())).boxed_unsync();
    let mut response = Response::new(UpstreamBody::Made(body));
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The same few numbers for the same text, so that programs which compare them can be tried.
fn embeddings(model: &str, input: &Value, tokens: i64) -> Value {
    let texts = match input {
        Value::Array(texts) if !texts.iter().all(Value::is_number) => texts.clone(),
        one => vec![one.clone()],
    };
    let embedding = |(index, text): (usize, &Value)| {
        let hash = Hash::of(&text.to_string());
        let numbers: Vec<f64> =
            hash.0.iter().take(8).map(|byte| f64::from(*byte) / 128.0 - 1.0).collect();
        json!({"object": "embedding", "index": index, "embedding": numbers})
    };
    let data: Vec<Value> = texts.iter().enumerate().map(embedding).collect();
    json!({"object": "list", "model": model, "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
}

fn completion_chunks(model: &str, report: Option<(i64, i64)>) -> Vec<String> {
    let chunk = |choices: Value| {
        json!({"id": "cmpl-demo", "object": "text_completion", "created": 1_700_000_000,
            "model": model, "choices": choices})
    };
    let text = |text: &str, end: Value| {
        chunk(json!([{"index": 0, "text": text, "logprobs": null, "finish_reason": end}]))
    };
    let mut chunks: Vec<Value> = words().map(|word| text(word, Value::Null)).collect();
    chunks.push(text("", json!("stop")));
    closed(chunks, chunk(json!([])), report)
}

/// With the usage where it was asked for, and the protocol's end.
fn closed(mut chunks: Vec<Value>, mut last: Value, report: Option<(i64, i64)>) -> Vec<String> {
    if let Some((input, output)) = report {
        last["usage"] = usage(input, output);
        chunks.push(last);
    }
    let mut events: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    events.push("data: [DONE]\n\n".into());
    events
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
    closed(chunks, chunk(json!([])), report)
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
    named(&events)
}

/// Each by its type.
fn named(events: &[Value]) -> Vec<String> {
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
