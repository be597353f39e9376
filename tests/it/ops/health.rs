use crate::support::{Gate, MASTER_KEY};
use serde_json::json;

#[tokio::test]
async fn liveness_and_readiness_tell_the_truth() {
    let gate = Gate::new("health").await;
    assert_eq!(gate.get("/health/liveliness", "").await.body, "\"I'm alive!\"");
    let ready = gate.get("/health/readiness", "").await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (200, "{\"status\":\"healthy\",\"db\":\"connected\"}")
    );
    gate.lose("change_counter").await;
    assert_eq!(gate.get("/health/readiness", "").await.status, 503);
    assert_eq!(gate.get("/health/liveliness", "").await.status, 200);
    gate.find("change_counter").await;
    assert_eq!(gate.get("/health/readiness", "").await.status, 200);
}

#[tokio::test]
async fn metrics_are_for_admins_and_listed_addresses_and_name_nobody() {
    let gate = Gate::new("health_metrics").await;
    let key = gate.key_of("ada").await;
    gate.call(&key, "gpt-4o").await;
    assert_eq!(gate.get("/metrics", "").await.status, 401);
    assert_eq!(gate.get("/metrics", &key).await.status, 403);
    let text = gate.get("/metrics", MASTER_KEY).await.body;
    for name in [
        "gatekey_requests_total{route=\"models\",status=\"200\"} 1",
        "gatekey_tokens_total{direction=\"input\"} 11",
        "gatekey_calls_open 0",
        "gatekey_keys_cached 1",
        "gatekey_usage_queue ",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    assert!(text.ends_with("# EOF\n") && !text.contains("ada") && !text.contains("sk-"));
    let viewer = json!({"user_id": "v", "user_role": "proxy_admin_viewer"});
    let viewer = gate.manage("/user/new", MASTER_KEY, viewer).await.json();
    assert_eq!(gate.get("/metrics", viewer["key"].as_str().unwrap()).await.status, 200);
    let open = Gate::with("health_listed", "server.metrics_from = [\"127.0.0.0/8\"]").await;
    assert_eq!(open.get("/metrics", "").await.status, 200);
}

#[tokio::test]
async fn the_time_of_a_call_is_told_apart_into_the_upstream_s_and_ours() {
    let gate = Gate::new("health_times").await;
    let key = gate.key_of("ada").await;
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "slow"}]});
    assert_eq!(gate.manage("/v1/chat/completions", &key, body).await.status, 200);
    assert_eq!(gate.call(&key, "none").await.status, 404, "asked nobody");
    let text = gate.get("/metrics", MASTER_KEY).await.body;
    let sum = |name: &str| -> f64 {
        let line = format!("gatekey_{name}_seconds_sum ");
        let (_, rest) = text.split_once(&line).unwrap_or_else(|| panic!("{name} in {text}"));
        assert!(text.contains(&format!("gatekey_{name}_seconds_count 1\n")), "{name} in {text}");
        rest.lines().next().unwrap().parse().unwrap()
    };
    let (whole, upstream, own) = (sum("first_byte"), sum("upstream"), sum("own"));
    assert!(upstream >= 0.7 && own > 0.0, "{upstream} {own}");
    assert!(whole >= upstream + own, "{whole} {upstream} {own}");
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let gate = Gate::new("health_ids").await;
    let mut ids = Vec::new();
    for path in ["/", "/login", "/v1/models", "/nowhere", "/health/liveliness", "/key/info"] {
        let seen = gate.get(path, "").await;
        ids.push(
            seen.header("x-gatekey-request-id").unwrap_or_else(|| panic!("{path}")).to_owned(),
        );
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}
