//! Named budgets, which many keys share, and what binds an app whoever connected it.
use super::{CALL, call, gate, info, key, update};
use crate::support::{EDITOR, Gate, MASTER_KEY};
use gatekey::model::Timestamp;
use serde_json::{Value, json};

/// As an editor's link has it.
const APP: &str = "vscode://rooveterinaryinc.roo-cline";

async fn post(gate: &Gate, path: &str, fields: Value) -> Value {
    let seen = gate.manage(path, MASTER_KEY, fields).await;
    assert_eq!(seen.status, 200, "{path}: {seen:?}");
    seen.json()
}

#[tokio::test]
async fn keys_that_share_a_named_budget_spend_it_together() {
    let gate = gate("shared_budget").await;
    let made = post(
        &gate,
        "/budget/new",
        json!({"budget_id": "trial", "max_budget": 0.00015, "budget_duration": "daily"}),
    )
    .await;
    assert_eq!((&made["budget_id"], &made["max_budget"]), (&json!("trial"), &json!(0.00015)));
    assert_eq!(made["created_by"], "master_key");
    assert_eq!(made["created_at"], Timestamp(gate.now()).rfc3339());
    let with = json!({"budget_id": "trial"});
    let (one, two) = (key(&gate, with.clone()).await, key(&gate, with).await);
    let other = key(&gate, json!({})).await;
    assert_eq!(call(&gate, &one, 5).await.status, 200);
    assert_eq!(call(&gate, &two, 5).await.status, 200);
    for key in [&one, &two] {
        let refused = call(&gate, key, 5).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        let error = &refused.json()["error"];
        assert_eq!(
            (&error["ledger"], &error["used"]),
            (&json!("budget:trial"), &json!(2.0 * CALL))
        );
        assert_eq!(error["reset_at"], "2027-01-16T00:00:00Z");
    }
    assert_eq!(call(&gate, &other, 5).await.status, 200);
    assert_eq!(info(&gate, &one).await["budget_id"], "trial");
    let shown = gate.get("/budget/info?budget_id=trial", MASTER_KEY).await.json();
    assert_eq!(shown["spend"], 2.0 * CALL);
    assert_eq!(shown["budget_reset_at"], "2027-01-16T00:00:00Z");
    // A change counts at the next call of every key, and what was spent is known after a restart.
    post(&gate, "/budget/update", json!({"budget_id": "trial", "max_budget": 0.00025})).await;
    assert_eq!(call(&gate, &one, 5).await.status, 200);
    let gate = gate.restarted().await;
    assert_eq!(call(&gate, &two, 5).await.status, 422);
    let shown = gate.get("/budget/info?budget_id=trial", MASTER_KEY).await.json();
    assert_eq!(shown["spend"], 3.0 * CALL);
    gate.turn(86_400);
    assert_eq!(call(&gate, &two, 5).await.status, 200, "the next day");
}

#[tokio::test]
async fn a_budget_is_listed_and_goes_only_when_no_key_has_it() {
    let gate = gate("shared_life").await;
    for id in ["a", "b"] {
        post(&gate, "/budget/new", json!({"budget_id": id, "rpm_limit": 1})).await;
    }
    let made = gate.generate(json!({"budget_id": "a"})).await;
    let (secret, id) = (made["key"].as_str().unwrap(), made["token_id"].clone());
    assert_eq!(call(&gate, secret, 5).await.status, 200);
    assert_eq!(call(&gate, secret, 5).await.status, 429);
    let both = post(&gate, "/budget/info", json!({"budgets": ["a", "b"]})).await;
    let listed = gate.get("/budget/list", MASTER_KEY).await.json();
    assert_eq!(both, listed);
    assert_eq!((&listed[0]["budget_id"], &listed[0]["rpm_limit"]), (&json!("a"), &json!(1)));
    assert_eq!(gate.get("/budget/list?after=a", MASTER_KEY).await.json()[0]["budget_id"], "b");
    let kept = gate.manage("/budget/delete", MASTER_KEY, json!({"id": "a"})).await;
    assert_eq!(kept.status, 409, "{kept:?}");
    assert!(kept.body.contains("1 keys have this budget"), "{}", kept.body);
    update(&gate, "/key/update", json!({"key": id, "budget_id": "b"})).await;
    assert_eq!(call(&gate, secret, 5).await.status, 200, "the other's minute");
    post(&gate, "/budget/delete", json!({"id": "a"})).await;
    let again = json!({"budget_id": "a", "max_budget": 1});
    let again = gate.manage("/budget/new", MASTER_KEY, again).await;
    assert_eq!(again.status, 400, "{again:?}");
    assert!(again.body.contains("ids are not used twice"), "{}", again.body);
    update(&gate, "/key/update", json!({"key": id, "budget_id": null})).await;
    assert_eq!(call(&gate, secret, 5).await.status, 200);
    assert_eq!(info(&gate, secret).await["budget_id"], Value::Null);
    let unnamed = post(&gate, "/budget/new", json!({"max_budget": 1})).await;
    assert!(unnamed["budget_id"].as_str().unwrap().starts_with("budget_"));
    let actions: Vec<_> = gate.audit().await.into_iter().map(|(action, _)| action).collect();
    assert!(actions.contains(&"budget.new".into()) && actions.contains(&"budget.delete".into()));
}

