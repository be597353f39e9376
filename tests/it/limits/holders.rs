//! Whose limits bind a call: the key's, its root's, the person's, the member's and the team's, all of them.
use super::{CALL, call, gate, info, key, update};
use crate::{
    connect::key_with_limit,
    support::{Gate, MASTER_KEY},
};
use serde_json::{Value, json};

async fn person(gate: &Gate, name: &str) -> Value {
    gate.manage("/user/new", MASTER_KEY, json!({"user_id": name, "auto_create_key": false}))
        .await
        .json()
}

#[tokio::test]
async fn a_person_s_budget_binds_all_keys_of_theirs_together() {
    let gate = gate("holders_person").await;
    person(&gate, "ada").await;
    let (one, two) =
        (key(&gate, json!({"user_id": "ada"})).await, key(&gate, json!({"user_id": "ada"})).await);
    let other = key(&gate, json!({})).await;
    assert_eq!(call(&gate, &one, 5).await.status, 200, "before there was a limit");
    update(&gate, "/user/update", json!({"user_id": "ada", "max_budget": 0.00015})).await;
    assert_eq!(call(&gate, &two, 5).await.status, 200);
    for key in [&one, &two] {
        let refused = call(&gate, key, 5).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["error"]["ledger"], "user:ada");
        assert_eq!(refused.json()["error"]["used"], 0.000_195);
    }
    assert_eq!(call(&gate, &other, 5).await.status, 200);
    // Cleared and set again, with calls by one key in between: both keys are bound by the same ledger.
    update(&gate, "/user/update", json!({"user_id": "ada", "max_budget": null})).await;
    assert_eq!(call(&gate, &one, 5).await.status, 200);
    update(&gate, "/user/update", json!({"user_id": "ada", "max_budget": 0.00035})).await;
    assert_eq!(call(&gate, &two, 5).await.status, 200);
    for key in [&one, &two] {
        assert_eq!(call(&gate, key, 5).await.json()["error"]["used"], 0.000_39);
    }
    let user = gate.get("/user/info?user_id=ada", MASTER_KEY).await.json();
    assert_eq!(user["user_info"]["max_budget"], 0.00035);
}

#[tokio::test]
async fn k27_a_member_s_cap_stops_that_member_and_nobody_else() {
    let gate = gate("holders_member").await;
    person(&gate, "ada").await;
    person(&gate, "bob").await;
    let members = json!([{"role": "user", "user_id": "ada"}, {"role": "user", "user_id": "bob"}]);
    let team = json!({"team_alias": "red", "members_with_roles": members, "max_budget": 1});
    let team = gate.manage("/team/new", MASTER_KEY, team).await.json()["team_id"].clone();
    let cap = json!({"team_id": team, "user_id": "ada", "max_budget_in_team": 0.00009});
    update(&gate, "/team/member_update", cap).await;
    let of = async |user: &str| key(&gate, json!({"user_id": user, "team_id": team})).await;
    let (ada, bob) = (of("ada").await, of("bob").await);
    assert_eq!(call(&gate, &ada, 5).await.status, 200);
    let refused = call(&gate, &ada, 5).await;
    assert_eq!(refused.status, 422);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("ada in the team red"), "{message}");
    for _ in 0..2 {
        assert_eq!(call(&gate, &bob, 5).await.status, 200);
    }
    // Outside of the team she goes on.
    let own = key(&gate, json!({"user_id": "ada"})).await;
    assert_eq!(call(&gate, &own, 5).await.status, 200);
    let shown =
        gate.get(&format!("/team/info?team_id={}", team.as_str().unwrap()), MASTER_KEY).await;
    let member = shown.json()["team_info"]["members_with_roles"].as_array().unwrap()[0].clone();
    assert_eq!(
        (&member["user_id"], &member["max_budget_in_team"]),
        (&json!("ada"), &json!(0.00009))
    );
    let nobody = json!({"team_id": team, "user_id": "eve", "max_budget_in_team": 1});
    assert_eq!(gate.manage("/team/member_update", MASTER_KEY, nobody).await.status, 400);
}

