//! Limits of one model, groups of models, and routes.
use super::{CALL, call, info, key, update};
use crate::{
    spend::PRICED,
    support::{Gate, MASTER_KEY, Seen},
};
use serde_json::{Value, json};

/// Two priced models of which one is in a group, with one that has another name.
async fn gate(test: &str) -> Gate {
    let more = "[[model]]\nname = \"other\"\nupstream = \"openai\"\ngroups = [\"fast\", \"cheap\"]\n\
                [model.price]\ninput = \"2.50\"\noutput = \"10\"\n";
    let priced = PRICED.replacen(
        "upstream = \"openai\"\n",
        "upstream = \"openai\"\ngroups = [\"fast\"]\n",
        1,
    );
    Gate::with(test, &format!("{priced}{more}")).await
}

async fn call_of(gate: &Gate, key: &str, model: &str) -> Seen {
    let body = json!({"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]});
    gate.manage("/v1/chat/completions", key, body).await
}

#[tokio::test]
async fn a_model_s_budget_binds_its_calls_and_no_others() {
    let gate = gate("models_budget").await;
    let budget = json!({"priced": {"max_budget": 0.00005, "budget_duration": "daily"}, "other": 1});
    let made = gate.generate(json!({"model_max_budget": budget})).await;
    let (secret, id) = (made["key"].as_str().unwrap(), made["token_id"].clone());
    let shown = json!({"priced": {"max_budget": 0.00005, "budget_duration": "daily"},
        "other": {"max_budget": 1.0, "budget_duration": null}});
    assert_eq!(made["model_max_budget"], shown);
    assert_eq!(call(&gate, secret, 5).await.status, 200);
    let refused = call(&gate, secret, 5).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let error = &refused.json()["error"];
    assert_eq!(error["ledger"], format!("key:{} model:priced", id.as_str().unwrap()));
    assert!(error["message"].as_str().unwrap().contains("for priced"), "{error}");
    assert_eq!(call_of(&gate, secret, "other").await.status, 200);
    assert_eq!(
        gate.call(secret, "gpt-4o").await.status,
        200,
        "no budget binds it, so no price is needed"
    );
    let limits = info(&gate, secret).await["limits"].clone();
    let of = |model: &str| {
        limits.as_array().unwrap().iter().find(|limit| limit["model"] == model).unwrap()["spend"]
            .clone()
    };
    assert_eq!((of("priced"), of("other")), (json!(CALL), json!(CALL)));
    // What the books know counts when it is set again; a model that is not named keeps its own.
    update(&gate, "/key/update", json!({"key": id, "model_max_budget": {"priced": null}})).await;
    assert_eq!(call(&gate, secret, 5).await.status, 200);
    let again = json!({"priced": {"budget_limit": 0.00015, "time_period": "daily"}});
    update(&gate, "/key/update", json!({"key": id, "model_max_budget": again})).await;
    let refused = call(&gate, secret, 5).await;
    assert_eq!((refused.status, &refused.json()["error"]["used"]), (422, &json!(2.0 * CALL)));
    assert_eq!(info(&gate, secret).await["model_max_budget"]["other"]["max_budget"], 1.0);
    let explained = json!({"key": id, "model": "priced"});
    let said = gate.manage("/key/explain", MASTER_KEY, explained).await.json();
    assert_eq!(said["refused_by"]["ledger"], refused.json()["error"]["ledger"]);
    let explained = json!({"key": id, "model": "other"});
    assert_eq!(gate.manage("/key/explain", MASTER_KEY, explained).await.json()["admitted"], true);
    update(&gate, "/key/update", json!({"key": id, "model_max_budget": null})).await;
    assert_eq!(call(&gate, secret, 5).await.status, 200);
    assert_eq!(info(&gate, secret).await["model_max_budget"], Value::Null);
}

#[tokio::test]
async fn a_model_s_pace_binds_a_team_s_calls_of_it() {
    let gate = gate("models_pace").await;
    let team = json!({"team_alias": "red", "model_rpm_limit": {"priced": 1}, "model_tpm_limit": {"other": 20}});
    let team = gate.manage("/team/new", MASTER_KEY, team).await.json();
    assert_eq!(team["model_rpm_limit"], json!({"priced": 1}));
    let of_team = json!({"team_id": team["team_id"]});
    let (one, two) = (key(&gate, of_team.clone()).await, key(&gate, of_team).await);
    let first = call(&gate, &one, 5).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.headers["x-ratelimit-limit-requests"], "1");
    assert_eq!(first.headers["x-ratelimit-remaining-requests"], "0");
    let refused = call(&gate, &two, 5).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["rate_limit_type"]),
        (429, &json!("requests"))
    );
    let other = call_of(&gate, &two, "other").await;
    assert_eq!(other.status, 200);
    assert!(!other.headers.contains_key("x-ratelimit-limit-requests"));
    let refused = call_of(&gate, &one, "other").await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["rate_limit_type"]),
        (429, &json!("tokens"))
    );
    gate.turn(60);
    assert_eq!(call(&gate, &two, 5).await.status, 200);
}

