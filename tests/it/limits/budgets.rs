//! Budgets hold, and what they say agrees with the books.
use super::{CALL, call, gate, info, key, say, update};
use crate::{
    spend::{PRICED, logs},
    support::{Gate, Seen},
};
use serde_json::{Value, json};

#[tokio::test]
async fn k26_a_spent_budget_is_refused_once_and_for_all_and_says_whose_and_how_much() {
    let gate = gate("budget_spent").await;
    let key = key(&gate, json!({"key_alias": "mine", "max_budget": 0.0001})).await;
    assert_eq!(call(&gate, &key, 10).await.status, 200);
    assert_eq!(call(&gate, &key, 10).await.status, 200, "there was room, and nothing ran");
    let refused = call(&gate, &key, 10).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.headers["x-should-retry"], "false");
    assert!(!refused.headers.contains_key("retry-after"));
    let error = refused.json()["error"].clone();
    assert_eq!((&error["type"], &error["code"]), (&json!("budget_exceeded"), &json!("422")));
    assert_eq!((&error["rate_limit_type"], &error["reset_at"]), (&json!("budget"), &Value::Null));
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("the key mine") && message.contains("$0.000195 of $0.0001"),
        "{message}"
    );
    // The refusal, the key, and the rows say the same.
    assert_eq!(error["used"], 0.000_195);
    assert_eq!(info(&gate, &key).await["spend"], 0.000_195);
    let sum: f64 = logs(&gate, "").await.iter().map(|row| row["spend"].as_f64().unwrap()).sum();
    assert!((sum - 2.0 * CALL).abs() < 1e-12);
    // In Anthropic's words too.
    let body = json!({"model": "claude-priced", "max_tokens": 10,
        "messages": [{"role": "user", "content": "Hello"}]});
    let refused = gate.manage("/v1/messages", &key, body.clone()).await;
    assert_eq!((refused.status, refused.json()["type"].clone()), (422, json!("error")));
    assert_eq!(refused.json()["error"]["rate_limit_type"], "budget");
    // Counting is free, and models are listed.
    assert_eq!(gate.manage("/v1/messages/count_tokens", &key, body).await.status, 200);
    assert_eq!(gate.get("/v1/models", &key).await.status, 200);
}

