//! An LLM API of both protocols. The first message says what it does: `cut 3`, `empty`, `error`, `gzip`, …
use super::packed::{gzipped, packed};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    pub(crate) known: Arc<Mutex<Known>>,
}

#[derive(Default)]
pub(crate) struct Known {
    /// Path and query, headers and body of each call.
    pub(crate) calls: Vec<(String, HeaderMap, Value)>,
    /// How many calls were asked for, by path, whether they stream, and what they are to do.
    pub(crate) counts: BTreeMap<(String, bool, String), usize>,
    /// Only counts: there are too many to be kept.
    pub(crate) only_counts: bool,
    /// Streams that were dropped before their end.
    pub(crate) dropped: usize,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let known = Arc::<Mutex<Known>>::default();
        let router = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/messages", post(messages))
            .route("/v1/messages/count_tokens", post(count))
            .merge(super::upstream_routes::routes())
            .with_state(known.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, known }
    }

    pub(crate) fn last(&self) -> (String, HeaderMap, Value) {
        self.known.lock().unwrap().calls.last().expect("a call").clone()
    }

    pub(crate) fn calls(&self) -> usize {
        self.known.lock().unwrap().calls.len()
    }

    pub(crate) fn dropped(&self) -> usize {
        self.known.lock().unwrap().dropped
    }
}

pub(super) type Shared = State<Arc<Mutex<Known>>>;

pub(super) async fn note(known: &Mutex<Known>, request: Request) -> Value {
    let (parts, body) = request.into_parts();
    let body: Value = if let Some(boundary) = boundary(&parts.headers) {
        super::upstream_routes::form(body, boundary).await
    } else {
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    };
    let path = parts.uri.to_string();
    let mut known = known.lock().unwrap();
    let what = (path.clone(), body["stream"] == true, wish(&body));
    *known.counts.entry(what).or_default() += 1;
    if !known.only_counts {
        known.calls.push((path, parts.headers, body.clone()));
    }
    body
}

/// Of a form.
fn boundary(headers: &HeaderMap) -> Option<String> {
    multer::parse_boundary(headers.get(header::CONTENT_TYPE)?.to_str().ok()?).ok()
}

/// Of whichever route.
pub(super) fn wish(body: &Value) -> String {
    let said = [&body["messages"][0]["content"], &body["input"], &body["prompt"], &body["query"]];
    said.iter().find_map(|said| said.as_str()).unwrap_or_default().to_owned()
}

async fn chat(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    let streams = body["stream"] == true;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    let usage = json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18});
    // "usage: …" is reported as it is said.
    let said = wish(&body);
    let said = said.strip_prefix("usage: ").map(|text| serde_json::from_str(text).unwrap());
    let usage = said.unwrap_or(usage);
    if !streams {
        let whole = json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi there"}, "finish_reason": "stop"}],
            "usage": usage});
        return packed(&wish(&body), "application/json", whole.to_string());
    }
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
            "model": body["model"], "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let delta = |text: &str, end: Value| {
        chunk(json!([{"index": 0, "delta": {"content": text}, "finish_reason": end}]), Value::Null)
    };
    let mut events: Vec<String> =
        ["Hi", " there", ", ", "friend"].iter().map(|t| delta(t, Value::Null)).collect();
    events.push(delta("", json!("stop")));
    if body["stream_options"]["include_usage"] == true && wish(&body) != "no usage" {
        events.push(chunk(json!([]), usage));
    }
    events.push("data: [DONE]\n\n".into());
    streamed(&known, &wish(&body), &events)
}

