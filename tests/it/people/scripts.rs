//! `/user/*` and `/team/*` as LiteLLM's scripts send them.
use crate::support::{Gate, MASTER_KEY, Seen};
use serde_json::{Value, json};

async fn post(gate: &Gate, path: &str, body: Value) -> Seen {
    gate.manage(path, MASTER_KEY, body).await
}

async fn good(gate: &Gate, path: &str, body: Value) -> Value {
    let seen = post(gate, path, body).await;
    assert_eq!(seen.status, 200, "{path}: {seen:?}");
    seen.json()
}

#[tokio::test]
async fn k24_what_is_said_of_a_person_reads_back() {
    let gate = Gate::new("scripts_user").await;
    good(&gate, "/team/new", json!({"team_id": "t1", "team_alias": "one"})).await;
    let fields = json!({"user_id": "ada", "user_email": "Ada@acme.example", "user_alias": "Ada L",
        "user_role": "internal_user_viewer", "teams": ["one"], "models": ["gpt-4o"],
        "metadata": {"cost": {"centre": 7}, "x": 1}, "key_alias": "first", "duration": "1h"});
    let made = good(&gate, "/user/new", fields).await;
    assert_eq!(made["user_id"], "ada");
    assert_eq!(made["teams"], json!(["t1"]));
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("sk-") && !made["expires"].is_null(), "LiteLLM makes a key as well");
    assert_eq!(gate.call(key, "gpt-4o").await.status, 200);
    assert_eq!(gate.call(key, "gpt-4o-mini").await.status, 403, "the person's list binds");

    let info = gate.get("/user/info?user_id=ada", MASTER_KEY).await.json();
    let user = &info["user_info"];
    assert_eq!(
        (&user["user_email"], &user["user_alias"], &user["user_role"], &user["models"]),
        (
            &json!("Ada@acme.example"),
            &json!("Ada L"),
            &json!("internal_user_viewer"),
            &json!(["gpt-4o"])
        )
    );
    assert_eq!(user["metadata"], json!({"cost": {"centre": 7}, "x": 1}));
    assert_eq!(info["keys"][0]["key_alias"], "first");
    assert_eq!(info["teams"][0]["team_alias"], "one");
    assert!(!info.to_string().contains(key), "no secret");

    let change = json!({"user_id": "ada", "metadata": {"x": null, "y": 2}, "models": null,
        "user_alias": null, "default_team": "one"});
    let changed = good(&gate, "/user/update", change).await;
    assert_eq!(changed["data"]["metadata"], json!({"cost": {"centre": 7}, "y": 2}));
    assert_eq!(changed["data"]["models"], json!([]));
    assert_eq!(changed["data"]["user_alias"], json!(null));
    assert_eq!(changed["data"]["default_team"], "t1");
    assert_eq!(changed["data"]["user_role"], "internal_user_viewer", "what was not named stays");
    assert_eq!(gate.call(key, "gpt-4o-mini").await.status, 200, "from the next call on");
    let back = json!({"user_id": "ada", "user_role": null});
    let changed = good(&gate, "/user/update", back).await;
    assert_eq!(changed["data"]["user_role"], "internal_user", "taken back");
    let by_email = json!({"user_email": "ADA@acme.example", "user_role": "internal_user"});
    let changed = good(&gate, "/user/update", by_email).await;
    assert_eq!(changed["user_id"], "ada");
    assert_eq!(changed["data"]["user_email"], "Ada@acme.example", "it only named them");
}

#[tokio::test]
async fn k24_what_cannot_be_is_refused_by_its_name() {
    let gate = Gate::new("scripts_bad").await;
    good(&gate, "/user/new", json!({"user_id": "ada", "user_email": "ada@acme.example"})).await;
    good(&gate, "/team/new", json!({"team_id": "t1", "team_alias": "one"})).await;
    for (path, body, says) in [
        ("/user/new", json!({"user_id": "ada"}), "user_id"),
        ("/user/new", json!({"user_id": "../x"}), "user_id"),
        ("/user/new", json!({"user_id": "sk-x"}), "user_id"),
        ("/user/new", json!({"user_id": "service_of_t1"}), "user_id"),
        ("/user/new", json!({"user_id": "x".repeat(129)}), "user_id"),
        ("/user/new", json!({"user_id": 7}), "user_id"),
        ("/user/new", json!({"user_email": "ADA@acme.example"}), "user_email"),
        ("/user/new", json!({"user_email": "a@b@acme.example"}), "user_email"),
        ("/user/new", json!({"user_role": "root"}), "user_role"),
        ("/user/new", json!({"max_budget": -5}), "max_budget"),
        ("/user/new", json!({"max_budgets": 5}), "max_budgets"),
        ("/user/new", json!({"send_invite_email": true}), "send_invite_email"),
        ("/user/new", json!({"metadata": {"x": "y".repeat(20_000)}}), "metadata"),
        ("/user/update", json!({"user_id": "ada", "spend": 1}), "spend"),
        ("/user/update", json!({}), "user_email"),
        ("/user/delete", json!({"user_ids": []}), "user_ids"),
        ("/user/block", json!({"user_ids": ["\u{0}"]}), "user_ids"),
    ] {
        refuses(&gate, path, body, says).await;
    }
    assert_eq!(gate.get("/user/info?user_id=ada", MASTER_KEY).await.status, 200);
}