#[tokio::test]
async fn what_is_no_budget_is_refused_by_name_and_only_an_admin_gives_one() {
    let gate = gate("shared_bad").await;
    for (path, body, says) in [
        ("/budget/new", json!({}), "max_budget"),
        ("/budget/new", json!({"max_budget": -1}), "max_budget"),
        ("/budget/new", json!({"max_budget": "5"}), "max_budget"),
        ("/budget/new", json!({"max_budget": 1, "duration": "1d"}), "duration"),
        ("/budget/new", json!({"budget_id": "a b", "max_budget": 1}), "budget_id"),
        ("/budget/update", json!({"max_budget": 1}), "budget_id"),
        ("/budget/info", json!({"budgets": []}), "budgets"),
        ("/key/generate", json!({"budget_id": "none"}), "/budget/new"),
    ] {
        let refused = gate.manage(path, MASTER_KEY, body.clone()).await;
        assert_eq!(refused.status, 400, "{path} {body}: {refused:?}");
        assert!(refused.body.contains(says), "{path} {body}: {}", refused.body);
    }
    post(&gate, "/budget/new", json!({"budget_id": "a", "max_budget": 1})).await;
    let taken = json!({"budget_id": "a", "max_budget": 1});
    assert_eq!(gate.manage("/budget/new", MASTER_KEY, taken).await.status, 400);
    let nothing = json!({"budget_id": "a", "max_budget": null});
    assert_eq!(gate.manage("/budget/update", MASTER_KEY, nothing).await.status, 400);
    for path in
        ["/budget/list?before=a", "/budget/info?id=a", "/app/list?page=2", "/app/info?name=x"]
    {
        assert_eq!(gate.get(path, MASTER_KEY).await.status, 400, "{path}");
    }
    for path in ["/budget/update", "/budget/delete"] {
        let refused = gate.manage(path, MASTER_KEY, json!({"budget_id": "none"})).await;
        assert_eq!(refused.status, 404, "{path}");
    }
    post(&gate, "/user/new", json!({"user_id": "ada", "auto_create_key": false})).await;
    let ada = key(&gate, json!({"user_id": "ada"})).await;
    for (path, body) in [
        ("/key/generate", json!({"budget_id": "a"})),
        ("/key/update", json!({"key": ada, "budget_id": "a"})),
        ("/budget/new", json!({"max_budget": 1})),
        ("/budget/info", json!({"budgets": ["a"]})),
        ("/app/update", json!({"app": APP, "blocked": true})),
    ] {
        assert_eq!(gate.manage(path, &ada, body).await.status, 403, "{path}");
    }
    assert_eq!(gate.get("/budget/list", &ada).await.status, 403);
    assert_eq!(gate.get("/app/list", &ada).await.status, 403);
}

#[tokio::test]
async fn a_key_made_with_a_key_spends_from_the_same_budget() {
    let gate = gate("shared_child").await;
    post(&gate, "/user/new", json!({"user_id": "ada", "auto_create_key": false})).await;
    post(&gate, "/budget/new", json!({"budget_id": "a", "max_budget": 0.00005})).await;
    let made = gate.generate(json!({"user_id": "ada"})).await;
    let (parent, id) = (made["key"].as_str().unwrap(), made["token_id"].clone());
    let before = gate.manage("/key/generate", parent, json!({})).await.json();
    update(&gate, "/key/update", json!({"key": id, "budget_id": "a"})).await;
    let after = gate.manage("/key/generate", parent, json!({})).await.json();
    for child in [&before, &after] {
        assert_eq!(info(&gate, child["key"].as_str().unwrap()).await["budget_id"], "a");
    }
    assert_eq!(call(&gate, before["key"].as_str().unwrap(), 5).await.status, 200);
    assert_eq!(call(&gate, after["key"].as_str().unwrap(), 5).await.status, 422);
}

