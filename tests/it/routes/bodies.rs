//! Bodies that come compressed (field report K38), and clients that first try a WebSocket (K39).
use super::{gate, last};
use crate::support::{Gate, Seen};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write as _;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 3).unwrap()
}

async fn packed(gate: &Gate, key: &str, coding: &str, body: Vec<u8>) -> Seen {
    let url = format!("{}/v1/responses", gate.url);
    let request = gate.client.post(url).bearer_auth(key).header("content-type", "application/json");
    Seen::of(request.header("content-encoding", coding).body(body)).await
}

#[tokio::test]
async fn k38_a_compressed_body_is_served_and_bounded_by_what_it_unpacks_to() {
    let (gate, key) = gate("bodies_packed").await;
    let plain = json!({"model": "tokens", "input": "Hello"}).to_string().into_bytes();
    for (coding, body) in [("gzip", gzip(&plain)), ("zstd", zstd(&plain)), ("GZIP", gzip(&plain))] {
        let seen = packed(&gate, &key, coding, body).await;
        assert_eq!(seen.status, 200, "{coding}: {seen:?}");
        let (_, headers, body) = gate.upstream.last();
        assert_eq!((&body["input"], headers.get("content-encoding")), (&json!("Hello"), None));
        assert_eq!(last(&gate).await["prompt_tokens"], 11);
    }
    let bomb = vec![b' '; 256 << 20];
    for (coding, body) in [("gzip", gzip(&bomb)), ("zstd", zstd(&bomb))] {
        let seen = packed(&gate, &key, coding, body).await;
        assert_eq!(seen.status, 413, "{coding}: {seen:?}");
    }
    for (coding, whole) in [("gzip", gzip(&plain)), ("zstd", zstd(&plain))] {
        for broken in [whole[..whole.len() - 4].to_vec(), plain.clone(), Vec::new()] {
            let seen = packed(&gate, &key, coding, broken).await;
            assert_eq!(seen.status, 400, "{coding}: {seen:?}");
        }
    }
    for unknown in ["br", "deflate", "gzip, zstd", "compress", "x"] {
        let seen = packed(&gate, &key, unknown, plain.clone()).await;
        assert_eq!((seen.status, seen.header("accept-encoding")), (415, Some("gzip, zstd")));
        assert_eq!(seen.json()["error"]["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn k39_a_websocket_on_responses_is_a_426_at_once() {
    let (gate, key) = gate("bodies_websocket").await;
    for path in ["/v1/responses", "/responses"] {
        let request = gate.client.get(format!("{}{path}", gate.url)).bearer_auth(&key);
        let request = request
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let seen = Seen::of(request).await;
        assert_eq!(seen.status, 426, "{seen:?}");
        assert!(seen.json()["error"]["message"].as_str().unwrap().contains("WebSocket"));
    }
    let seen = gate.get("/v1/responses", &key).await;
    assert_eq!((seen.status, seen.header("allow")), (405, Some("POST")), "{seen:?}");
}

/// What Codex and Claude Code sent, as `tests/clients/routes.mjs` recorded it.
#[tokio::test]
async fn what_codex_and_claude_code_send_passes_as_they_send_it() {
    let (gate, _) = gate("bodies_wires").await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    for (file, model) in [("codex", "tokens"), ("claude-code", "claude-x")] {
        let text = std::fs::read_to_string(format!("tests/clients/wire/{file}.json")).unwrap();
        let wire: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut body = wire["body"].clone();
        body["model"] = json!(model);
        let whole = body.to_string().into_bytes();
        for (coding, packed) in [("identity", whole.clone()), ("zstd", zstd(&whole))] {
            let url = format!("{}{}", gate.url, wire["path"].as_str().unwrap());
            let mut request = gate.client.post(url).bearer_auth(&key);
            for (name, value) in wire["headers"].as_object().unwrap() {
                request = request.header(name, value.as_str().unwrap());
            }
            let seen = Seen::of(request.header("content-encoding", coding).body(packed)).await;
            assert_eq!(seen.status, 200, "{file} {coding}: {seen:?}");
            let (path, _, mut asked) = gate.upstream.last();
            assert_eq!(path, wire["path"], "{file}");
            asked["model"] = json!(model);
            assert_eq!(asked, body, "{file} {coding}");
        }
        let row = last(&gate).await;
        let user = wire["body"]["metadata"]["user_id"].as_str();
        assert_eq!((row["end_user"].as_str(), &row["estimated"]), (user, &json!(false)), "{file}");
    }
}
