//! Reports for those who decide: by day and whom, and every list as CSV.
use super::{PRICED, say};
use crate::support::{Gate, MASTER_KEY, Seen};
use serde_json::{Value, json};

/// Ada of the team red, and Bob of none, on two days.
async fn spent(test: &str) -> (Gate, String, String) {
    let gate = Gate::with(test, &format!("signin.admin_subject = \"root\"\n{PRICED}")).await;
    let post = async |path: &str, fields: Value| {
        let seen = gate.manage(path, MASTER_KEY, fields).await;
        assert_eq!(seen.status, 200, "{path}: {seen:?}");
        seen.json()
    };
    for (user, email) in [("ada", "ada@acme.example"), ("bob", "=bob@acme.example")] {
        post("/user/new", json!({"user_id": user, "user_email": email, "auto_create_key": false}))
            .await;
    }
    post(
        "/team/new",
        json!({"team_id": "red", "team_alias": "The reds",
        "members_with_roles": [{"role": "user", "user_id": "ada"}]}),
    )
    .await;
    let ada = post("/key/generate", json!({"user_id": "ada", "team_id": "red"})).await;
    let bob = post("/key/generate", json!({"user_id": "bob", "key_alias": "=1+1"})).await;
    let key = |made: &Value| made["key"].as_str().unwrap().to_owned();
    let (ada, bob) = (key(&ada), key(&bob));
    for (key, model) in [(&ada, "priced"), (&bob, "priced"), (&ada, "claude-priced")] {
        assert_eq!(say(&gate, key, model, "Hello", false).await.status, 200);
    }
    gate.turn(86_400);
    let body = json!({"model": "priced", "messages": [], "user": "cust,1"});
    let request = gate.client.post(format!("{}/v1/chat/completions", gate.url)).bearer_auth(&bob);
    let seen = Seen::of(request.header("x-gatekey-tags", "red,blue").json(&body)).await;
    assert_eq!(seen.status, 200);
    // All of it is written before it is read.
    assert_eq!(gate.get("/spend/logs", MASTER_KEY).await.status, 200);
    (gate, ada, bob)
}

#[tokio::test]
async fn the_report_says_who_spent_what_by_day_in_litellm_s_shape() {
    let (gate, ada, _) = spent("report_shape").await;
    let report = async |query: &str| {
        let seen = gate.get(&format!("/global/spend/report?{query}"), MASTER_KEY).await;
        assert_eq!(seen.status, 200, "{query}: {seen:?}");
        seen.json()
    };
    let teams = report("start_date=2027-01-15&end_date=2027-01-16").await;
    assert_eq!(teams.as_array().unwrap().len(), 2);
    assert_eq!(teams[0]["group_by_day"], "2027-01-15");
    let red = &teams[0]["teams"][1];
    assert_eq!((&red["team_name"], &red["cost"]), (&json!("The reds"), &json!("0.0002355")));
    assert_eq!(
        (&red["metadata"][0]["model"], &red["team_id"]),
        (&json!("claude-priced"), &json!("red"))
    );
    assert_eq!(teams[0]["teams"][0]["team_name"], Value::Null, "of no team");
    let users = report("group_by=user&user_id=bob").await;
    assert_eq!(users[0]["users"][0]["total_spend"], 0.000_097_5);
    assert_eq!(
        (users.as_array().unwrap().len(), &users[1]["users"][0]["user_id"]),
        (2, &json!("bob"))
    );
    let models = report("group_by=model&team_id=The%20reds").await;
    assert_eq!(models[0]["models"].as_array().unwrap().len(), 2);
    let keys = report(&format!("group_by=api_key&api_key={ada}")).await;
    assert_eq!(keys[0]["keys"].as_array().unwrap().len(), 1);
    let tags = report("group_by=tag").await;
    let names: Vec<&str> =
        tags[0]["tags"].as_array().unwrap().iter().map(|t| t["tag"].as_str().unwrap()).collect();
    assert_eq!((names, &tags[0]["tags"][0]["cost"]), (vec!["blue", "red"], &json!("0.0000975")));
    assert_eq!(report("group_by=customer").await[0]["customers"][0]["customer"], "cust,1");
    assert_eq!(report("group_by=tag&user_id=ada").await, json!([]));
    for (query, status) in [
        ("group_by=colour", 400),
        ("group_by=tag&team_id=red", 400),
        ("start_date=2020-01-01&end_date=2027-01-01", 400),
        ("start_date=x", 400),
        ("colour=red", 400),
        ("team_id=nobody", 200),
    ] {
        let seen = gate.get(&format!("/global/spend/report?{query}"), MASTER_KEY).await;
        assert_eq!(seen.status, status, "{query}: {seen:?}");
    }
    assert_eq!(gate.get("/global/spend/report", &ada).await.status, 403);
    assert_eq!(
        gate.client.get(format!("{}/global/spend/report", gate.url)).send().await.unwrap().status(),
        401
    );
}

