//! What `examples/` says of metrics is what there is to read.
use crate::support::{Gate, MASTER_KEY};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Each name of ours in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("gatekey_"))
        .collect()
}

#[tokio::test]
async fn the_dashboard_and_the_rules_name_only_metrics_that_exist() {
    let gate = Gate::new("dashboards").await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    assert_eq!(gate.call(&key, "gone").await.status, 502);
    assert_eq!(gate.call(&key, "nothing").await.status, 404);
    let metrics = gate.get("/metrics", MASTER_KEY).await.body;
    let there = names(&metrics);
    for file in ["grafana-dashboard.json", "prometheus-rules.yml", "prometheus-rules.test.yml"] {
        let text = std::fs::read_to_string(format!("examples/{file}")).unwrap();
        let used = names(&text);
        assert!(used.len() > 5, "{file}");
        for name in used {
            let known = there.contains(name) || metrics.contains(&format!("# TYPE {name} "));
            assert!(known, "{file} names {name}");
        }
    }
    // Other routes are counted with the models'.
    gate.manage("/v1/embeddings", &key, json!({"model": "gpt-4o", "input": "x"})).await;
    let metrics = gate.get("/metrics", MASTER_KEY).await.body;
    assert!(!metrics.contains("route=\"other\""), "{metrics}");
    let text = std::fs::read_to_string("examples/grafana-dashboard.json").unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["title"].is_string() && panel["description"].is_string(), "{panel}");
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{}", panel["title"]);
    }
}