#[tokio::test]
async fn a_limit_of_a_model_that_is_not_served_is_refused_by_its_name() {
    let gate = gate("models_bad").await;
    for (field, value, says) in [
        ("model_max_budget", json!({"gtp-4": 1}), "gtp-4"),
        ("model_max_budget", json!({"priced": -1}), "priced"),
        ("model_max_budget", json!({"priced": "1"}), "priced"),
        ("model_max_budget", json!({"priced": {"budget_duration": "daily"}}), "max_budget"),
        (
            "model_max_budget",
            json!({"priced": {"max_budget": 1, "budget_duration": "often"}}),
            "budget_duration",
        ),
        ("model_max_budget", json!({"priced": {"max_budget": 1, "rpm": 1}}), "rpm"),
        ("model_rpm_limit", json!({"gtp-4": 1}), "gtp-4"),
        ("model_rpm_limit", json!({"priced": 1.5}), "priced"),
        ("model_tpm_limit", json!([1]), "model_tpm_limit"),
        ("model_tpm_limit", json!({"pri*": 1}), "pri*"),
        ("allowed_routes", json!(["/v1/chat"]), "/v1/chat/completions"),
        ("allowed_routes", json!("/v1/messages"), "allowed_routes"),
    ] {
        for path in ["/key/generate", "/team/new", "/user/new", "/budget/new"] {
            let refused = gate.manage(path, MASTER_KEY, json!({field: value})).await;
            assert_eq!(refused.status, 400, "{path} {field} {value}");
            assert!(
                refused.body.contains(says) && refused.body.contains(field),
                "{}",
                refused.body
            );
        }
    }
    // Taking it away is never a mistake.
    let cleared = json!({"model_rpm_limit": {"gtp-4": null}});
    assert_eq!(gate.manage("/key/generate", MASTER_KEY, cleared).await.status, 200);
}

