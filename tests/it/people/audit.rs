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
    assert_eq!(find("user.block")["detail"], "leaves");
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
