//! Why a call would be refused, said before it is made.
use super::{call, gate, key, update};
use crate::{
    cli::Cli,
    support::{Gate, MASTER_KEY, Seen},
};
use serde_json::{Value, json};

async fn explain(gate: &Gate, by: &str, body: Value) -> Value {
    let seen = gate.manage("/key/explain", by, body).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.json()
}

#[tokio::test]
async fn the_dry_run_names_the_rule_that_the_real_call_is_refused_by() {
    let gate = gate("explain_same").await;
    let team = json!({"team_alias": "red", "rpm_limit": 3});
    let team = gate.manage("/team/new", MASTER_KEY, team).await.json()["team_id"].clone();
    let made = gate
        .generate(json!({"team_id": team, "max_budget": 0.00015, "models": ["priced", "claude-x"]}))
        .await;
    let (key, id) = (made["key"].as_str().unwrap(), made["token_id"].clone());
    let of =
        async |model: &str| explain(&gate, MASTER_KEY, json!({"key": id, "model": model})).await;
    let whole = of("priced").await;
    assert_eq!((&whole["admitted"], &whole["refused_by"]), (&json!(true), &Value::Null), "{whole}");
    let rules: Vec<&str> = whole["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["rule"].as_str().unwrap())
        .collect();
    let lists = ["key_model_access_denied"; 4];
    let last = ["model_not_found", "model_price_unknown", "budget", "requests"];
    assert_eq!(rules, [&["key"][..], &lists, &last].concat());
    for _ in 0..2 {
        assert_eq!(call(&gate, key, 5).await.status, 200);
    }
    let (said, real) = (of("priced").await, call(&gate, key, 5).await.json()["error"].clone());
    let rule = &said["refused_by"];
    for (ours, theirs) in
        [("rule", "rate_limit_type"), ("ledger", "ledger"), ("limit", "limit"), ("used", "used")]
    {
        assert_eq!(rule[ours], real[theirs], "{ours}: {rule} {real}");
    }
    // Looking has counted nothing, and another limit refuses when this one is gone.
    update(&gate, "/key/update", json!({"key": id, "max_budget": 1})).await;
    assert_eq!(call(&gate, key, 5).await.status, 200);
    let (said, real) = (of("priced").await, call(&gate, key, 5).await.json()["error"].clone());
    assert_eq!(
        (&said["refused_by"]["rule"], &real["rate_limit_type"]),
        (&json!("requests"), &json!("requests"))
    );
    assert_eq!(said["refused_by"]["ledger"], real["ledger"]);
    for (model, rule) in
        [("gpt-4o", "key_model_access_denied"), ("claude-x", "model_price_unknown")]
    {
        assert_eq!(of(model).await["refused_by"]["rule"], rule, "{model}");
    }
    let routed = json!({"key": id, "model": "priced", "route": "/v1/messages"});
    assert_eq!(explain(&gate, MASTER_KEY, routed).await["refused_by"]["rule"], "model_not_found");
    update(&gate, "/key/block", json!({"key": id})).await;
    assert_eq!(of("priced").await["refused_by"]["rule"], "auth_error");
}

#[tokio::test]
async fn a_key_may_ask_of_itself_and_of_nobody_else() {
    let gate = gate("explain_rights").await;
    let (own, other) = (gate.key_of("ada").await, key(&gate, json!({})).await);
    let said = explain(&gate, &own, json!({"key": own, "model": "priced"})).await;
    assert_eq!(said["admitted"], true);
    let foreign = gate.manage("/key/explain", &own, json!({"key": other, "model": "priced"})).await;
    assert_eq!(foreign.status, 404);
    for body in [
        json!({"key": own}),
        json!({"model": "priced"}),
        json!({"key": own, "model": "m", "max": 1}),
    ] {
        assert_eq!(gate.manage("/key/explain", &own, body).await.status, 400);
    }
    let unknown = explain(&gate, &own, json!({"key": own, "model": "none"})).await;
    assert_eq!(unknown["refused_by"]["rule"], "model_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_asks_the_running_server() {
    let cli = Cli::new("explain_cli").await;
    let down = cli.run(&["explain", "key_x", "demo"]);
    assert_eq!(down.code, Some(1));
    assert!(down.err.contains("gatekey serve"), "{}", down.err);
    let _server = cli.serve().await;
    let request = reqwest::Client::new().post(format!("{}/key/generate", cli.url()));
    let made =
        Seen::of(request.bearer_auth(MASTER_KEY).json(&json!({"max_budget": 0}))).await.json();
    let said = cli.run(&["explain", made["token_id"].as_str().unwrap(), "demo"]).good();
    assert!(said.contains("REFUSES  budget") && said.contains("a call would be refused"), "{said}");
    let said = cli.fed(&["explain", "-", "demo", "--json"], made["key"].as_str().unwrap()).good();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["refused_by"]["rule"], "budget");
    assert_eq!(cli.run(&["explain", "key_none", "demo"]).code, Some(1));
}