#[tokio::test]
async fn every_list_is_served_as_csv_too() {
    let (gate, ada, _) = spent("report_csv").await;
    for (path, fields) in [
        ("/budget/new", json!({"budget_id": "b", "max_budget": 1})),
        ("/app/update", json!({"app": "an-app", "max_budget": 1})),
    ] {
        assert_eq!(gate.manage(path, MASTER_KEY, fields).await.status, 200, "{path}");
    }
    let lists = [
        ("/key/list?return_full_object=true", "key_alias"),
        ("/user/list", "user_email"),
        ("/team/list", "team_alias"),
        ("/v2/team/list", "team_alias"),
        ("/budget/list", "budget_id"),
        ("/app/list", "max_budget"),
        ("/spend/logs", "request_id"),
        ("/audit/logs", "action"),
        ("/user/daily/activity", "metrics.api_requests"),
        ("/team/daily/activity?team_id=red", "metrics.spend"),
        ("/global/spend/report?group_by=user", "date,user_id,model,cost,calls"),
    ];
    for (path, column) in lists {
        let json = gate.get(path, MASTER_KEY).await;
        if json.status == 404 {
            assert_eq!(path, "/v2/team/list");
            continue;
        }
        let join = if path.contains('?') { '&' } else { '?' };
        let csv = gate.get(&format!("{path}{join}format=csv"), MASTER_KEY).await;
        assert_eq!(csv.status, 200, "{path}: {csv:?}");
        let kind = csv.header("content-type").unwrap();
        assert!(kind.starts_with("text/csv") && csv.header("cache-control") == Some("no-store"));
        let head = csv.body.lines().next().unwrap();
        assert!(head.contains(column), "{path}: {head}");
        let accept = gate.client.get(format!("{}{path}", gate.url)).bearer_auth(MASTER_KEY);
        let same = Seen::of(accept.header("accept", "text/csv")).await;
        if !path.starts_with("/audit") {
            assert_eq!(same.body, csv.body, "{path}");
        }
        assert!(
            !csv.body.lines().any(|line| line.starts_with('=') || line.contains(",=")),
            "{path}"
        );
    }
    // Page by page, as the JSON is.
    let page = gate.get("/spend/logs?page_size=2&format=csv", MASTER_KEY).await;
    assert_eq!(page.body.lines().count(), 3);
    let next = page.header("link").unwrap();
    let next = next.strip_prefix('<').unwrap().split('>').next().unwrap();
    let rest = gate.get(next, MASTER_KEY).await;
    assert_eq!((rest.body.lines().count(), rest.header("link")), (3, None), "{rest:?}");
    // What is no list, what is nobody's, and what is wrong stays what it is.
    let info = gate.get(&format!("/key/info?key={ada}&format=csv"), MASTER_KEY).await;
    assert_eq!((info.status, info.json()["error"]["param"].as_str()), (406, Some("format")));
    assert_eq!(gate.get("/user/list?format=csv", &ada).await.status, 403);
    assert_eq!(gate.get("/spend/logs?colour=x&format=csv", MASTER_KEY).await.status, 400);
    assert_eq!(gate.get("/spend/logs?format=xml", MASTER_KEY).await.status, 400);
}

#[tokio::test]
async fn the_page_filters_by_person_team_app_model_and_day_and_gives_the_same_as_csv() {
    let (gate, _, _) = spent("report_page").await;
    let root = gate.browser_of("root").await;
    let page = async |query: &str| {
        let seen = root.get(&format!("/spend{query}")).await;
        assert_eq!(seen.status, 200, "{query}: {seen:?}");
        seen.body
    };
    let all = page("").await;
    assert!(all.contains("4 calls") && all.contains("ada@acme.example"), "{all}");
    for (query, calls, says) in [
        ("?person=ada@acme.example", "2 calls", "Spend of <bdi>ada@acme.example</bdi>"),
        ("?person=ada", "2 calls", "claude-priced"),
        ("?team=The+reds", "2 calls", "Spend of <bdi>The reds</bdi>"),
        ("?model=priced", "3 calls", "Spend of <bdi>priced</bdi>"),
        ("?person=bob&model=priced", "2 calls", "=bob@acme.example</bdi>, <bdi>priced</bdi>"),
        ("?person=bob&from=2027-01-16&to=2027-01-16", "1 call,", "2027-01-16"),
        ("?person=bob&team=red", "0 calls", "Nothing was used in these days"),
        ("?person=nobody", "0 calls", "Spend of <bdi>nobody</bdi>"),
        ("?app=x&by=team", "0 calls", "Spend of"),
        ("?person=&team=+&model=", "4 calls", "ada@acme.example"),
        ("?model=%3Cscript%3E", "0 calls", "&#60;script&#62;"),
    ] {
        let body = page(query).await;
        assert!(body.contains(calls) && body.contains(says), "{query}: {body}");
        assert!(!body.contains("<script"), "{query}");
    }
    let body = page("?team=red&by=user").await;
    let link = body.split("href=\"").find(|at| at.contains("format=csv")).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    let csv = root.get(&link).await;
    assert_eq!(
        (csv.status, csv.header("content-type").unwrap().starts_with("text/csv")),
        (200, true)
    );
    assert!(csv.header("content-disposition").unwrap().contains("gatekey-spend-"));
    let lines: Vec<&str> = csv.body.lines().collect();
    assert_eq!(
        lines[0],
        "date,person,id,model,cost,calls,input_tokens,output_tokens,unpriced_calls"
    );
    assert_eq!(lines[1], "2027-01-15,ada@acme.example,ada,claude-priced,0.000138,1,11,7,0");
    assert_eq!(lines.len(), 3);
    let formula = root.get("/spend?person=bob&by=user&format=csv").await.body;
    assert!(formula.contains(",'=bob@acme.example,"), "{formula}");
    let ada = gate.browser_of("ada").await;
    assert_eq!(ada.get("/spend?format=csv").await.status, 403);
}
