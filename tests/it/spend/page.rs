//! What was spent, on the pages.
use super::{PRICED, say};
use crate::support::{Gate, MASTER_KEY, Seen};
use serde_json::json;

fn shows(page: &Seen, says: &[&str]) {
    assert_eq!(page.status, 200, "{page:?}");
    for says in says {
        assert!(page.body.contains(says), "{says} in {}", page.body);
    }
}

#[tokio::test]
async fn an_admin_sees_what_was_spent_by_whom_and_on_what_and_nobody_else_does() {
    let gate =
        Gate::with("page_spend", &format!("signin.admin_subject = \"root\"\n{PRICED}")).await;
    let ada = gate.browser_of("ada").await;
    let key = ada.json_key().await;
    let root = gate.browser_of("root").await;
    shows(&root.get("/spend").await, &["Nothing was used in these days", "Nothing in 30 days"]);
    say(&gate, &key, "priced", "Hello", false).await;
    gate.turn(86_400);
    let root = gate.browser_of("root").await;
    let again = gate.browser_of("ada").await.json_key().await;
    for model in ["priced", "claude-priced"] {
        say(&gate, &again, model, "Hello", false).await;
    }
    let info = gate.get("/key/info", &again).await.json()["info"].clone();
    let id = info["user_id"].as_str().unwrap();
    gate.manage("/user/update", MASTER_KEY, json!({"user_id": id, "max_budget": 1})).await;
    let all = root.get("/spend").await;
    let link = format!("/spend?from=2026-12-18&#38;to=2027-01-16&#38;person={id}");
    shows(&all, &["ada@acme.example", &link, "$0.00033", "3 calls", "most of it on 16 January"]);
    assert!(all.body.contains("<svg") && !all.body.contains("<script"));
    let one = root.get(&format!("/spend?by=user&of={id}")).await;
    shows(
        &one,
        &[
            "Spend of <bdi>ada@acme.example</bdi>",
            "claude-priced",
            "priced",
            "$0.00033 of $1.00 spent",
        ],
    );
    shows(&root.get("/spend?by=model").await, &["model=claude-priced", "$0.00014"]);
    shows(&root.get("/spend?by=team").await, &["no team"]);
    shows(&root.get("/spend?by=app").await, &["This browser"]);
    shows(&root.get("/spend?by=key").await, &["of ada@acme.example"]);
    let day = root.get("/spend?from=2027-01-15&to=2027-01-15").await;
    shows(&day, &["1 call,", "$0.000098", "in 1 days"]);
    // Odd questions.
    for (query, status) in [
        ("?from=yesterday", 400),
        ("?from=2027-01-16&to=2027-01-15", 400),
        ("?from=2020-01-01&to=2027-01-15", 400),
        ("?by=colour", 200),
        ("?by=user&of=nobody-we-know", 200),
        ("?by=user&of=%3Cscript%3E", 200),
        ("?by=team&of=%00", 200),
    ] {
        let seen = root.get(&format!("/spend{query}")).await;
        assert_eq!(seen.status, status, "{query}: {seen:?}");
        assert!(!seen.body.contains("<script"), "{query}");
    }
    let ada = gate.browser_of("ada").await;
    assert_eq!(ada.get("/spend").await.status, 403);
    assert_eq!(gate.browser().get("/spend").await.status, 303);
    // Her own page has her own.
    shows(&ada.get("/").await, &["What you spent", "$0.00033 in 30 days: 3 calls"]);
    assert!(!gate.browser_of("bob").await.get("/").await.body.contains("What you spent"));
    let apps = ada.client.get(format!("{}/apps", gate.url)).header("accept", "text/html");
    shows(&Seen::of(apps).await, &["$0.00033 in 30 days, most of it on 16 January"]);
}
