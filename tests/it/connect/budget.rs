//! What a consent page offers of a budget, and what becomes of it.
use crate::{
    spend::PRICED,
    support::{Browser, Form, Gate, MASTER_KEY, Seen},
};
use serde_json::{Value, json};

const TO: &str = "http://127.0.0.1:5/cb";

async fn answer(browser: &Browser, form: &Form, more: &[(&str, &str)]) -> Seen {
    let usual = [("request", &*form.handle), ("user", &*form.user)];
    let fields: Vec<_> = usual.into_iter().chain(more.iter().copied()).collect();
    browser.post(&form.action, &fields).await
}

async fn info(gate: &Gate, seen: &Seen) -> Value {
    let key = seen.sent("access_token").unwrap_or_else(|| panic!("{seen:?}"));
    gate.get("/key/info", &key).await.json()["info"].clone()
}

#[tokio::test]
async fn what_the_person_lets_an_app_spend_is_its_key_s_budget() {
    let gate = Gate::with("consent_budget", PRICED).await;
    let browser = gate.browser_of("ada").await;
    let form = browser.open(TO, "").await;
    assert!(form.page.contains("placeholder=\"no limit of its own\""), "{}", form.page);
    for (budget, each) in [("abc", ""), ("-1", ""), ("1e9", ""), ("5", "hourly"), ("0,50", "")] {
        let fields = [("answer", "allow"), ("budget", budget), ("budget_each", each)];
        let seen = answer(&browser, &form, &fields).await;
        assert_eq!(seen.status, 400, "{budget} {each}: {seen:?}");
    }
    let fields = [("answer", "allow"), ("budget", " $0.00005 "), ("budget_each", "daily")];
    let seen = answer(&browser, &form, &fields).await;
    let key = info(&gate, &seen).await;
    assert_eq!((&key["max_budget"], &key["budget_duration"]), (&json!(0.00005), &json!("daily")));
    let secret = seen.sent("access_token").unwrap();
    assert_eq!(gate.call(&secret, "priced").await.status, 200);
    assert_eq!(gate.call(&secret, "priced").await.status, 422);
    // Left open, in a form without the field, and with a no that has nonsense in it.
    let form = browser.open(TO, "").await;
    let seen = answer(&browser, &form, &[("answer", "allow"), ("budget", "")]).await;
    assert_eq!(info(&gate, &seen).await["max_budget"], Value::Null);
    let form = browser.open(TO, "").await;
    assert_eq!(info(&gate, &browser.press("allow", &form).await).await["max_budget"], Value::Null);
    let form = browser.open(TO, "").await;
    let seen = answer(&browser, &form, &[("answer", "deny"), ("budget", "abc")]).await;
    assert_eq!(seen.sent("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn k27_the_page_offers_at_most_the_tightest_cap_and_no_form_gets_more() {
    let settings = format!(
        "{PRICED}\n[limits.default_key_generate_params]\nmax_budget = \"5\"\n\
         [limits.upperbound_key_generate_params]\nmax_budget = \"100\"\n"
    );
    let gate = Gate::with("consent_cap", &settings).await;
    let browser = gate.browser_of("ada").await;
    let open = async || browser.open(TO, "").await;
    let page = open().await.page;
    assert!(page.contains("placeholder=\"5\"") && page.contains("At most $100.00"), "{page}");
    let more = [("answer", "allow"), ("budget", "500"), ("budget_each", "monthly")];
    let seen = answer(&browser, &open().await, &more).await;
    let key = info(&gate, &seen).await;
    assert_eq!((&key["max_budget"], &key["budget_duration"]), (&json!(100.0), &json!("monthly")));
    let seen = answer(&browser, &open().await, &[("answer", "allow"), ("budget", "")]).await;
    assert_eq!(info(&gate, &seen).await["max_budget"], 5.0, "what the settings give");
    // In all is in all, whatever the settings give others; and no sooner anew than the bound.
    let settings =
        settings.replace("max_budget = \"5\"", "max_budget = \"5\"\nbudget_duration = \"monthly\"");
    let settings = settings
        .replace("max_budget = \"100\"", "max_budget = \"100\"\nbudget_duration = \"weekly\"");
    let gate = gate.restarted_with(&settings).await;
    let browser = gate.browser_of("ada").await;
    let open = async || browser.open(TO, "").await;
    for (each, becomes) in [
        ("", Value::Null),
        ("daily", json!("weekly")),
        ("weekly", json!("weekly")),
        ("monthly", json!("monthly")),
    ] {
        let fields = [("answer", "allow"), ("budget", "3"), ("budget_each", each)];
        let seen = answer(&browser, &open().await, &fields).await;
        assert_eq!(info(&gate, &seen).await["budget_duration"], becomes, "{each}");
    }
    let seen = answer(&browser, &open().await, &[("answer", "allow"), ("budget", "")]).await;
    assert_eq!(info(&gate, &seen).await["budget_duration"], "monthly");
    // The person has less, in their team less still.
    let post = async |path: &str, fields: Value| {
        let seen = gate.manage(path, MASTER_KEY, fields).await;
        assert_eq!(seen.status, 200, "{path}: {seen:?}");
        seen.json()
    };
    post("/user/update", json!({"user_id": key["user_id"], "max_budget": 20})).await;
    assert!(open().await.page.contains("At most $20.00"));
    let members = json!([{"role": "user", "user_id": key["user_id"]}]);
    let team = json!({"team_alias": "red", "members_with_roles": members, "max_budget": 1000});
    let team = post("/team/new", team).await["team_id"].clone();
    let cap = json!({"team_id": team, "user_id": key["user_id"], "max_budget_in_team": 2});
    post("/team/member_update", cap).await;
    let page = open().await.page;
    assert!(page.contains("At most $2.00") && page.contains("placeholder=\"2\""), "{page}");
    let seen = answer(&browser, &open().await, &more).await;
    assert_eq!(info(&gate, &seen).await["max_budget"], 2.0);
}

#[tokio::test]
async fn what_an_app_asks_for_stands_in_the_field_and_the_person_may_change_it() {
    let gate = Gate::with("consent_asked", PRICED).await;
    let browser = gate.browser_of("ada").await;
    let open = async || {
        let seen = browser
            .walk("/auth?callback_url=http://localhost:3000/cb&limit=50&usage_limit_type=monthly")
            .await;
        assert!(
            seen.body.contains("value=\"50\"") && seen.body.contains("As the app asks"),
            "{seen:?}"
        );
        assert!(seen.body.contains("<option value=\"monthly\" selected>"), "{seen:?}");
        Form::read(&seen)
    };
    let redeem = async |seen: Seen| {
        let body = json!({"code": seen.sent("code").unwrap()});
        let request = gate.client.post(format!("{}/api/v1/auth/keys", gate.url)).json(&body);
        let key = Seen::of(request).await.json()["key"].as_str().unwrap().to_owned();
        gate.get("/key/info", &key).await.json()["info"].clone()
    };
    let form = open().await;
    let fields = [("answer", "allow"), ("budget", "7.5"), ("budget_each", "weekly")];
    let key = redeem(answer(&browser, &form, &fields).await).await;
    assert_eq!((&key["max_budget"], &key["budget_duration"]), (&json!(7.5), &json!("weekly")));
    let form = open().await;
    let key = redeem(browser.press("allow", &form).await).await;
    assert_eq!((&key["max_budget"], &key["budget_duration"]), (&json!(50.0), &json!("monthly")));
}
