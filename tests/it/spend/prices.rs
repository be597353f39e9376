//! What is priced apart.
use super::{PRICED, logs, say};
use crate::support::Gate;
use serde_json::json;

#[tokio::test]
async fn both_kinds_of_cache_writes_have_their_price() {
    let gate = Gate::with("spend_cache", PRICED).await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    let usage = r#"usage: {"input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 500,
        "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 200}}"#;
    for stream in [false, true] {
        assert_eq!(say(&gate, &key, "claude-priced", usage, stream).await.status, 200);
    }
    for row in logs(&gate, "").await {
        assert_eq!(row["prompt_tokens"], 1600);
        assert_eq!(row["cache_creation_5m_input_tokens"], 300);
        assert_eq!(row["cache_creation_1h_input_tokens"], 200);
        // 100 × 3 + 1000 × 0.30 + 300 × 3.75 + 200 × 6 + 10 × 15, of a million
        assert_eq!(row["cost"], "0.003075", "{row}");
    }
}
