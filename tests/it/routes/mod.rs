//! The other routes that tools call: each on the one guard and in the one book.
mod answers;
mod bodies;
mod booked;
mod faults;
mod forms;

use crate::support::{Gate, MASTER_KEY, Seen};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// A model for each way of pricing.
pub(crate) const UNITS: &str = r#"
[[model]]
name = "tokens"
upstream = "openai"
upstream_model = "tokens-wire"
[model.price]
input = "2.50"
output = "10"
cache_read = "1.25"
reasoning = "20"
[[model]]
name = "pictures"
upstream = "openai"
[model.price]
per_image = "0.04"
[[model]]
name = "voice"
upstream = "openai"
[model.price]
per_character = "0.000015"
[[model]]
name = "ear"
upstream = "openai"
[model.price]
per_second = "0.0001"
[[model]]
name = "judge"
upstream = "openai"
[model.price]
per_search = "0.002"
[[model]]
name = "free"
upstream = "openai"
[model.price]
input = "0"
output = "0"
"#;

pub(crate) async fn gate(test: &str) -> (Gate, String) {
    let gate = Gate::with(test, UNITS).await;
    let key = gate.generate(json!({"max_budget": 100})).await["key"].as_str().unwrap().to_owned();
    (gate, key)
}

pub(crate) async fn post(gate: &Gate, key: &str, path: &str, body: Value) -> Seen {
    gate.manage(path, key, body).await
}

/// The newest row of the books.
pub(crate) async fn last(gate: &Gate) -> Value {
    let seen = gate.get("/spend/logs?page_size=1", MASTER_KEY).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.json()["data"][0].clone()
}

/// A second and a half of a sound, as a WAV file: 16,000 bytes a second.
pub(crate) fn wav() -> Vec<u8> {
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data\0\0\0\0");
    wav.resize(44 + 24_000, 0);
    wav
}

pub(crate) async fn send(gate: &Gate, key: &str, path: &str, form: Form) -> Seen {
    let request = gate.client.post(format!("{}{path}", gate.url)).bearer_auth(key).multipart(form);
    Seen::of(request).await
}

pub(crate) fn file(bytes: Vec<u8>) -> Part {
    Part::bytes(bytes).file_name("a.wav").mime_str("audio/wav").unwrap()
}
