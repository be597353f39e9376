//! LiteLLM's fields: taken, kept, shown, bounded, and refused where they cannot be.
use super::{call, gate, info, key, update};
use crate::{
    spend::PRICED,
    support::{Gate, MASTER_KEY, Seen},
};
use serde_json::{Value, json};

#[tokio::test]
async fn k24_every_limit_reads_back_as_it_was_given() {
    let gate = gate("fields_back").await;
    let limits = json!({"max_budget": 12.5, "soft_budget": 10, "budget_duration": "monthly", "rpm_limit": 60,
        "tpm_limit": 100_000, "max_parallel_requests": 4});
    let same = |shown: &Value, of: &str| {
        for (name, value) in limits.as_object().unwrap() {
            assert_eq!(shown[name].as_f64(), value.as_f64(), "{of}: {name}");
            assert!(shown[name].as_f64().is_some() || shown[name] == *value, "{of}: {name}");
        }
    };
    let made = gate.generate(limits.clone()).await;
    same(&made, "generate");
    same(&info(&gate, made["key"].as_str().unwrap()).await, "info");
    let mut user = limits.clone();
    user["user_id"] = json!("ada");
    same(&gate.manage("/user/new", MASTER_KEY, user).await.json(), "user/new");
    let mut team = limits.clone();
    team["team_alias"] = json!("red");
    let made = gate.manage("/team/new", MASTER_KEY, team).await.json();
    same(&made, "team/new");
    let patch = json!({"team_id": made["team_id"], "rpm_limit": 61, "soft_budget": null});
    let changed = gate.manage("/team/update", MASTER_KEY, patch).await.json()["data"].clone();
    assert_eq!((&changed["rpm_limit"], &changed["soft_budget"]), (&json!(61), &Value::Null));
    assert_eq!(changed["max_budget"], 12.5, "what is not named stays");
}

#[tokio::test]
async fn what_is_no_limit_is_a_400_that_names_the_field() {
    let gate = gate("fields_bad").await;
    let post = async |body: String| {
        let request =
            gate.client.post(format!("{}/key/generate", gate.url)).bearer_auth(MASTER_KEY);
        Seen::of(request.header("content-type", "application/json").body(body)).await
    };
    for (field, value) in [
        ("max_budget", "-1"),
        ("max_budget", "1e308"),
        ("max_budget", "\"5\""),
        ("max_budget", "0.0000000001"),
        ("max_budget", "true"),
        ("soft_budget", "-0.5"),
        ("budget_duration", "\"fortnightly\""),
        ("budget_duration", "30"),
        ("budget_duration", "\"0d\""),
        ("rpm_limit", "1.5"),
        ("rpm_limit", "-1"),
        ("tpm_limit", "\"100\""),
        ("tpm_limit", "99999999999999999999"),
        ("max_parallel_requests", "[]"),
        ("tags", "[\"a\"]"),
        ("guardrails", "[\"a\"]"),
    ] {
        let refused = post(format!("{{\"{field}\": {value}}}")).await;
        assert_eq!(refused.status, 400, "{field} {value}");
        assert!(refused.body.contains(field), "{field} {value}: {}", refused.body);
    }
    for body in [
        "{\"max_budget\": NaN}",
        "{\"max_budget\": Infinity}",
        "{\"max_budget\": 1, \"max_budget\": 2}",
    ] {
        assert_eq!(post(body.into()).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn keys_get_the_default_and_nobody_gets_more_than_the_bound() {
    let settings = format!(
        "limits.timezone = \"UTC\"\n{PRICED}\n[limits.default_key_generate_params]\nmax_budget = \"5\"\n\
         budget_duration = \"monthly\"\nduration = \"7d\"\n[limits.upperbound_key_generate_params]\n\
         max_budget = \"10\"\nrpm_limit = 60\nduration = \"30d\"\n"
    );
    let gate = Gate::with("fields_bounds", &settings).await;
    let made = gate.generate(json!({})).await;
    assert_eq!((&made["max_budget"], &made["rpm_limit"]), (&json!(5.0), &json!(60)));
    assert_eq!(made["expires"], gatekey::model::Timestamp(gate.now() + 7 * 86_400).rfc3339());
    for (field, value, bound) in [
        ("max_budget", json!(11), "10"),
        ("rpm_limit", json!(61), "60"),
        ("duration", json!("31d"), "30d"),
    ] {
        let refused = gate.manage("/key/generate", MASTER_KEY, json!({field: value})).await;
        assert_eq!(refused.status, 400, "{field}");
        assert!(refused.body.contains(field) && refused.body.contains(bound), "{}", refused.body);
        assert!(refused.body.contains("upperbound_key_generate_params"), "{}", refused.body);
    }
    let id = made["token_id"].clone();
    let refused =
        gate.manage("/key/update", MASTER_KEY, json!({"key": id, "max_budget": 11})).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    update(&gate, "/key/update", json!({"key": id, "max_budget": 9})).await;
    // An app's key too.
    let connected = gate.key_of("ada").await;
    assert_eq!(info(&gate, &connected).await["max_budget"], 5.0);
    assert_eq!(call(&gate, &connected, 5).await.status, 200);
}

#[tokio::test]
async fn a_change_is_in_the_audit_and_a_viewer_makes_none() {
    let gate = gate("fields_audit").await;
    let made = gate.generate(json!({"max_budget": 1})).await;
    update(&gate, "/key/update", json!({"key": made["token_id"], "max_budget": 2})).await;
    let lines = gate.get("/audit/logs?action=key.update", MASTER_KEY).await.json();
    let line = &lines["audit_logs"][0];
    assert_eq!(line["before"]["limits"]["max_budget"], 1_000_000_000);
    assert_eq!(line["after"]["limits"]["max_budget"], 2_000_000_000);
    let bound = gate.key_of("ada").await;
    let own = info(&gate, &bound).await["token"].clone();
    let raise = gate.manage("/key/update", &bound, json!({"key": own, "max_budget": 99})).await;
    assert_eq!(raise.status, 403);
    let _ = key(&gate, json!({})).await;
}
