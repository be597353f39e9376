//! The books, call by call.
use super::{PRICED, logs, say, usage_of};
use crate::support::{Gate, MASTER_KEY};
use serde_json::{Value, json};

#[tokio::test]
async fn each_call_has_a_row_with_its_tokens_its_cost_and_its_price() {
    let gate = Gate::with("spend_rows", PRICED).await;
    let key = gate.generate(json!({"team_id": null})).await;
    let secret = key["key"].as_str().unwrap();
    let usage = r#"usage: {"prompt_tokens": 1000, "completion_tokens": 500,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 200}}"#;
    let answered = say(&gate, secret, "priced", usage, false).await;
    let rows = logs(&gate, "").await;
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    // 600 × 2.50 + 400 × 1.25, and 300 × 10 + 200 × 20, of a million
    assert_eq!(row["cost"], "0.009", "{row}");
    assert_eq!(row["spend"], 0.009);
    assert_eq!(row["cache_read_input_tokens"], 400);
    assert_eq!(row["reasoning_tokens"], 200);
    assert_eq!((&row["prompt_tokens"], &row["completion_tokens"]), (&json!(1000), &json!(500)));
    assert!(row["price_version"].as_str().unwrap().starts_with("settings-"));
    assert_eq!((&row["status"], &row["estimated"]), (&json!("success"), &json!(false)));
    assert_eq!(row["key_id"], key["token_id"]);
    let request = answered.headers["x-gatekey-request-id"].to_str().unwrap();
    assert_eq!(row["request_id"], request);
    // The same stands with the key.
    let info = gate.get("/key/info", secret).await.json()["info"].clone();
    assert_eq!((&info["spend"], &info["usage"]["cost"]), (&json!(0.009), &json!("0.009")));
    assert_eq!(info["usage"]["cache_read_tokens"], 400);
}

#[tokio::test]
async fn k31_a_stream_costs_what_the_same_answer_costs_whole() {
    let gate = Gate::with("spend_stream", PRICED).await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    for model in ["priced", "claude-priced"] {
        for stream in [false, true] {
            assert_eq!(say(&gate, &key, model, "Hello", stream).await.status, 200);
        }
    }
    let rows = logs(&gate, "").await;
    let costs: Vec<&Value> = rows.iter().rev().map(|row| &row["cost"]).collect();
    // 11 in and 7 out: at 2.50 and 10, and at 3 and 15.
    assert_eq!(costs, ["0.0000975", "0.0000975", "0.000138", "0.000138"]);
}

#[tokio::test]
async fn k33_no_usage_that_was_reported_lowers_what_was_spent() {
    let gate = Gate::with("spend_odd", PRICED).await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    let mut before = 0.0;
    for usage in [
        r#"{"prompt_tokens": -5, "completion_tokens": -7}"#,
        r#"{"prompt_tokens": "11", "completion_tokens": 7}"#,
        r#"{"prompt_tokens": 99999999999999999999, "completion_tokens": 1e300}"#,
        r#"{"prompt_tokens": 11, "prompt_tokens_details": {"cached_tokens": -1000000}, "completion_tokens": 7}"#,
        r#"{"cost": 0}"#,
        "0",
        "null",
        "[]",
    ] {
        assert_eq!(say(&gate, &key, "priced", &format!("usage: {usage}"), false).await.status, 200);
        let info = gate.get("/key/info", &key).await.json()["info"].clone();
        let spent = info["spend"].as_f64().unwrap();
        assert!(spent > before, "{usage}: {spent} after {before}");
        before = spent;
    }
    let rows = logs(&gate, "").await;
    let sum: f64 = rows.iter().map(|row| row["spend"].as_f64().unwrap()).sum();
    assert!((sum - before).abs() < 1e-12, "rows and sums agree");
    assert_eq!(rows.iter().filter(|row| row["estimated"] == true).count(), 7);
}

#[tokio::test]
async fn what_has_no_price_is_counted_and_never_free_in_silence() {
    let gate = Gate::with("spend_unpriced", PRICED).await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    say(&gate, &key, "claude-x", "Hello", false).await;
    say(&gate, &key, "priced", "Hello", false).await;
    let rows = logs(&gate, "&model=claude-x").await;
    assert_eq!((&rows[0]["cost"], &rows[0]["price_version"]), (&Value::Null, &Value::Null));
    assert_eq!(rows[0]["prompt_tokens"], 11);
    let usage = usage_of(&gate, &key).await;
    assert_eq!((&usage["unpriced_calls"], &usage["cost"]), (&json!(1), &json!("0.0000975")));
}

#[tokio::test]
async fn a_call_that_ends_badly_has_a_row_too() {
    let gate = Gate::with("spend_ends", PRICED).await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    say(&gate, &key, "priced", "cut 2", true).await;
    let body = json!({"model": "priced", "stream": true,
        "messages": [{"role": "user", "content": "endless"}]});
    let request = gate.client.post(format!("{}/v1/chat/completions", gate.url)).bearer_auth(&key);
    let mut stream = request.json(&body).send().await.unwrap();
    stream.chunk().await.unwrap().unwrap();
    drop(stream);
    crate::support::soon("it is booked", async || logs(&gate, "").await.len() == 2).await;
    let rows = logs(&gate, "").await;
    assert_eq!((&rows[1]["status"], &rows[0]["status"]), (&json!("failure"), &json!("aborted")));
    assert!(
        rows.iter().all(|row| row["spend"].as_f64().unwrap() > 0.0 && row["estimated"] == true)
    );
    // An upstream that took no work is no call.
    say(&gate, &key, "priced", "quota", false).await;
    assert_eq!(logs(&gate, "").await.len(), 2);
}

