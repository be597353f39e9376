//! Ways around a limit that somebody might try, and what each comes to.
use super::{CALL, call, gate, info, key, update};
use crate::support::{Gate, LINK, MASTER_KEY, Seen};
use serde_json::{Value, json};

async fn person(gate: &Gate, id: &str, role: &str) {
    let fields = json!({"user_id": id, "user_role": role, "auto_create_key": false});
    assert_eq!(gate.manage("/user/new", MASTER_KEY, fields).await.status, 200);
}

fn both(made: &Value) -> (String, Value) {
    (made["key"].as_str().unwrap().to_owned(), made["token_id"].clone())
}

async fn child(gate: &Gate, parent: &str) -> (String, Value) {
    let made = gate.manage("/key/generate", parent, json!({})).await;
    assert_eq!(made.status, 200, "{made:?}");
    both(&made.json())
}

async fn refused(gate: &Gate, path: &str, by: &str, body: Value) {
    let seen = gate.manage(path, by, body).await;
    assert_eq!(seen.status, 403, "{path}: {seen:?}");
}

#[tokio::test]
async fn a_secret_that_was_replaced_calls_models_for_a_while_and_does_nothing_else() {
    let gate = gate("round_grace").await;
    for (id, role) in [("ada", "internal_user"), ("root", "proxy_admin")] {
        person(&gate, id, role).await;
        let (old, key) = both(&gate.generate(json!({"user_id": id, "duration": "1h"})).await);
        let renew = json!({"key": key, "grace_period": "1d"});
        let new = gate.manage("/key/regenerate", MASTER_KEY, renew).await.json();
        let new = new["key"].as_str().unwrap();
        assert_eq!(call(&gate, &old, 5).await.status, 200, "{id}");
        for body in [json!({}), json!({"key": key}), json!({"key": old})] {
            refused(&gate, "/key/regenerate", &old, body).await;
        }
        refused(&gate, &format!("/key/{old}/regenerate"), &old, json!({})).await;
        refused(&gate, "/key/generate", &old, json!({})).await;
        refused(&gate, "/key/update", &old, json!({"key": key, "duration": "30d"})).await;
        refused(&gate, "/team/new", &old, json!({})).await;
        refused(&gate, "/key/delete", &old, json!({"keys": [key]})).await;
        let end = gate.client.delete(format!("{}/apps/loopback", gate.url)).bearer_auth(&old);
        assert_eq!(Seen::of(end).await.status, 403, "{id}");
        for more in ["", "&redirect_uri=http%3A%2F%2Flocalhost%3A1%2Fcb"] {
            let request = gate.client.get(format!("{}{LINK}{more}", gate.url)).bearer_auth(&old);
            assert_eq!(Seen::of(request).await.status, 403, "{id} {more}");
        }
        assert_eq!(call(&gate, new, 5).await.status, 200, "{id}: the owner's works");
    }
}

#[tokio::test]
async fn a_renewed_secret_without_grace_is_dead_whatever_the_clock_says() {
    let gate = gate("round_clock").await;
    let (old, key) = both(&gate.generate(json!({})).await);
    gate.manage("/key/regenerate", MASTER_KEY, json!({"key": key})).await;
    gate.turn(-3600);
    assert_eq!(call(&gate, &old, 5).await.status, 401);
    let gate = gate.restarted().await;
    assert_eq!(call(&gate, &old, 5).await.status, 401);
}

#[tokio::test]
async fn a_bound_key_renews_none_that_is_not_bound_like_it() {
    let gate = gate("round_renew").await;
    person(&gate, "ada", "internal_user").await;
    let of_ada = json!({"user_id": "ada"});
    let (_, wide) = both(&gate.generate(of_ada.clone()).await);
    let budget = json!({"budget_id": "trial", "max_budget": 1});
    assert_eq!(gate.manage("/budget/new", MASTER_KEY, budget).await.status, 200);
    let trial = json!({"user_id": "ada", "budget_id": "trial"});
    let (narrow, own) = both(&gate.generate(trial.clone()).await);
    refused(&gate, "/key/regenerate", &narrow, json!({"key": wide})).await;
    refused(&gate, "/key/update", &narrow, json!({"key": wide, "key_alias": "x"})).await;
    let (_, alike) = both(&gate.generate(trial).await);
    for same in [own, alike] {
        let seen = gate.manage("/key/regenerate", MASTER_KEY, json!({"key": same})).await;
        assert_eq!(seen.status, 200, "{seen:?}");
    }
    // A limited child, and the unlimited key it was made with.
    let (parent, parents) = both(&gate.generate(of_ada).await);
    let (made, id) = child(&gate, &parent).await;
    update(&gate, "/key/update", json!({"key": id, "max_budget": 1})).await;
    refused(&gate, "/key/regenerate", &made, json!({"key": parents})).await;
    // Who knows another's Idempotency-Key does not learn what it made.
    let once = async |by: &str| {
        let request = gate.client.post(format!("{}/key/regenerate", gate.url)).bearer_auth(by);
        Seen::of(request.header("idempotency-key", "known").json(&json!({"key": parents}))).await
    };
    let renewed = once(&parent).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    assert_eq!(once(&made).await.status, 403);
    assert_eq!(
        once(renewed.json()["key"].as_str().unwrap()).await.json()["key"],
        renewed.json()["key"]
    );
}

