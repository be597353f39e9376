mod activity;
mod agreement;
mod crash;
mod logs;
mod outage;
mod page;
mod prices;
mod report;
mod rerate;

use crate::support::{Gate, MASTER_KEY, Seen};
use serde_json::{Value, json};

/// Two models with prices, of which one is told all of them.
pub(crate) const PRICED: &str = r#"
[[model]]
name = "priced"
upstream = "openai"
[model.price]
input = "2.50"
output = "10"
cache_read = "1.25"
reasoning = "20"
[[model]]
name = "claude-priced"
upstream = "anthropic"
[model.price]
input = "3"
output = "15"
cache_read = "0.30"
cache_write_5m = "3.75"
cache_write_1h = "6"
"#;

/// A call that says what to do in its first message.
pub(crate) async fn say(gate: &Gate, key: &str, model: &str, words: &str, stream: bool) -> Seen {
    let path = if model.starts_with("claude") { "/v1/messages" } else { "/v1/chat/completions" };
    let body = json!({"model": model, "stream": stream, "max_tokens": 100,
        "messages": [{"role": "user", "content": words}]});
    gate.manage(path, key, body).await
}

/// All that is summed of a key.
pub(crate) async fn usage_of(gate: &Gate, key: &str) -> Value {
    gate.get("/key/info", key).await.json()["info"]["usage"].clone()
}

pub(crate) async fn logs(gate: &Gate, query: &str) -> Vec<Value> {
    let seen = gate.get(&format!("/spend/logs?page_size=1000{query}"), MASTER_KEY).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.json()["data"].as_array().unwrap().clone()
}
