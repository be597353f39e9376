//! The books, day by day.
use super::{PRICED, say};
use crate::support::{Gate, MASTER_KEY};
use serde_json::json;

#[tokio::test]
async fn days_are_summed_by_model_and_agree_with_the_rows() {
    let gate = Gate::with("spend_days", PRICED).await;
    let key = gate.generate(json!({})).await;
    let secret = key["key"].as_str().unwrap();
    for (model, words) in
        [("priced", "Hello"), ("priced", "cut 2"), ("claude-priced", "Hello"), ("claude-x", "Hi")]
    {
        say(&gate, secret, model, words, true).await;
    }
    gate.turn(86_400);
    say(&gate, secret, "priced", "Hello", false).await;
    let of = async |path: &str| gate.get(path, MASTER_KEY).await;
    let id = key["token_id"].as_str().unwrap();
    let days = of(&format!("/key/daily/activity?key_id={id}")).await.json();
    let results = days["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{days}");
    assert_eq!(
        (&results[0]["date"], &results[1]["date"]),
        (&json!("2027-01-16"), &json!("2027-01-15"))
    );
    let first = &results[1];
    assert_eq!(first["metrics"]["api_requests"], 4);
    assert_eq!(first["metrics"]["failed_requests"], 1);
    assert_eq!(first["metrics"]["unpriced_requests"], 1);
    assert_eq!(first["breakdown"]["models"]["claude-priced"]["metrics"]["cost"], "0.000138");
    let rows = super::logs(&gate, "").await;
    let sum: f64 = rows.iter().filter_map(|row| row["spend"].as_f64()).sum();
    assert!((days["metadata"]["spend"].as_f64().unwrap() - sum).abs() < 1e-12);
    for path in ["/user/daily/activity", "/user/daily/activity?user_id=default_user_id"] {
        assert_eq!(of(path).await.json()["metadata"]["api_requests"], 5, "{path}");
    }
    let one = of("/model/daily/activity?model=priced&start_date=2027-01-16&end_date=2027-01-16");
    assert_eq!(one.await.json()["metadata"]["cost"], "0.0000975");
    for bad in ["/team/daily/activity", "/key/daily/activity", "/app/daily/activity?app="] {
        assert_eq!(of(bad).await.status, 400, "{bad}");
    }
    let years = "/user/daily/activity?start_date=2020-01-01&end_date=2027-01-01";
    assert_eq!(of(years).await.status, 400);
    assert_eq!(of("/team/daily/activity?team_id=none").await.status, 404);
}
