//! Budgets begin anew.
use super::{call, gate, info, key, update};
use crate::{spend::PRICED, support::Gate};
use serde_json::json;

#[tokio::test]
async fn a_duration_runs_from_the_first_call_and_over_a_restart() {
    let gate = gate("windows_every").await;
    let key = key(&gate, json!({"max_budget": 0.00005, "budget_duration": "1h"})).await;
    gate.turn(1000);
    assert_eq!(call(&gate, &key, 5).await.status, 200);
    let refused = call(&gate, &key, 5).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["error"]["reset_at"], "2027-01-15T09:16:40Z");
    let gate = gate.restarted().await;
    gate.turn(3599);
    assert_eq!(call(&gate, &key, 5).await.status, 422);
    assert_eq!(info(&gate, &key).await["budget_reset_at"], "2027-01-15T09:16:40Z");
    gate.turn(1);
    assert_eq!(call(&gate, &key, 5).await.status, 200);
    let info = info(&gate, &key).await;
    assert_eq!((&info["spend"], &info["usage"]["calls"]), (&json!(0.000_097_5), &json!(2)));
}

#[tokio::test]
async fn a_calendar_month_follows_the_zone_and_the_hour_of_the_settings() {
    let settings = format!("limits.timezone = \"Europe/Berlin\"\nlimits.reset_hour = 6\n{PRICED}");
    let gate = Gate::with("windows_month", &settings).await;
    let key = key(&gate, json!({"max_budget": 0.00005, "budget_duration": "monthly"})).await;
    assert_eq!(call(&gate, &key, 5).await.status, 200);
    let refused = call(&gate, &key, 5).await;
    assert_eq!(refused.json()["error"]["reset_at"], "2027-02-01T05:00:00Z");
    // 2027-02-01T04:59:59Z, and a second later.
    gate.turn(1_801_457_999 - gate.now());
    let gate = gate.restarted().await;
    assert_eq!(call(&gate, &key, 5).await.status, 422);
    gate.turn(1);
    assert_eq!(call(&gate, &key, 5).await.status, 200);
}

#[tokio::test]
async fn a_clock_that_is_put_back_and_forth_gives_no_budget_twice() {
    let gate = gate("windows_clock").await;
    let key = key(&gate, json!({"max_budget": 0.00005, "budget_duration": "daily"})).await;
    assert_eq!(call(&gate, &key, 5).await.status, 200);
    gate.turn(86_400);
    assert_eq!(call(&gate, &key, 5).await.status, 200, "a day later");
    for step in [-86_400, 86_400, -86_400, 86_400] {
        gate.turn(step);
        assert_eq!(call(&gate, &key, 5).await.status, 422, "{step}");
    }
    let gate = gate.restarted().await;
    assert_eq!(call(&gate, &key, 5).await.status, 422);
}

#[tokio::test]
async fn a_limit_that_is_cleared_and_set_again_at_once_has_forgotten_nothing() {
    let gate = gate("windows_again").await;
    let made = gate.generate(json!({"max_budget": 1})).await;
    let (key, id) = (made["key"].as_str().unwrap().to_owned(), made["token_id"].clone());
    for round in 1..=3 {
        assert_eq!(call(&gate, &key, 5).await.status, 200);
        for limit in [json!(null), json!(1)] {
            update(&gate, "/key/update", json!({"key": id, "max_budget": limit})).await;
        }
        let spent = f64::from(round) * 0.000_195;
        assert_eq!(call(&gate, &key, 5).await.status, 200);
        let shown = info(&gate, &key).await["limits"][0]["spend"].as_f64().unwrap();
        assert!((shown - spent).abs() < 1e-12, "{shown} {spent}");
    }
    let gate = gate.restarted().await;
    assert_eq!(call(&gate, &key, 5).await.status, 200);
    let shown = info(&gate, &key).await;
    assert_eq!(
        (&shown["spend"], &shown["limits"][0]["spend"]),
        (&json!(0.000_682_5), &json!(0.000_682_5))
    );
}

#[tokio::test]
async fn another_window_counts_what_was_spent_in_it() {
    let gate = gate("windows_change").await;
    let made = gate.generate(json!({"max_budget": 0.00025})).await;
    let (key, id) = (made["key"].as_str().unwrap(), made["token_id"].clone());
    for _ in 0..2 {
        assert_eq!(call(&gate, key, 5).await.status, 200);
    }
    gate.turn(86_400);
    assert_eq!(call(&gate, key, 5).await.status, 200);
    assert_eq!(call(&gate, key, 5).await.status, 422);
    // One of the three was today.
    update(&gate, "/key/update", json!({"key": id, "budget_duration": "daily"})).await;
    assert_eq!(info(&gate, key).await["spend"], 0.000_097_5);
    assert_eq!(call(&gate, key, 5).await.status, 200);
    assert_eq!(call(&gate, key, 5).await.status, 200);
    assert_eq!(call(&gate, key, 5).await.status, 422);
    // From the next call on: nothing yet.
    update(&gate, "/key/update", json!({"key": id, "budget_duration": "7d"})).await;
    assert_eq!(call(&gate, key, 5).await.status, 200);
    update(&gate, "/key/update", json!({"key": id, "budget_duration": null})).await;
    let refused = call(&gate, key, 5).await;
    assert_eq!((refused.status, &refused.json()["error"]["used"]), (422, &json!(0.000_585)));
}
