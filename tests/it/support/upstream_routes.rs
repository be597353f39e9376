//! The other routes of the upstream: what is asked in `input`, `prompt` or `query` says what it does, and `no usage` says
//! that it does not tell what it used.
use super::{
    packed::packed,
    upstream::{Shared, note, odd, streamed, wish},
};
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Map, Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

pub(super) fn routes() -> Router<Arc<Mutex<super::upstream::Known>>> {
    Router::new()
        .route("/v1/responses", post(responses))
        .route("/v1/responses/{id}", get(kept).delete(kept))
        .route("/v1/responses/{id}/input_items", get(kept))
        .route("/v1/completions", post(completions))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/images/generations", post(images))
        .route("/v1/images/edits", post(images))
        .route("/v1/images/variations", post(images))
        .route("/v1/audio/speech", post(speech))
        .route("/v1/audio/transcriptions", post(transcript))
        .route("/v1/audio/translations", post(transcript))
        .route("/v1/rerank", post(rerank))
        .route("/v1/moderations", post(moderations))
}

/// A form as an object: texts, and of files how long they are.
pub(super) async fn form(body: Body, boundary: String) -> Value {
    let mut form = multer::Multipart::new(body.into_data_stream(), boundary);
    let mut parts = Map::new();
    while let Ok(Some(part)) = form.next_field().await {
        let name = part.name().unwrap_or_default().to_owned();
        let is_file = part.file_name().is_some();
        let Ok(bytes) = part.bytes().await else { break };
        let value = if is_file {
            json!({"bytes": bytes.len()})
        } else {
            json!(String::from_utf8_lossy(&bytes))
        };
        parts.insert(name, value);
    }
    Value::Object(parts)
}

/// As it is said after `usage: `, nothing after `no usage`, or the usual.
fn usage(body: &Value, usual: Value) -> Value {
    let wish = wish(body);
    match wish.strip_prefix("usage: ") {
        Some(text) => serde_json::from_str(text).unwrap(),
        None if wish == "no usage" => Value::Null,
        None => usual,
    }
}

fn named(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
}

static ANSWERS: AtomicUsize = AtomicUsize::new(0);

fn an_answer(
    (id, model): (&str, &Value),
    (status, text): (&str, &str),
    used: &Value,
    error: &Value,
) -> Value {
    let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
    json!({"id": id, "object": "response", "created_at": 1, "status": status, "model": model,
        "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": content}],
        "error": error, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "usage": used})
}

async fn responses(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    let used = usage(
        &body,
        json!({"input_tokens": 11, "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18}),
    );
    let id = format!("resp_{:032x}", ANSWERS.fetch_add(1, Ordering::SeqCst));
    // "id …": by that id.
    let id = wish(&body).strip_prefix("id ").map_or(id, str::to_owned);
    let answer = |status: &str, text: &str, used: &Value, error: Value| {
        an_answer((&id, &body["model"]), (status, text), used, &error)
    };
    let boom =
        json!({"code": "rate_limit_exceeded", "message": "too much of sk-provider-key-of-openai"});
    let said = wish(&body);
    if body["stream"] != true || said == "json all the same" {
        if said == "fails" {
            return Json(answer("failed", "", &Value::Null, boom)).into_response();
        }
        let whole = answer("completed", "Hi there, friend", &used, Value::Null);
        return packed(&said, "application/json", whole.to_string());
    }
    let mut events = vec![
        json!({"type": "response.created", "response": answer("in_progress", "", &Value::Null, Value::Null)}),
        json!({"type": "response.output_item.added", "output_index": 0,
            "item": {"id": "msg_1", "type": "message", "role": "assistant", "content": []}}),
    ];
    for text in ["Hi", " there", ", ", "friend"] {
        events.push(json!({"type": "response.output_text.delta", "item_id": "msg_1",
            "output_index": 0, "content_index": 0, "delta": text}));
    }
    events.push(match said.as_str() {
        "fails" => {
            json!({"type": "response.failed", "response": answer("failed", "", &Value::Null, boom)})
        }
        "says error" => {
            json!({"type": "error", "code": "server_error", "message": "gone wrong", "param": null})
        }
        "incomplete" => {
            json!({"type": "response.incomplete", "response": answer("incomplete", "Hi", &used, Value::Null)})
        }
        _ => json!({"type": "response.completed",
            "response": answer("completed", "Hi there, friend", &used, Value::Null)}),
    });
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    if said == "fails at once" {
        events = vec![events.remove(0)];
        events[0]["type"] = json!("response.failed");
        events[0]["response"]["error"] =
            json!({"code": "rate_limit_exceeded", "message": "too much"});
    }
    let events: Vec<String> = events.iter().map(named).collect();
    streamed(&known, &said, &events)
}

async fn kept(State(known): Shared, Path(id): Path<String>, request: Request) -> Response {
    let said = json!({"method": request.method().as_str()});
    let place = (request.uri().to_string(), request.headers().clone(), said);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    known.lock().unwrap().calls.push(place);
    if method == "DELETE" {
        return Json(json!({"id": id, "object": "response", "deleted": true})).into_response();
    }
    let object = if path.ends_with("items") { "list" } else { "response" };
    Json(json!({"id": id, "object": object, "note": "sk-provider-key-of-openai"})).into_response()
}

async fn completions(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    let used =
        usage(&body, json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}));
    let whole = |text: &str, end: Value, used: &Value| {
        json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"],
            "choices": [{"index": 0, "text": text, "finish_reason": end}], "usage": used})
    };
    if body["stream"] != true {
        let whole = whole("Hi there", json!("stop"), &used);
        return packed(&wish(&body), "application/json", whole.to_string());
    }
    let mut events: Vec<String> = ["Hi", " there", ", ", "friend"]
        .iter()
        .map(|text| format!("data: {}\n\n", whole(text, Value::Null, &Value::Null)))
        .collect();
    events.push(format!("data: {}\n\n", whole("", json!("stop"), &Value::Null)));
    if body["stream_options"]["include_usage"] == true && !used.is_null() {
        let last = json!({"id": "cmpl-1", "choices": [], "usage": used});
        events.push(format!("data: {last}\n\n"));
    }
    events.push("data: [DONE]\n\n".into());
    streamed(&known, &wish(&body), &events)
}