#[tokio::test]
async fn a_team_s_budget_is_everybody_s_and_the_tightest_of_all_limits_refuses() {
    let gate = gate("holders_team").await;
    let team = json!({"team_alias": "red", "max_budget": 0.00028});
    let team = gate.manage("/team/new", MASTER_KEY, team).await.json()["team_id"].clone();
    let (one, two) = (
        key(&gate, json!({"team_id": team, "max_budget": 0.0001})).await,
        key(&gate, json!({"team_id": team})).await,
    );
    for _ in 0..2 {
        assert_eq!(call(&gate, &one, 5).await.status, 200);
    }
    let refused = call(&gate, &one, 5).await.json()["error"].clone();
    assert!(refused["ledger"].as_str().unwrap().starts_with("key:"), "{refused}");
    assert_eq!(call(&gate, &two, 5).await.status, 200);
    let refused = call(&gate, &two, 5).await.json()["error"].clone();
    assert!(refused["ledger"].as_str().unwrap().starts_with("team:"), "{refused}");
    let used = refused["used"].as_f64().unwrap();
    assert!((used - 3.0 * CALL).abs() < 1e-12, "{refused}");
}

#[tokio::test]
async fn keys_that_a_key_makes_spend_with_it() {
    let gate = gate("holders_root").await;
    person(&gate, "ada").await;
    let root = gate.generate(json!({"user_id": "ada", "max_budget": 0.00025})).await;
    let (root, id) = (root["key"].as_str().unwrap(), root["token_id"].clone());
    let child = gate.manage("/key/generate", root, json!({})).await.json();
    let child = child["key"].as_str().unwrap().to_owned();
    let grandchild = gate.manage("/key/generate", &child, json!({})).await.json();
    let grandchild = grandchild["key"].as_str().unwrap().to_owned();
    for key in [root, &child, &grandchild] {
        assert_eq!(call(&gate, key, 5).await.status, 200);
    }
    for key in [root, &child, &grandchild] {
        let refused = call(&gate, key, 5).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["error"]["used"], 0.000_292_5);
    }
    // A limit is not taken off by what it binds.
    let raise = json!({"key": id, "max_budget": 100});
    assert_eq!(gate.manage("/key/update", &child, raise.clone()).await.status, 403);
    assert_eq!(gate.manage("/key/update", root, raise.clone()).await.status, 403);
    update(&gate, "/key/update", json!({"key": id, "max_budget": 0.0003})).await;
    assert_eq!(call(&gate, &grandchild, 5).await.status, 200);
    assert_eq!(call(&gate, root, 5).await.status, 422);
    // The root goes; what it was bound by stays.
    update(&gate, "/key/delete", json!({"keys": [id]})).await;
    assert_eq!(call(&gate, &child, 5).await.status, 422);
    let free = key(&gate, json!({"user_id": "ada"})).await;
    let unlimited = info(&gate, &free).await["token"].clone();
    let renewed = gate.manage("/key/regenerate", &child, json!({"key": unlimited})).await;
    assert_eq!(renewed.status, 403, "{renewed:?}");
}

#[tokio::test]
async fn the_limit_an_openrouter_caller_asked_for_is_the_key_s() {
    let gate = gate("holders_openrouter").await;
    let key = key_with_limit(&gate, "limit=0.00005&usage_limit_type=daily").await;
    assert_eq!(call(&gate, &key, 5).await.status, 200);
    let refused = call(&gate, &key, 5).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.json()["error"]["reset_at"], "2027-01-16T00:00:00Z");
    let said = gate.get("/api/v1/key", &key).await.json()["data"].clone();
    assert_eq!(said["limit_remaining"], 0.0);
}

#[tokio::test]
async fn a_key_without_limits_anywhere_is_never_refused() {
    let gate = gate("holders_none").await;
    let key = key(&gate, json!({})).await;
    for _ in 0..20 {
        assert_eq!(call(&gate, &key, 100_000).await.status, 200);
    }
    assert_eq!(info(&gate, &key).await["limits"], json!([]));
}