#[tokio::test]
async fn a_group_s_name_in_a_list_allows_its_models_and_no_others() {
    let gate = gate("models_groups").await;
    gate.manage("/user/new", MASTER_KEY, json!({"user_id": "ada", "auto_create_key": false})).await;
    let fast = key(&gate, json!({"models": ["fast"], "user_id": "ada"})).await;
    assert_eq!(call(&gate, &fast, 5).await.status, 200);
    assert_eq!(call_of(&gate, &fast, "other").await.status, 200);
    assert_eq!(gate.call(&fast, "gpt-4o").await.status, 403);
    assert_eq!(gate.call(&fast, "fast").await.status, 404, "a group is no model");
    let models = gate.get("/v1/models", &fast).await.json();
    let names: Vec<_> =
        models["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert_eq!(names, ["priced", "other"]);
    // A key that it makes lies within.
    for (models, status) in [
        (json!(["other"]), 200),
        (json!(["cheap"]), 200),
        (json!(["priced", "other"]), 200),
        (json!(["gpt-4o"]), 400),
        (json!(["*"]), 400),
    ] {
        let made = gate.manage("/key/generate", &fast, json!({"models": models})).await;
        assert_eq!(made.status, status, "{models}: {made:?}");
    }
}

#[tokio::test]
async fn a_member_s_models_bind_their_keys_of_that_team_and_no_others() {
    let gate = gate("models_member").await;
    for id in ["ada", "bob"] {
        gate.manage("/user/new", MASTER_KEY, json!({"user_id": id, "auto_create_key": false}))
            .await;
    }
    let members = json!([{"role": "user", "user_id": "ada"}, {"role": "user", "user_id": "bob"}]);
    let team = json!({"team_id": "red", "members_with_roles": members});
    assert_eq!(gate.manage("/team/new", MASTER_KEY, team).await.status, 200);
    let models = json!({"team_id": "red", "user_id": "ada", "models": ["cheap"]});
    update(&gate, "/team/member_update", models).await;
    let ada = key(&gate, json!({"user_id": "ada", "team_id": "red"})).await;
    let bob = key(&gate, json!({"user_id": "bob", "team_id": "red"})).await;
    let own = key(&gate, json!({"user_id": "ada"})).await;
    let refused = call(&gate, &ada, 5).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(call_of(&gate, &ada, "other").await.status, 200);
    for free in [&bob, &own] {
        assert_eq!(call(&gate, free, 5).await.status, 200);
    }
    let asked = json!({"key": ada, "model": "priced"});
    let said = gate.manage("/key/explain", MASTER_KEY, asked).await.json();
    assert_eq!(said["refused_by"]["of"], "the person in the team");
    let shown = gate.get("/team/info?team_id=red", MASTER_KEY).await.json();
    let member = shown["team_info"]["members_with_roles"][0].clone();
    assert_eq!((&member["user_id"], &member["models"]), (&json!("ada"), &json!(["cheap"])));
    // What is not named stays; null clears.
    let cap = json!({"team_id": "red", "user_id": "ada", "max_budget_in_team": 1});
    update(&gate, "/team/member_update", cap).await;
    assert_eq!(call(&gate, &ada, 5).await.status, 403);
    update(
        &gate,
        "/team/member_update",
        json!({"team_id": "red", "user_id": "ada", "models": null}),
    )
    .await;
    assert_eq!(call(&gate, &ada, 5).await.status, 200);
}

#[tokio::test]
async fn allowed_routes_bind_calls_and_are_told_apart_from_lists() {
    let gate = gate("models_routes").await;
    let of = |key: &str, path: &'static str, model: &'static str| {
        let body = json!({"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]});
        let (gate, key) = (&gate, key.to_owned());
        async move { gate.manage(path, &key, body).await }
    };
    let chat = key(&gate, json!({"allowed_routes": ["/chat/completions"]})).await;
    assert_eq!(info(&gate, &chat).await["allowed_routes"], json!(["/chat/completions"]));
    assert_eq!(of(&chat, "/chat/completions", "priced").await.status, 200);
    let refused = of(&chat, "/v1/messages", "claude-x").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(refused.json()["error"]["type"], "permission_error");
    assert!(refused.body.contains("/v1/messages (allowed_routes)"), "{}", refused.body);
    assert_eq!(of(&chat, "/v1/messages/count_tokens", "claude-x").await.status, 403);
    assert_eq!(gate.get("/v1/models", &chat).await.status, 200);
    // All of them must allow it: here the person's.
    let person =
        json!({"user_id": "ada", "auto_create_key": false, "allowed_routes": ["anthropic_routes"]});
    gate.manage("/user/new", MASTER_KEY, person).await;
    let ada = key(&gate, json!({"user_id": "ada"})).await;
    let refused = of(&ada, "/v1/chat/completions", "priced").await;
    assert_eq!(refused.json()["error"]["type"], "key_route_access_denied", "{refused:?}");
    assert_eq!(of(&ada, "/v1/messages", "claude-x").await.status, 200);
    let said = gate
        .manage("/key/explain", MASTER_KEY, json!({"key": ada, "model": "priced"}))
        .await
        .json();
    assert_eq!(said["refused_by"]["rule"], "key_route_access_denied");
    assert_eq!(said["refused_by"]["of"], "the person");
    update(&gate, "/user/update", json!({"user_id": "ada", "allowed_routes": null})).await;
    assert_eq!(of(&ada, "/v1/chat/completions", "priced").await.status, 200);
}
