//! Requests and tokens a minute, and calls at a time.
use super::{call, gate, key, say};
use serde_json::json;

#[tokio::test]
async fn requests_a_minute_are_counted_by_the_clock_s_minute() {
    let gate = gate("pace_rpm").await;
    let key = key(&gate, json!({"rpm_limit": 2})).await;
    let first = call(&gate, &key, 5).await;
    assert_eq!(first.headers["x-ratelimit-limit-requests"], "2");
    assert_eq!(first.headers["x-ratelimit-remaining-requests"], "1");
    assert_eq!(first.headers["x-ratelimit-reset-requests"], "60s");
    gate.turn(20);
    assert_eq!(call(&gate, &key, 5).await.headers["x-ratelimit-remaining-requests"], "0");
    let refused = call(&gate, &key, 5).await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"40".parse().unwrap()));
    let error = refused.json()["error"].clone();
    assert_eq!(error["rate_limit_type"], "requests");
    assert_eq!(error["reset_at"], "2027-01-15T08:01:00Z");
    assert!(!refused.headers.contains_key("x-should-retry"));
    gate.turn(40);
    assert_eq!(call(&gate, &key, 5).await.status, 200);
}

#[tokio::test]
async fn tokens_a_minute_are_reserved_and_then_counted_as_used() {
    let gate = gate("pace_tpm").await;
    let key = key(&gate, json!({"tpm_limit": 100})).await;
    // 18 are used by each, whatever was asked for.
    let first = call(&gate, &key, 60).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.headers["x-ratelimit-limit-tokens"], "100");
    for _ in 0..2 {
        assert_eq!(call(&gate, &key, 10).await.status, 200);
    }
    let refused = call(&gate, &key, 60).await;
    assert_eq!(refused.status, 429, "54 are used, and 60 more may be");
    assert_eq!(refused.json()["error"]["rate_limit_type"], "tokens");
    assert_eq!(refused.json()["error"]["used"], 54);
    gate.turn(60);
    assert_eq!(call(&gate, &key, 5000).await.status, 200, "the first of a minute is let in");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_a_time_are_bounded_and_a_refused_one_costs_no_pace() {
    let gate = gate("pace_parallel").await;
    let key = key(&gate, json!({"max_parallel_requests": 3, "rpm_limit": 4})).await;
    let calls = (0..12).map(|_| say(&gate, &key, 5, "slow"));
    let seen = futures_util::future::join_all(calls).await;
    let good = seen.iter().filter(|seen| seen.status == 200).count();
    assert_eq!(good, 3);
    let refused = seen.iter().find(|seen| seen.status == 429).unwrap().json()["error"].clone();
    assert_eq!(refused["rate_limit_type"], "max_parallel_requests");
    assert_eq!(call(&gate, &key, 5).await.status, 200, "the fourth of the minute");
    assert_eq!(call(&gate, &key, 5).await.json()["error"]["rate_limit_type"], "requests");
}

#[tokio::test]
async fn k36_without_limits_the_upstream_s_figures_arrive() {
    let gate = gate("pace_theirs").await;
    let free = key(&gate, json!({})).await;
    assert_eq!(call(&gate, &free, 5).await.headers["x-ratelimit-remaining-requests"], "9");
    let limited = key(&gate, json!({"rpm_limit": 3})).await;
    assert_eq!(call(&gate, &limited, 5).await.headers["x-ratelimit-remaining-requests"], "2");
}