async fn messages(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    if let Some(odd) = odd(&wish(&body)).await {
        return odd;
    }
    if wish(&body) == "overloaded" {
        let event = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
        return ([(header::CONTENT_TYPE, "text/event-stream")], event).into_response();
    }
    let usage = json!({"input_tokens": 11, "output_tokens": 7});
    let said = wish(&body);
    let said =
        said.strip_prefix("usage: ").map(|text| serde_json::from_str::<Value>(text).unwrap());
    let usage = said.unwrap_or(usage);
    if body["stream"] != true {
        let whole = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"],
            "content": [{"type": "text", "text": "Hi there"}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": usage});
        return packed(&wish(&body), "application/json", whole.to_string());
    }
    let event =
        |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    let mut events = vec![event(
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
        "role": "assistant", "model": body["model"], "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": at_first(&usage)}}),
    )];
    events.push(event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})));
    events.push(event(json!({"type": "ping"})));
    for text in ["Hi", " there", ", ", "friend"] {
        let delta = json!({"type": "text_delta", "text": text});
        events.push(event(json!({"type": "content_block_delta", "index": 0, "delta": delta})));
    }
    events.push(event(json!({"type": "content_block_stop", "index": 0})));
    events.push(event(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": usage["output_tokens"]}})));
    events.push(event(json!({"type": "message_stop"})));
    streamed(&known, &wish(&body), &events)
}

/// What `message_start` says of it: the prompt, and a first token.
fn at_first(usage: &Value) -> Value {
    let mut usage = usage.clone();
    usage["output_tokens"] = json!(1);
    usage
}

async fn count(State(known): Shared, request: Request) -> Response {
    let body = note(&known, request).await;
    match wish(&body).as_str() {
        "cannot count" => StatusCode::NOT_FOUND.into_response(),
        _ => Json(json!({"input_tokens": 42})).into_response(),
    }
}

/// Streams in exactly these pieces.
fn pieced(wish: &str) -> Option<Response> {
    Some(match wish {
        "ping error" => pieces(&[
            "event: ping\ndata: {\"type\": \"ping\"}\n\n",
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
        ]),
        "split error" => {
            pieces(&["data: {\"error\": {\"message\": \"no", " such thing\", \"code\": 429}}\n\n"])
        }
        "comment error" => pieces(&[
            ": busy\n\n",
            "data: {\"error\": {\"message\": \"x\", \"code\": \"429\"}}\n\n",
        ]),
        "text error" => pieces(&["data: {\"error\": \"boom\"}\n\n"]),
        "leak" => pieces(&[
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n",
            "data: {\"error\":{\"message\":\"key sk-provider-key-of-openai is dead\"}}\n\n",
        ]),
        "split leak" => pieces(&[
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"sk-provi",
            "der-key-of-op",
            "enai and sk-pro",
            "se\"},\"finish_reason\":\"stop\"}]}\n\n",
            "data: [DONE]\n\n",
        ]),
        "bare error" => pieces(&[
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n",
            "data: {\"error\":{\"message\":\"gone\"}}\n",
        ]),
        _ => return None,
    })
}

/// Answers that are none.
pub(super) async fn odd(wish: &str) -> Option<Response> {
    if let Some(pieced) = pieced(wish) {
        return Some(pieced);
    }
    let error = json!({"error": {"message": "the key sk-provider-key-of-openai is over its quota", "type": "x", "code": "y"}});
    Some(match wish {
        "empty" => ([(header::CONTENT_TYPE, "text/event-stream")], "").into_response(),
        "error" => {
            let event = format!(
                "data: {}\n\n",
                json!({"error": {"message": "no such thing", "code": 429}})
            );
            ([(header::CONTENT_TYPE, "text/event-stream")], event).into_response()
        }
        "json error" => {
            Json(json!({"error": {"message": "no such thing", "code": 429}})).into_response()
        }
        "leak json" => {
            Json(json!({"choices": [], "note": "sk-provider-key-of-openai"})).into_response()
        }
        "detail" => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"detail": "max_tokens is too large"})))
                .into_response()
        }
        "gzip detail" => {
            let gzip = [(header::CONTENT_ENCODING, "gzip")];
            (StatusCode::BAD_REQUEST, gzip, gzipped("{\"error\":{\"message\":\"packed words\"}}"))
                .into_response()
        }
        "quota" => quota(error),
        "unauthorized" => (StatusCode::UNAUTHORIZED, Json(error)).into_response(),
        "html" => (StatusCode::BAD_GATEWAY, "<h1>sk-provider-key-of-openai</h1>").into_response(),
        "redirect" => (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]).into_response(),
        "slow" => {
            tokio::time::sleep(Duration::from_millis(700)).await;
            return None;
        }
        "hang" => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            StatusCode::OK.into_response()
        }
        _ => return None,
    })
}