#[tokio::test]
async fn a_key_that_two_ledgers_bind_begets_none_by_a_page_either() {
    let gate = gate("round_page").await;
    person(&gate, "ada", "internal_user").await;
    let (parent, _) = both(&gate.generate(json!({"user_id": "ada", "max_budget": 100})).await);
    let (made, id) = child(&gate, &parent).await;
    let to = "&redirect_uri=http%3A%2F%2Flocalhost%3A1%2Fcb";
    let link = async |key: &str| {
        Seen::of(gate.client.get(format!("{}{LINK}{to}", gate.url)).bearer_auth(key)).await
    };
    assert_eq!(link(&made).await.status, 200);
    update(&gate, "/key/update", json!({"key": id, "max_budget": 5})).await;
    let refused = link(&made).await;
    assert_eq!(refused.status, 403, "{refused:?}");
}

#[tokio::test]
async fn a_budget_follows_to_the_keys_that_were_made_and_leaves_those_with_another() {
    let gate = gate("round_made").await;
    person(&gate, "ada", "internal_user").await;
    for id in ["x", "y"] {
        let budget = json!({"budget_id": id, "max_budget": 1});
        assert_eq!(gate.manage("/budget/new", MASTER_KEY, budget).await.status, 200);
    }
    let (first, id) = both(&gate.generate(json!({"user_id": "ada"})).await);
    let (second, seconds) = child(&gate, &first).await;
    update(&gate, "/key/update", json!({"key": seconds, "rpm_limit": 1000})).await;
    let (third, _) = child(&gate, &second).await;
    let (apart, aparts) = child(&gate, &first).await;
    update(&gate, "/key/update", json!({"key": aparts, "budget_id": "y"})).await;
    let of = async |key: &str| info(&gate, key).await["budget_id"].clone();
    update(&gate, "/key/update", json!({"key": id, "budget_id": "x"})).await;
    for key in [&first, &second, &third] {
        assert_eq!(of(key).await, "x");
    }
    assert_eq!(of(&apart).await, "y", "its own");
    update(&gate, "/key/update", json!({"key": id, "budget_id": null})).await;
    assert_eq!((of(&third).await, of(&apart).await), (Value::Null, json!("y")));
    assert_eq!(gate.manage("/budget/delete", MASTER_KEY, json!({"id": "x"})).await.status, 200);
}

#[tokio::test]
async fn a_budget_remembers_what_keys_spent_that_are_gone() {
    let gate = gate("round_gone").await;
    let budget = json!({"budget_id": "b", "max_budget": 1, "budget_duration": "monthly"});
    assert_eq!(gate.manage("/budget/new", MASTER_KEY, budget).await.status, 200);
    let before = key(&gate, json!({})).await;
    let (spender, id) = both(&gate.generate(json!({"budget_id": "b"})).await);
    for _ in 0..2 {
        assert_eq!(call(&gate, &spender, 5).await.status, 200);
    }
    // What a key spent before it had the budget is none of the budget's.
    assert_eq!(call(&gate, &before, 5).await.status, 200);
    let joined = info(&gate, &before).await["token"].clone();
    update(&gate, "/key/update", json!({"key": joined, "budget_id": "b"})).await;
    gate.manage("/key/delete", MASTER_KEY, json!({"keys": [id]})).await;
    let shown =
        async || gate.get("/budget/info?budget_id=b", MASTER_KEY).await.json()["spend"].clone();
    for change in [
        json!({"budget_duration": "weekly"}),
        json!({"max_budget": null, "rpm_limit": 1000}),
        json!({"max_budget": 2}),
        json!({"budget_duration": null}),
    ] {
        let mut body = change.clone();
        body["budget_id"] = json!("b");
        assert_eq!(gate.manage("/budget/update", MASTER_KEY, body).await.status, 200);
        if change.get("rpm_limit").is_none() {
            assert_eq!(shown().await, 2.0 * CALL, "{change}");
        }
    }
}

#[tokio::test]
async fn an_app_s_rules_hold_whatever_the_letters_case() {
    let gate = gate("round_case").await;
    let connect = async |to: &str| {
        let browser = gate.browser_of("ada").await;
        let form = browser.open(to, "").await;
        let seen = browser.press("allow", &form).await;
        (seen.status, seen.sent("access_token"))
    };
    let key = connect("vscode://SaoudRizwan.claude-dev/x").await.1.unwrap();
    assert_eq!(info(&gate, &key).await["app"], "vscode://SaoudRizwan.claude-dev");
    let block = json!({"app": "vscode://SAOUDRIZWAN.Claude-Dev", "blocked": true});
    let set = gate.manage("/app/update", MASTER_KEY, block).await.json();
    assert_eq!((&set["keys"], &set["app"]), (&json!(1), &json!("vscode://saoudrizwan.claude-dev")));
    assert_eq!(call(&gate, &key, 5).await.status, 401);
    assert_eq!(connect("vscode://saoudrizwan.CLAUDE-dev/y").await.0, 403);
}