#[tokio::test]
async fn k28_raising_the_limit_frees_at_the_next_call_and_clearing_it_for_good() {
    let gate = gate("budget_raised").await;
    let made = gate.generate(json!({"max_budget": 0.00005})).await;
    let (key, id) = (made["key"].as_str().unwrap(), made["token_id"].clone());
    assert_eq!(call(&gate, key, 10).await.status, 200);
    assert_eq!(call(&gate, key, 10).await.status, 422);
    update(&gate, "/key/update", json!({"key": id, "max_budget": 0.00015})).await;
    assert_eq!(call(&gate, key, 10).await.status, 200);
    assert_eq!(call(&gate, key, 10).await.status, 422);
    update(&gate, "/key/update", json!({"key": id, "max_budget": null})).await;
    for _ in 0..3 {
        assert_eq!(call(&gate, key, 10).await.status, 200);
    }
    // What was spent without a limit counts when there is one again.
    update(&gate, "/key/update", json!({"key": id, "max_budget": 0.00048})).await;
    let refused = call(&gate, key, 10).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["error"]["used"], 0.000_487_5);
    update(&gate, "/key/update", json!({"key": id, "max_budget": 0.000_487_6})).await;
    assert_eq!(call(&gate, key, 10).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_of_fifty_calls_at_once_with_room_for_one_one_is_let_in() {
    let gate = gate("budget_race").await;
    // A call may cost 100 × 10 dollars a million: one of them fits.
    let key = key(&gate, json!({"max_budget": 0.0011})).await;
    let calls = (0..50).map(|_| say(&gate, &key, 100, "slow"));
    let seen = futures_util::future::join_all(calls).await;
    let count = |status: u16| seen.iter().filter(|seen| seen.status == status).count();
    assert_eq!((count(200), count(429)), (1, 49), "{:?}", seen[0]);
    let refused = seen.iter().find(|seen| seen.status == 429).unwrap();
    assert_eq!(refused.json()["error"]["type"], "budget_reserved");
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(!refused.headers.contains_key("x-should-retry"));
    assert_eq!(gate.upstream.calls(), 1, "the others never left");
    // What was reserved has come back.
    assert_eq!(call(&gate, &key, 90).await.status, 200);
    assert_eq!(info(&gate, &key).await["limits"][0]["reserved"], 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_reserved_comes_back_however_a_call_ends() {
    let gate = gate("budget_returns").await;
    let key = key(&gate, json!({"max_budget": 0.01})).await;
    let mut spent = 0.0;
    for words in ["quota", "html", "unauthorized", "redirect", "cut 2", "empty", "error", "Hello"] {
        say(&gate, &key, 500, words).await;
        let info = info(&gate, &key).await;
        let limits = &info["limits"][0];
        assert_eq!((&limits["reserved"], &limits["running"]), (&json!(0.0), &json!(0)), "{words}");
        assert!(limits["spend"].as_f64().unwrap() >= spent, "{words}");
        assert_eq!(limits["spend"], info["spend"], "{words}");
        spent = limits["spend"].as_f64().unwrap();
    }
    // A caller that leaves, before and after the answer has begun.
    for words in ["hang", "endless"] {
        let body = json!({"model": "priced", "stream": true, "max_tokens": 50,
            "messages": [{"role": "user", "content": words}]});
        let request = gate.client.post(format!("{}/v1/chat/completions", gate.url));
        let begun = request.bearer_auth(&key).json(&body).send();
        let _ = tokio::time::timeout(std::time::Duration::from_millis(300), async {
            begun.await.unwrap().chunk().await
        })
        .await;
        crate::support::soon("it is given back", async || {
            info(&gate, &key).await["limits"][0]["running"] == 0
        })
        .await;
    }
    let info = info(&gate, &key).await;
    assert_eq!(info["limits"][0]["spend"], info["spend"]);
}

#[tokio::test]
async fn a_restart_forgets_no_cent() {
    let gate = gate("budget_restart").await;
    let made = gate.generate(json!({"max_budget": 0.00025})).await;
    let key = made["key"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        assert_eq!(call(&gate, &key, 10).await.status, 200);
    }
    let gate = gate.restarted().await;
    assert_eq!(call(&gate, &key, 10).await.status, 200);
    let refused = call(&gate, &key, 10).await;
    assert_eq!((refused.status, &refused.json()["error"]["used"]), (422, &json!(0.000_292_5)));
}

#[tokio::test]
async fn a_model_whose_price_nobody_knows_is_not_for_keys_with_a_budget() {
    let gate = gate("budget_unpriced").await;
    let limited = key(&gate, json!({"max_budget": 1})).await;
    let refused = gate.call(&limited, "claude-x").await;
    assert_eq!(refused.status, 404, "the wrong protocol is said first");
    let body = json!({"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]});
    let refused = gate.manage("/v1/messages", &limited, body.clone()).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.body.contains("[model.price]"), "{}", refused.body);
    let free = key(&gate, json!({"rpm_limit": 10})).await;
    assert_eq!(gate.manage("/v1/messages", &free, body.clone()).await.status, 200);
    let gate = gate.restarted_with(&format!("limits.allow_unpriced = true\n{PRICED}")).await;
    assert_eq!(gate.manage("/v1/messages", &limited, body).await.status, 200);
}

#[tokio::test]
async fn by_setting_a_spent_budget_is_a_429_that_says_when() {
    let settings = format!("limits.budget_status = 429\n{PRICED}");
    let gate = Gate::with("budget_429", &settings).await;
    let key = key(&gate, json!({"max_budget": 0, "budget_duration": "daily"})).await;
    let refused = call(&gate, &key, 1).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["x-should-retry"], "false");
    // The tests' clock stands at 08:00.
    assert_eq!(refused.headers["retry-after"], "57600");
    assert_eq!(refused.json()["error"]["reset_at"], "2027-01-16T00:00:00Z");
}

#[tokio::test]
async fn a_soft_budget_warns_and_lets_in() {
    let gate = gate("budget_soft").await;
    let key = key(&gate, json!({"key_alias": "mine", "soft_budget": 0.00005})).await;
    assert!(!call(&gate, &key, 10).await.headers.contains_key("x-gatekey-budget-warning"));
    let warned = call(&gate, &key, 10).await;
    assert_eq!(warned.status, 200);
    let warning = warned.headers["x-gatekey-budget-warning"].to_str().unwrap();
    assert!(warning.contains("the key mine") && warning.contains("$0.0000975"), "{warning}");
}

#[tokio::test]
async fn an_answer_says_what_it_cost_and_what_its_key_has_spent_as_litellm_does() {
    let gate = gate("budget_told").await;
    let limited = key(&gate, json!({"max_budget": 1})).await;
    for spent in ["0", "0.0000975"] {
        let seen = call(&gate, &limited, 5).await;
        assert_eq!(seen.header("x-litellm-response-cost"), Some("0.0000975"), "{seen:?}");
        assert_eq!(seen.header("x-litellm-key-spend"), Some(spent));
    }
    let free = key(&gate, json!({})).await;
    let seen = call(&gate, &free, 5).await;
    assert_eq!(seen.header("x-litellm-response-cost"), Some("0.0000975"));
    assert_eq!(seen.header("x-litellm-key-spend"), None, "nobody counts it");
    for unknown in [gate.call(&free, "gpt-4o").await, say(&gate, &free, 5, "usage: {}").await] {
        assert_eq!(unknown.status, 200);
        assert_eq!(unknown.header("x-litellm-response-cost"), None, "{unknown:?}");
    }
    let refused = say(&gate, &free, 5, "quota").await;
    assert_eq!((refused.status, refused.header("x-litellm-response-cost")), (429, None));
}

#[tokio::test]
async fn a_person_sees_what_is_left_of_each_budget_that_binds_them() {
    let settings =
        format!("{PRICED}\n[limits.default_key_generate_params]\nmax_budget = \"0.0002\"\n");
    let gate = Gate::with("budget_page", &settings).await;
    let browser = gate.browser_of("ada").await;
    let key = browser.json_key().await;
    let ada = info(&gate, &key).await["user_id"].clone();
    let limits = json!({"user_id": ada, "max_budget": 20, "budget_duration": "monthly"});
    update(&gate, "/user/update", limits).await;
    assert_eq!(call(&gate, &key, 5).await.status, 200);
    let page = browser.get("/").await.body;
    for says in [
        "$0.000098 of $0.00020 spent<",
        "value=\"48\"",
        "$0.000098 of $20.00 spent, begins anew 1 February, 00:00 UTC",
        "value=\"0\"",
    ] {
        assert!(page.contains(says), "{says} in {page}");
    }
    let apps = browser.client.get(format!("{}/apps", gate.url)).header("accept", "text/html");
    let apps = Seen::of(apps).await.body;
    assert!(
        apps.contains("· $0.000098 of $0.00020 spent<") && apps.contains("value=\"48\""),
        "{apps}"
    );
    let soft = json!({"user_id": ada, "soft_budget": 0.00005});
    update(&gate, "/user/update", soft).await;
    let page = browser.get("/").await.body;
    assert!(page.contains("the soft budget of $0.000050 is spent"), "{page}");
    let other = gate.browser_of("bob").await;
    assert!(!other.get("/").await.body.contains("Budgets"));
}
