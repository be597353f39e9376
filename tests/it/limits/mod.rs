mod budgets;
mod explain;
mod fields;
mod holders;
mod model;
mod models;
mod pace;
mod renewal;
mod shared;
mod ways_round;
mod windows;

use crate::{
    spend::PRICED,
    support::{Gate, MASTER_KEY, Seen},
};
use serde_json::{Value, json};

/// 11 in and 7 out of the model `priced`, in dollars.
const CALL: f64 = 0.000_097_5;

async fn gate(test: &str) -> Gate {
    Gate::with(test, PRICED).await
}

/// A key of the master key's making, with these fields.
async fn key(gate: &Gate, fields: Value) -> String {
    gate.generate(fields).await["key"].as_str().unwrap().to_owned()
}

/// One call of the priced model that asks for at most so many tokens.
async fn call(gate: &Gate, key: &str, max_tokens: i64) -> Seen {
    say(gate, key, max_tokens, "Hello").await
}

async fn say(gate: &Gate, key: &str, max_tokens: i64, words: &str) -> Seen {
    let body = json!({"model": "priced", "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": words}]});
    gate.manage("/v1/chat/completions", key, body).await
}

async fn info(gate: &Gate, key: &str) -> Value {
    gate.get("/key/info", key).await.json()["info"].clone()
}

async fn update(gate: &Gate, path: &str, fields: Value) {
    let seen = gate.manage(path, MASTER_KEY, fields).await;
    assert_eq!(seen.status, 200, "{path}: {seen:?}");
}