#[tokio::test]
async fn of_keys_that_made_one_another_no_limit_is_left_behind() {
    let gate = gate("shared_chain").await;
    post(&gate, "/user/new", json!({"user_id": "ada", "auto_create_key": false})).await;
    let first = gate.generate(json!({"user_id": "ada"})).await;
    let second =
        gate.manage("/key/generate", first["key"].as_str().unwrap(), json!({})).await.json();
    let budget = json!({"key": second["token_id"], "max_budget": 0.00005});
    update(&gate, "/key/update", budget).await;
    let third =
        gate.manage("/key/generate", second["key"].as_str().unwrap(), json!({})).await.json();
    assert_eq!(call(&gate, second["key"].as_str().unwrap(), 5).await.status, 200);
    let refused = call(&gate, third["key"].as_str().unwrap(), 5).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    // One key cannot share two ledgers.
    update(&gate, "/key/update", json!({"key": first["token_id"], "max_budget": 1})).await;
    let fourth = gate.manage("/key/generate", second["key"].as_str().unwrap(), json!({})).await;
    assert_eq!(fourth.status, 403, "{fourth:?}");
}

#[tokio::test]
async fn an_app_s_rules_bind_its_keys_whoever_connected_it() {
    let gate = gate("shared_app").await;
    let connect = async |who: &str| {
        let browser = gate.browser_of(who).await;
        let form = browser.open(EDITOR, "").await;
        let seen = browser.press("allow", &form).await;
        (seen.status, seen.sent("access_token"))
    };
    let (ada, bob) = (connect("ada").await.1.unwrap(), connect("bob").await.1.unwrap());
    let app = info(&gate, &ada).await["app"].as_str().unwrap().to_owned();
    let other = key(&gate, json!({})).await;
    let rules = json!({"app": app, "max_budget": 0.00015, "budget_duration": "weekly", "models": ["pri*"],
        "allowed_routes": ["/chat/completions"]});
    let set = post(&gate, "/app/update", rules).await;
    assert_eq!((&set["keys"], &set["app_name"]), (&json!(2), &json!("Roo Code")));
    assert_eq!(call(&gate, &ada, 5).await.status, 200);
    assert_eq!(call(&gate, &bob, 5).await.status, 200);
    let refused = call(&gate, &ada, 5).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.body.contains("the app Roo Code"), "{}", refused.body);
    assert_eq!(gate.call(&bob, "gpt-4o").await.status, 403);
    assert_eq!(call(&gate, &other, 5).await.status, 200);
    let listed = gate.get("/app/list", MASTER_KEY).await.json();
    assert_eq!(listed[0]["app"], app.to_lowercase(), "whatever the case");
    assert_eq!(listed[0]["models"], json!(["pri*"]));
    let shown = gate.get(&format!("/app/info?app={app}"), MASTER_KEY).await.json();
    assert_eq!(shown["limits"][0]["spend"], 2.0 * CALL);
    // Blocked, its keys are dead at once and nobody gets another.
    post(&gate, "/app/update", json!({"app": app, "blocked": true})).await;
    let dead = call(&gate, &bob, 5).await;
    assert_eq!((dead.status, &dead.json()["error"]["type"]), (401, &json!("auth_error")));
    let (status, token) = connect("eve").await;
    assert_eq!((status, token), (403, None));
    post(&gate, "/app/update", json!({"app": app, "blocked": false, "max_budget": null})).await;
    assert_eq!(call(&gate, &bob, 5).await.status, 200);
    assert_eq!(connect("eve").await.0, 200);
    for bad in
        [json!({}), json!({"app": ""}), json!({"app": app, "block": true}), json!({"app": 1})]
    {
        assert_eq!(gate.manage("/app/update", MASTER_KEY, bad).await.status, 400);
    }
}