#[tokio::test]
async fn o4_pages_follow_one_another_and_cursors_cannot_be_made() {
    let gate = Gate::with("spend_pages", PRICED).await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    for _ in 0..7 {
        say(&gate, &key, "priced", "Hello", false).await;
        gate.turn(1);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page =
            gate.get(&format!("/spend/logs?page_size=2&model=priced{cursor}"), MASTER_KEY).await;
        let page = page.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].to_string()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.reverse();
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (7, &sorted));
    for bad in [
        "&page_size=1001".into(),
        "&page_size=0".into(),
        "&cursor=abc".into(),
        format!("{cursor}&user_id=x"),
        format!("{cursor}A"),
        "&start_date=yesterday".into(),
        "&start_date=2027-01-02&end_date=2027-01-01".into(),
        "&api_key=x".into(),
    ] {
        let refused = gate.get(&format!("/spend/logs?model=priced{bad}"), MASTER_KEY).await;
        assert_eq!(refused.status, 400, "{bad}: {refused:?}");
    }
}

#[tokio::test]
async fn rows_are_found_by_day_key_team_person_app_and_model() {
    let gate = Gate::with("spend_filters", PRICED).await;
    let team = gate.manage("/team/new", MASTER_KEY, json!({"team_alias": "red"})).await.json();
    let service = gate.generate(json!({"team_id": team["team_id"]})).await;
    say(&gate, service["key"].as_str().unwrap(), "priced", "Hello", false).await;
    gate.turn(86_400);
    let own = gate.key_of("ada").await;
    say(&gate, &own, "gpt-4o", "Hello", false).await;
    let today = "2027-01-16";
    let count = async |query: &str| logs(&gate, query).await.len();
    assert_eq!(count("").await, 2);
    assert_eq!(count(&format!("&start_date={today}")).await, 1);
    assert_eq!(count("&end_date=2027-01-15").await, 1);
    assert_eq!(count("&start_date=2027-01-15&end_date=2027-01-16").await, 2);
    assert_eq!(count(&format!("&team_id={}", team["team_id"].as_str().unwrap())).await, 1);
    assert_eq!(count(&format!("&key_id={}", service["token_id"].as_str().unwrap())).await, 1);
    assert_eq!(count("&app=nobody").await, 0);
    assert_eq!(count("&model=gpt-4o").await, 1);
    let row = &logs(&gate, "&model=gpt-4o").await[0];
    let (user, app) = (row["user_id"].as_str().unwrap(), row["app"].clone());
    assert_eq!(count(&format!("&user_id={user}")).await, 1);
    assert!(app.is_null() || count(&format!("&app={}", app.as_str().unwrap())).await == 1);
}

#[tokio::test]
async fn nobody_reads_what_others_used() {
    let gate = Gate::with("spend_rights", PRICED).await;
    let admin = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    say(&gate, &admin, "priced", "Hello", false).await;
    gate.browser_of("ada").await;
    let ada = gate.people().await.into_iter().find(|p| p.user.email.is_some()).unwrap().user;
    let key = gate.generate(json!({"user_id": ada.id})).await["key"].as_str().unwrap().to_owned();
    say(&gate, &key, "priced", "Hello", false).await;
    let own = gate.get("/spend/logs", &key).await.json();
    assert_eq!(own["data"].as_array().unwrap().len(), 1, "{own}");
    assert_eq!(own["data"][0]["user_id"], json!(ada.id));
    let named = format!("/spend/logs?user_id={}", ada.id);
    assert_eq!(gate.get(&named, &key).await.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(gate.get("/spend/logs?user_id=default_user_id", &key).await.status, 403);
    for path in [
        "/user/daily/activity?user_id=default_user_id",
        "/app/daily/activity?app=x",
        "/model/daily/activity?model=priced",
    ] {
        assert_eq!(gate.get(path, &key).await.status, 403, "{path}");
    }
    let mine = gate.get("/user/daily/activity", &key).await.json();
    assert_eq!(mine["metadata"]["api_requests"], 1);
    // A key that an app got reads itself and nothing else.
    let bound = gate.key_of("ada").await;
    assert_eq!(gate.get("/spend/logs", &bound).await.status, 403);
    assert_eq!(gate.get("/spend/logs", "").await.status, 401);
}

#[tokio::test]
async fn single_calls_go_after_their_time_and_sums_stay() {
    let gate = Gate::with("spend_kept", &format!("server.calls_kept = \"7d\"\n{PRICED}")).await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    say(&gate, &key, "priced", "Hello", false).await;
    assert_eq!(logs(&gate, "").await.len(), 1);
    gate.turn(7 * 86_400 + 1);
    let sweep = gatekey::store::sweep::Sweep {
        at: gatekey::model::Timestamp(gate.now()),
        calls_kept: gatekey::model::Lifetime::days(7),
    };
    gate.store.write(sweep).await.unwrap();
    assert_eq!(logs(&gate, "").await.len(), 0);
    assert_eq!(usage_of(&gate, &key).await["cost"], "0.0000975");
}