fn quota(error: Value) -> Response {
    let headers = [
        ("retry-after", "7"),
        ("request-id", "req_9"),
        ("anthropic-ratelimit-tokens-remaining", "0"),
        ("set-cookie", "x=y"),
    ];
    (StatusCode::TOO_MANY_REQUESTS, headers, Json(error)).into_response()
}

/// A stream in exactly these pieces.
fn pieces(pieces: &[&'static str]) -> Response {
    let pieces = stream::iter(pieces.to_vec()).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces)).into_response()
}

/// Counts streams that nobody read to the end.
struct OnDrop(Arc<Mutex<Known>>, bool);

impl Drop for OnDrop {
    fn drop(&mut self) {
        if !self.1 {
            self.0.lock().unwrap().dropped += 1;
        }
    }
}

fn pause(wish: &str) -> Duration {
    Duration::from_millis(match wish {
        "quiet" => 5_000,
        "flood" => 0,
        _ => 5,
    })
}

/// `cut N`: breaks off after N events. `stop N`: ends tidily after N. `endless`: never ends. `flood`: the same, as
/// fast as it is read. `halves`: each
/// event comes in two pieces.
pub(super) fn streamed(known: &Arc<Mutex<Known>>, wish: &str, events: &[String]) -> Response {
    let number =
        |prefix: &str| wish.strip_prefix(prefix).and_then(|n| n.trim().parse::<usize>().ok());
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    if wish == "gzip" {
        let gzip = [(header::CONTENT_ENCODING, "gzip")];
        return (kind, gzip, gzipped(&events.concat())).into_response();
    }
    let mut pieces: Vec<Result<Bytes, std::io::Error>> =
        events.iter().map(|e| Ok(Bytes::from(e.clone()))).collect();
    if let Some(stop) = number("stop") {
        pieces.truncate(stop);
    }
    if let Some(cut) = number("cut") {
        pieces.truncate(cut);
        pieces.push(Err(std::io::Error::other("cut")));
    }
    // Each piece holds the end of one event and as many bytes of the next as it lacks of its own.
    if wish == "shifted" {
        let whole = events.concat();
        let (head, tail) = whole.as_bytes().split_at(11);
        let mut cut = vec![head];
        let mut rest = tail;
        for event in events {
            let (piece, more) = rest.split_at(event.len().min(rest.len()));
            cut.push(piece);
            rest = more;
        }
        pieces = cut.into_iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    }
    if wish == "no blank line" {
        let whole = events.concat();
        pieces = vec![Ok(Bytes::copy_from_slice(whole.trim_end().as_bytes()))];
    }
    if wish == "halves" {
        let whole = events.concat();
        pieces =
            whole.as_bytes().chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    }
    let endless = matches!(wish, "endless" | "quiet" | "flood");
    let pause = pause(wish);
    let guard = OnDrop(known.clone(), false);
    let tail = stream::iter(0..).take(if endless { 100_000 } else { 0 });
    let flood = || format!(": {}\n\n", "x".repeat(60_000));
    let more = if wish == "flood" { flood() } else { events[events.len().min(3) - 1].clone() };
    let all = stream::iter(pieces.into_iter().take(if endless { 3 } else { usize::MAX }))
        .chain(tail.map(move |_| Ok(Bytes::from(more.clone()))))
        .then(move |piece| async move {
            tokio::time::sleep(pause).await;
            piece
        })
        .chain(stream::once(async move {
            let mut whole = guard;
            whole.1 = true;
            drop(whole);
            Ok(Bytes::new())
        }));
    (kind, Body::from_stream(all)).into_response()
}