async fn refuses(gate: &Gate, path: &str, body: Value, says: &str) {
    let seen = post(gate, path, body.clone()).await;
    assert_eq!(seen.status, 400, "{path} {body}: {seen:?}");
    let error = &seen.json()["error"];
    assert_eq!(error["param"], says, "{path} {body}: {error}");
    assert_eq!(error["code"], "400");
}

#[tokio::test]
async fn k24_what_cannot_be_of_a_team_is_refused_by_its_name() {
    let gate = Gate::new("scripts_bad_team").await;
    good(&gate, "/user/new", json!({"user_id": "ada", "user_email": "ada@acme.example"})).await;
    good(&gate, "/team/new", json!({"team_id": "t1", "team_alias": "one"})).await;
    for (path, body, says) in [
        ("/team/new", json!({"team_alias": "one"}), "team_alias"),
        ("/team/new", json!({"team_id": "t1", "team_alias": "two"}), "team_alias"),
        ("/team/new", json!({"team_alias": "  "}), "team_alias"),
        ("/team/new", json!({"members_with_roles": [{"role": "boss", "user_id": "ada"}]}), "role"),
        ("/team/new", json!({"members_with_roles": [{"user_id": "nobody"}]}), "user_id"),
        ("/team/new", json!({"tpm_limit": -1}), "tpm_limit"),
        ("/team/update", json!({"team_alias": "x"}), "team_id"),
        ("/team/member_add", json!({"team_id": "t1"}), "member"),
        ("/team/member_add", json!({"team_id": "t1", "member": {"user_id": "ada", "x": 1}}), "x"),
        ("/team/member_delete", json!({"team_id": "t1", "user_id": "ada"}), "user_id"),
        ("/team/delete", json!({"team_ids": []}), "team_ids"),
        ("/key/generate", json!({"team_id": "t1", "user_id": "ada"}), "team_id"),
        ("/key/service-account/generate", json!({}), "team_id"),
    ] {
        refuses(&gate, path, body, says).await;
    }
    for (path, body) in [
        ("/user/update", json!({"user_id": "nobody"})),
        ("/user/delete", json!({"user_ids": ["ada", "nobody"]})),
        ("/user/block", json!({"user_id": "nobody"})),
        ("/team/update", json!({"team_id": "none"})),
        ("/team/delete", json!({"team_ids": ["t1", "none"]})),
        ("/team/block", json!({"team_id": "none"})),
        ("/key/generate", json!({"team_id": "none"})),
    ] {
        assert_eq!(post(&gate, path, body).await.status, 404, "{path}");
    }
    let team = gate.get("/team/info?team_id=t1", MASTER_KEY).await;
    assert_eq!(team.status, 200, "a mistake in a list deletes nothing: {team:?}");
    assert_eq!(gate.get("/user/info?user_id=ada", MASTER_KEY).await.status, 200, "nor nobody");
    assert_eq!(gate.get("/user/info?user_id=nobody", MASTER_KEY).await.status, 404);
    assert_eq!(gate.get("/user/info?user_id=ada", MASTER_KEY).await.status, 200);
    for path in [
        "/user/list?page_size=0",
        "/user/list?page=x",
        "/user/list?sort=x",
        "/user/list?page=1&page=2",
        "/team/info",
        "/team/list?page_size=5001",
    ] {
        assert_eq!(gate.get(path, MASTER_KEY).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn o12_an_id_that_was_chosen_once_is_never_another_s() {
    let gate = Gate::new("scripts_recycled").await;
    good(&gate, "/user/new", json!({"user_id": "ada", "user_email": "ada@acme.example"})).await;
    good(&gate, "/team/new", json!({"team_id": "t1", "team_alias": "one", "members": ["ada"]}))
        .await;
    let key = gate.generate(json!({"user_id": "ada", "team_id": "t1"})).await;
    let key = key["key"].as_str().unwrap();
    good(&gate, "/user/delete", json!({"user_ids": ["ada"]})).await;
    good(&gate, "/team/delete", json!({"team_ids": ["t1"]})).await;
    for (path, body) in
        [("/user/new", json!({"user_id": "ada"})), ("/team/new", json!({"team_id": "t1"}))]
    {
        let seen = post(&gate, path, body).await;
        assert!(seen.status == 400 && seen.body.contains("not used twice"), "{seen:?}");
    }
    // Address and name are free again, for somebody new.
    good(&gate, "/user/new", json!({"user_email": "ada@acme.example"})).await;
    good(&gate, "/team/new", json!({"team_alias": "one"})).await;
    assert_eq!(gate.call(key, "gpt-4o").await.status, 401);
}

#[tokio::test]
async fn people_are_found_by_how_a_word_of_name_or_address_begins() {
    let gate = Gate::new("scripts_search").await;
    for number in 0..30 {
        let role = if number % 10 == 0 { "proxy_admin_viewer" } else { "internal_user" };
        let fields = json!({"user_id": format!("u{number}"), "auto_create_key": false,
            "user_email": format!("p{number}.smith@acme.example"), "user_role": role,
            "user_alias": format!("Per{number} O'Smith_100% \u{d6}zil")});
        good(&gate, "/user/new", fields).await;
    }
    good(&gate, "/team/new", json!({"team_id": "t1", "members": ["u1", "u2"]})).await;
    let total = async |query: &str| {
        let seen = gate.get(&format!("/user/list?{query}"), MASTER_KEY).await;
        assert_eq!(seen.status, 200, "{query}: {seen:?}");
        seen.json()["total"].as_i64().unwrap()
    };
    for (query, found) in [
        ("", 30),
        ("search=smith", 30),
        ("search=SMI", 30),
        ("search=mith", 0),
        ("user_email=p1.smith%40acme.example", 1),
        ("search=per1", 11),
        ("search=%C3%B6z", 30),
        ("search=%25", 0),
        ("search=_", 0),
        ("search=%27%3B--", 0),
        ("role=proxy_admin_viewer", 3),
        ("role=proxy_admin_viewer&search=per2", 1),
        ("team_id=t1", 2),
        ("team_id=t1&search=p1", 1),
        ("user_ids=u1,u2,nobody", 2),
    ] {
        assert_eq!(total(query).await, found, "{query}");
    }
    let mut seen = Vec::new();
    for page in 1..=4 {
        let list = gate.get(&format!("/user/list?page={page}&page_size=10"), MASTER_KEY).await;
        let list = list.json();
        assert_eq!((&list["total_pages"], &list["page"]), (&json!(3), &json!(page)));
        seen.extend(list["users"].as_array().unwrap().iter().map(|user| user["user_id"].clone()));
    }
    let distinct: std::collections::HashSet<_> = seen.iter().map(ToString::to_string).collect();
    assert_eq!((seen.len(), distinct.len()), (30, 30), "each once");
}

#[tokio::test]
async fn a_team_reads_back_with_its_members_and_their_roles() {
    let gate = Gate::new("scripts_team").await;
    for id in ["ada", "bob", "cid"] {
        let fields = json!({"user_id": id, "user_email": format!("{id}@acme.example")});
        good(&gate, "/user/new", fields).await;
    }
    let fields = json!({"team_alias": "Data", "models": ["gpt-4o"], "metadata": {"a": 1},
        "members_with_roles": [{"role": "admin", "user_email": "ada@acme.example"},
            {"role": "user", "user_id": "bob"}]});
    let team = good(&gate, "/team/new", fields).await;
    assert_eq!((&team["admins"], &team["members"]), (&json!(["ada"]), &json!(["bob"])));
    let id = team["team_id"].as_str().unwrap();
    let added = good(
        &gate,
        "/team/member_add",
        json!({"team_id": id,
        "member": [{"role": "user", "user_id": "cid"}, {"role": "admin", "user_id": "bob"}]}),
    );
    let added = added.await;
    assert_eq!(added["admins"], json!(["ada", "bob"]), "a role changes by adding again");
    assert_eq!(added["updated_users"][0]["user_id"], "cid");
    let member = &added["members_with_roles"][2];
    assert_eq!(
        *member,
        json!({"user_id": "cid", "user_email": "cid@acme.example", "role": "user", "source": "hand"})
    );
    let left = json!({"team_id": "Data", "user_email": "ada@acme.example"});
    assert_eq!(good(&gate, "/team/member_delete", left).await["admins"], json!(["bob"]));
    let change = json!({"team_id": id, "team_alias": "Science", "metadata": {"a": null, "b": 2}});
    let changed = good(&gate, "/team/update", change).await;
    assert_eq!(changed["data"]["team_alias"], "Science");
    assert_eq!(changed["data"]["metadata"], json!({"b": 2}));
    assert_eq!(changed["data"]["models"], json!(["gpt-4o"]));
    let listed = gate.get("/team/list?user_id=bob", MASTER_KEY).await;
    assert_eq!(listed.header("x-total-count"), Some("1"));
    assert_eq!(listed.json()[0]["team_alias"], "Science");
    assert_eq!(gate.get("/team/list?user_id=ada", MASTER_KEY).await.json(), json!([]));
    let keys = gate.get(&format!("/key/list?team_id={id}"), MASTER_KEY).await.json();
    assert_eq!(keys["total_count"], 0);
}

#[tokio::test]
async fn an_outage_of_the_database_is_said_and_loses_nothing() {
    let gate = Gate::new("scripts_outage").await;
    good(&gate, "/user/new", json!({"user_id": "ada"})).await;
    gate.lose("members").await;
    for (path, body) in [
        ("/team/new", json!({"team_id": "t1", "members": ["ada"]})),
        ("/team/delete", json!({"team_ids": ["t1"]})),
        ("/user/delete", json!({"user_ids": ["ada"]})),
    ] {
        let seen = post(&gate, path, body).await;
        assert!(seen.status >= 404 && !seen.body.contains("members"), "{path}: {seen:?}");
    }
    gate.find("members").await;
    let gate = gate.restarted().await;
    assert_eq!(gate.get("/team/info?team_id=t1", MASTER_KEY).await.status, 404, "all or nothing");
    good(&gate, "/user/delete", json!({"user_ids": ["ada"]})).await;
    assert_eq!(gate.get("/user/info?user_id=ada", MASTER_KEY).await.status, 404);
}

#[tokio::test]
async fn o9_json_that_is_deep_large_or_doubled_is_refused() {
    let gate = Gate::new("scripts_json").await;
    let post = async |path: &str, body: String| {
        let request = gate.client.post(format!("{}{path}", gate.url)).bearer_auth(MASTER_KEY);
        Seen::of(request.header("content-type", "application/json").body(body)).await
    };
    let deep = format!("{{\"metadata\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for path in ["/user/new", "/team/new", "/team/member_add", "/user/block"] {
        assert_eq!(post(path, deep.clone()).await.status, 400, "{path}");
        let doubled = "{\"user_id\":\"a\",\"user_id\":\"b\"}".to_owned();
        assert_eq!(post(path, doubled).await.status, 400, "{path}");
        assert_eq!(post(path, "{\"x\":1e999}".into()).await.status, 400, "{path}");
        assert_eq!(
            post(path, format!("\"{}\"", "x".repeat(3_000_000))).await.status,
            413,
            "{path}"
        );
    }
    let many: Vec<_> = (0..1001).map(|n| format!("u{n}")).collect();
    let seen = gate.manage("/user/block", MASTER_KEY, json!({"user_ids": many})).await;
    assert_eq!(seen.status, 400, "{seen:?}");
    let long = "x".repeat(5_000);
    let seen = gate.get(&format!("/user/list?search={long}"), MASTER_KEY).await;
    assert!(seen.status == 200 && seen.json()["total"] == 0, "{seen:?}");
}

#[tokio::test]
async fn an_admin_s_script_adds_members_who_are_not_known_yet_and_nobody_else_s_does() {
    let gate = Gate::new("scripts_unknown").await;
    let team =
        json!({"team_id": "t1", "members_with_roles": [{"role": "admin", "user_id": "lead"}]});
    good(&gate, "/team/new", team).await;
    let add = json!({"team_id": "t1", "member": [
        {"role": "user", "user_email": "new@acme.example"},
        {"role": "user", "user_id": "robot", "user_email": "robot@acme.example"}]});
    let team = good(&gate, "/team/member_add", add.clone()).await;
    assert_eq!(team["members_with_roles"].as_array().unwrap().len(), 3);
    let robot = gate.get("/user/info?user_id=robot", MASTER_KEY).await.json();
    assert_eq!(robot["user_info"]["user_email"], "robot@acme.example");
    let again = good(&gate, "/team/member_add", add).await;
    assert_eq!(again["members_with_roles"], team["members_with_roles"], "asked again, no second");
    let bad = json!({"team_id": "t1", "member": {"user_email": "not an address"}});
    assert_eq!(post(&gate, "/team/member_add", bad).await.status, 400);
    let lead = gate.generate(json!({"user_id": "lead"})).await["key"].clone();
    let add = json!({"team_id": "t1", "member": {"user_id": "stranger"}});
    let seen = gate.manage("/team/member_add", lead.as_str().unwrap(), add).await;
    assert!(seen.status == 400 && seen.body.contains("only an admin"), "{seen:?}");
    assert_eq!(gate.get("/user/info?user_id=stranger", MASTER_KEY).await.status, 404);
    assert_eq!(gate.get("/user/list?sort_by=spend&sort_order=asc", MASTER_KEY).await.status, 200);
}