async fn embeddings(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    let used = usage(&body, json!({"prompt_tokens": 9, "total_tokens": 9}));
    // Longer than what is read whole: its usage is in its tail.
    let count = if wish(&body) == "long" { 700_000 } else { 2 };
    let numbers: Vec<f64> = vec![0.123_456_789; count];
    let whole = json!({"object": "list", "model": body["model"], "data": [
        {"object": "embedding", "index": 0, "embedding": numbers}], "usage": used});
    packed(&wish(&body), "application/json", whole.to_string())
}

async fn images(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    let asked = body["n"].as_u64().or_else(|| body["n"].as_str()?.parse().ok()).unwrap_or(1);
    let used = usage(
        &body,
        json!({"input_tokens": 20, "input_tokens_details": {"text_tokens": 15, "image_tokens": 5},
            "output_tokens": 100, "total_tokens": 120}),
    );
    if body["stream"] == true {
        let event = |kind: &str, more: Value| {
            let mut event = json!({"type": kind, "b64_json": "AAAA"});
            more.as_object().into_iter().flatten().for_each(|(k, v)| event[k] = v.clone());
            named(&event)
        };
        let events = [
            event("image_generation.partial_image", json!({"partial_image_index": 0})),
            event("image_generation.completed", json!({"usage": used})),
        ];
        return streamed(&known, &wish(&body), &events);
    }
    // One fewer than asked, if so: what was made counts.
    let made = if wish(&body) == "one fewer" { asked - 1 } else { asked };
    let data: Vec<Value> = (0..made).map(|_| json!({"b64_json": "AAAA"})).collect();
    let mut whole = json!({"created": 1, "data": data});
    if wish(&body) != "no tokens" {
        whole["usage"] = used;
    }
    packed(&wish(&body), "application/json", whole.to_string())
}

async fn speech(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    if body["stream_format"] == "sse" {
        let used =
            usage(&body, json!({"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}));
        let events = [
            named(&json!({"type": "speech.audio.delta", "audio": "AAAA"})),
            named(&json!({"type": "speech.audio.delta", "audio": "AAAA"})),
            named(&json!({"type": "speech.audio.done", "usage": used})),
        ];
        return streamed(&known, &wish(&body), &events);
    }
    ([(header::CONTENT_TYPE, "audio/mpeg")], vec![7_u8; 50_000]).into_response()
}

async fn transcript(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    let used = usage(&body, json!({"type": "duration", "seconds": 3}));
    if body["stream"] == "true" {
        let events = [
            named(&json!({"type": "transcript.text.delta", "delta": "Hi there"})),
            named(&json!({"type": "transcript.text.done", "text": "Hi there", "usage": used})),
        ];
        return streamed(&known, &wish(&body), &events);
    }
    match body["response_format"].as_str() {
        Some("text" | "srt" | "vtt") => "Hi there\n".into_response(),
        Some("verbose_json") => {
            Json(json!({"text": "Hi there", "duration": 2.5, "language": "en"})).into_response()
        }
        _ => {
            let mut whole = json!({"text": "Hi there"});
            if !used.is_null() {
                whole["usage"] = used;
            }
            packed(&wish(&body), "application/json", whole.to_string())
        }
    }
}

async fn rerank(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    let mut whole = json!({"id": "r", "results": [{"index": 0, "relevance_score": 0.9}]});
    match wish(&body).as_str() {
        "no usage" => {}
        "as jina" => whole["usage"] = json!({"total_tokens": 33}),
        _ => whole["meta"] = json!({"billed_units": {"search_units": 2}}),
    }
    packed(&wish(&body), "application/json", whole.to_string())
}

async fn moderations(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    let whole = json!({"id": "modr-1", "model": body["model"], "results": [{"flagged": false}]});
    packed(&wish(&body), "application/json", whole.to_string())
}
