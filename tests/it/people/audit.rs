//! Who did what to whom: read by filters and pages that cannot be forged.
use crate::support::{Gate, MASTER_KEY, Seen};
use serde_json::{Value, json};

async fn logs(gate: &Gate, query: &str) -> Value {
    let seen = gate.get(&format!("/audit/logs?{query}"), MASTER_KEY).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.json()
}

fn lines(page: &Value) -> Vec<Value> {
    page["audit_logs"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_act_has_a_line_with_who_what_whom_whence_and_before_and_after() {
    let gate = Gate::new("audit_lines").await;
    let made = json!({"user_id": "ada", "user_role": "internal_user"});
    let key = gate.manage("/user/new", MASTER_KEY, made).await.json();
    let change = json!({"user_id": "ada", "user_role": "proxy_admin", "metadata": {"a": 1}});
    gate.manage("/user/update", MASTER_KEY, change).await;
    let admin = key["key"].as_str().unwrap();
    gate.manage("/team/new", admin, json!({"team_id": "t1", "members": ["ada"]})).await;
    gate.manage("/team/update", admin, json!({"team_id": "t1", "models": ["x"]})).await;
    gate.manage("/user/block", MASTER_KEY, json!({"user_ids": ["ada"], "reason": "leaves"})).await;
    let log = lines(&logs(&gate, "size=500").await);
    let find = |action: &str| {
        let found = log.iter().find(|line| line["action"] == action);
        found.unwrap_or_else(|| panic!("{action} in {log:?}")).clone()
    };
    let update = find("user.update");
    assert_eq!((&update["actor"], &update["subject"]), (&json!("master_key"), &json!("ada")));
    assert_eq!(update["address"], "127.0.0.1");
    assert_eq!(update["before"], json!({"user_role": "internal_user", "metadata": {}}));
    assert_eq!(update["after"], json!({"user_role": "proxy_admin", "metadata": {"a": 1}}));
    assert_eq!(find("team.update")["actor"], "ada", "by an admin's own key it is the admin");
    assert_eq!(find("team.update")["after"], json!({"models": ["x"]}));
    assert_eq!(find("team.member_add")["detail"], "ada as user");
    assert_eq!(find("team.member_add")["after"], json!({"role": "user"}));
    let block = find("user.block");
    assert_eq!((&block["detail"], &block["user_id"]), (&json!("leaves"), &json!("ada")));
    assert_eq!(block["before"], json!({"blocked": false, "block_reason": null}));
    assert_eq!(block["after"], json!({"blocked": true, "block_reason": "leaves"}));
    for action in ["user.new", "team.new", "key.create"] {
        find(action);
    }
    assert!(!log.iter().any(|line| line.to_string().contains(admin)), "never a secret");
}

#[tokio::test]
async fn filters_are_conditions_that_all_hold() {
    let gate = Gate::new("audit_filters").await;
    for id in ["ada", "bob"] {
        let body = json!({"user_id": id, "auto_create_key": false});
        gate.manage("/user/new", MASTER_KEY, body).await;
        gate.turn(60);
        gate.manage("/user/block", MASTER_KEY, json!({"user_ids": [id]})).await;
        gate.turn(3600);
    }
    let count = async |query: String| lines(&logs(&gate, &query).await).len();
    let start = |seconds: i64| gatekey::model::Timestamp(gate.now() - seconds).rfc3339();
    assert_eq!(count("subject=ada".into()).await, 2);
    assert_eq!(count("subject=ada&action=user.block".into()).await, 1);
    assert_eq!(count("action=user.block".into()).await, 2);
    assert_eq!(count("actor=master_key".into()).await, 4);
    assert_eq!(count("actor=nobody".into()).await, 0);
    assert_eq!(count(format!("since={}", start(3661))).await, 2);
    assert_eq!(count(format!("until={}", start(3660))).await, 2, "the end is not in it");
    assert_eq!(count(format!("since={}&subject=ada", start(3661))).await, 0);
    for query in ["since=yesterday", "size=0", "size=501", "sort=x", "actor=a&actor=b"] {
        let seen = gate.get(&format!("/audit/logs?{query}"), MASTER_KEY).await;
        assert_eq!(seen.status, 400, "{query}: {seen:?}");
    }
}

#[tokio::test]
async fn o4_pages_are_stable_and_their_cursors_are_ours() {
    let gate = Gate::new("audit_cursor").await;
    for number in 0..25 {
        let body = json!({"user_id": format!("u{number}"), "auto_create_key": false});
        gate.manage("/user/new", MASTER_KEY, body).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = logs(&gate, &format!("action=user.new&size=10{cursor}")).await;
        seen.extend(lines(&page).iter().map(|line| line["subject"].to_string()));
        // What comes meanwhile moves nothing.
        gate.turn(1);
        let body = json!({"user_id": format!("late{}", seen.len()), "auto_create_key": false});
        gate.manage("/user/new", MASTER_KEY, body).await;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (25, 25), "each once, though all are of one second");

    let page = logs(&gate, "action=user.new&size=10").await;
    let good = page["next_cursor"].as_str().unwrap().to_owned();
    let mut flipped = good.clone().into_bytes();
    flipped[40] = if flipped[40] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let ask = async |query: String| -> Seen {
        gate.get(&format!("/audit/logs?{query}"), MASTER_KEY).await
    };
    for query in [
        format!("action=user.new&size=10&cursor={flipped}"),
        format!("action=user.new&cursor={}", &good[..good.len() - 4]),
        format!("action=user.block&cursor={good}"),
        format!("cursor={good}"),
        "cursor=".into(),
        "cursor=AAAA".into(),
        "cursor=%27%3BDROP%20TABLE%20audit".into(),
    ] {
        let seen = ask(query.clone()).await;
        assert_eq!(seen.status, 400, "{query}: {seen:?}");
        assert_eq!(seen.json()["error"]["param"], "cursor");
    }
    assert_eq!(ask(format!("action=user.new&size=3&cursor={good}")).await.status, 200);
    // A restart, as a secret that outlives it, changes nothing.
    let gate = gate.restarted().await;
    let seen = gate.get(&format!("/audit/logs?action=user.new&cursor={good}"), MASTER_KEY).await;
    assert_eq!(seen.status, 200, "{seen:?}");
}

#[tokio::test]
async fn what_is_done_to_a_person_s_keys_and_memberships_is_found_by_the_person() {
    let gate = Gate::new("audit_person").await;
    let body = json!({"user_id": "ada", "auto_create_key": false});
    gate.manage("/user/new", MASTER_KEY, body).await;
    gate.manage("/team/new", MASTER_KEY, json!({"team_id": "t1", "members": ["ada"]})).await;
    let fields = json!({"user_id": "ada", "team_id": "t1", "key_alias": "ci", "duration": "1h"});
    let key = gate.generate(fields).await["token_id"].clone();
    let promote = json!({"team_id": "t1", "member": {"user_id": "ada", "role": "admin"}});
    gate.turn(1);
    gate.manage("/team/member_add", MASTER_KEY, promote).await;
    let change = json!({"key": key, "key_alias": "cd", "models": ["gpt-4o"], "metadata": {"a": 1}});
    gate.manage("/key/update", MASTER_KEY, change).await;
    gate.manage("/key/block", MASTER_KEY, json!({"key": key})).await;
    gate.turn(1);
    gate.manage("/key/delete", MASTER_KEY, json!({"keys": [key]})).await;
    let remove = json!({"team_id": "t1", "user_id": "ada"});
    gate.manage("/team/member_delete", MASTER_KEY, remove).await;
    let log = lines(&logs(&gate, "user_id=ada&size=100").await);
    let find = |action: &str, subject: &Value| {
        let fits = |line: &&Value| line["action"] == action && line["subject"] == *subject;
        let found = log.iter().find(fits);
        found.unwrap_or_else(|| panic!("{action} of {subject} in {log:#?}")).clone()
    };
    let made = find("key.create", &key)["after"].clone();
    assert_eq!((&made["key_alias"], &made["team_id"]), (&json!("ci"), &json!("t1")));
    let update = find("key.update", &key);
    assert_eq!(update["before"], json!({"key_alias": "ci", "models": [], "metadata": {}}));
    assert_eq!(
        update["after"],
        json!({"key_alias": "cd", "models": ["gpt-4o"], "metadata": {"a": 1}})
    );
    assert_eq!(find("key.block", &key)["after"], json!({"blocked": true}));
    assert_eq!(find("key.end", &key)["before"], json!({"key_alias": "cd", "team_id": "t1"}));
    let promoted = find("team.member_add", &json!("t1"));
    assert_eq!(promoted["before"], json!({"role": "user"}), "the newest first");
    assert_eq!(promoted["after"], json!({"role": "admin"}));
    assert_eq!(find("team.member_delete", &json!("t1"))["before"], json!({"role": "admin"}));
    assert!(log.iter().all(|line| line["user_id"] == "ada"));
    assert!(lines(&logs(&gate, "user_id=bob").await).is_empty());
}
