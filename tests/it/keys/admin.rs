use crate::support::{Gate, MASTER_KEY};
use serde_json::{Value, json};

#[tokio::test]
async fn k24_what_is_given_reads_back_and_what_is_not_known_is_named() {
    let gate = Gate::new("keys_readback").await;
    let user = gate.account("carol@acme.example").await;
    let made = gate
        .generate(json!({"key_alias": "mine", "duration": "2h", "models": ["gpt-4o"],
            "user_id": user.as_str(), "metadata": {"a": 1}, "max_budget": null}))
        .await;
    assert_eq!(made["key_name"].as_str().unwrap().len(), 10);
    let info = gate
        .get(&format!("/key/info?key={}", made["id"].as_str().unwrap()), MASTER_KEY)
        .await
        .json();
    let info = &info["info"];
    assert_eq!(info["key_alias"], "mine");
    assert_eq!(info["models"], json!(["gpt-4o"]));
    assert_eq!(info["user_id"], user.as_str());
    assert_eq!(info["metadata"], json!({"a": 1}));
    assert_eq!(info["expires"], gatekey::model::Timestamp(gate.now() + 7200).rfc3339());
    assert_eq!((&info["usage"]["calls"], &info["spend"]), (&json!(0), &json!(0.0)));
    for (field, value, says) in [
        ("guardrails", json!([]), "not enforced by this version"),
        ("budget_id", json!("b"), "names no budget"),
        ("max_budget", json!(-1), "must be a number of dollars"),
        ("colour", json!("red"), "not a field"),
        ("key", json!("sk-mine"), "cannot be chosen"),
        ("duration", json!("soon"), "must be"),
        ("duration", json!(3600), "must be a text"),
        ("models", json!("gpt-4o"), "must be a list"),
        ("models", json!([1]), "must be a list"),
        ("metadata", json!([]), "must be an object"),
        ("user_id", json!("nobody"), "names nobody"),
        ("key_alias", json!(1e308), "must be a text"),
    ] {
        for path in ["/key/generate", "/key/update"] {
            if path == "/key/update" && matches!(field, "key" | "user_id") {
                continue;
            }
            let mut body = json!({field: value});
            if path == "/key/update" {
                body["key"] = made["id"].clone();
            }
            let seen = gate.manage(path, MASTER_KEY, body).await;
            assert_eq!(seen.status, 400, "{path} {field}: {seen:?}");
            let error = &seen.json()["error"];
            assert_eq!(error["code"], "400");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(field) && message.contains(says), "{message}");
        }
    }
    assert_eq!(gate.manage("/key/generate", MASTER_KEY, json!({"foo": null})).await.status, 400);
    for body in
        ["{\"models\":[\"a\"],\"models\":[\"b\"]}", "{\"duration\": NaN}", "[1]", "{", "\"x\""]
    {
        let request =
            gate.client.post(format!("{}/key/generate", gate.url)).bearer_auth(MASTER_KEY);
        assert_eq!(request.body(body).send().await.unwrap().status(), 400, "{body}");
    }
}

#[tokio::test]
async fn k23_an_update_changes_what_it_names_and_null_clears() {
    let gate = Gate::new("keys_update").await;
    let made = gate
        .generate(json!({"key_alias": "a", "duration": "2h", "metadata": {"x": 1, "y": 2}}))
        .await;
    let change = async |fields: Value| {
        let mut body = fields;
        body["key"] = made["id"].clone();
        let seen = gate.manage("/key/update", MASTER_KEY, body).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        let info =
            gate.get(&format!("/key/info?key={}", made["id"].as_str().unwrap()), MASTER_KEY).await;
        info.json()["info"].clone()
    };
    let info = change(json!({"metadata": {"x": null, "z": [3]}})).await;
    assert_eq!(info["metadata"], json!({"y": 2, "z": [3]}));
    assert_eq!((&info["key_alias"], info["expires"].is_string()), (&json!("a"), true));
    let info = change(json!({"key_alias": null, "duration": null})).await;
    assert_eq!((&info["key_alias"], &info["expires"]), (&Value::Null, &Value::Null));
    assert_eq!(info["metadata"], json!({"y": 2, "z": [3]}));
    let info = change(json!({"models": ["claude-x"]})).await;
    assert_eq!(info["models"], json!(["claude-x"]));
    let key = made["key"].as_str().unwrap();
    assert_eq!(gate.call(key, "gpt-4o").await.status, 403, "from the next call on");
    assert_eq!(change(json!({"metadata": null})).await["metadata"], json!({}));
}

#[tokio::test]
async fn keys_are_listed_in_pages_of_a_bounded_size() {
    let gate = Gate::new("keys_list").await;
    for number in 0..25 {
        gate.generate(json!({"key_alias": format!("key {number}")})).await;
        gate.turn(1);
    }
    let page = async |query: &str| gate.get(&format!("/key/list{query}"), MASTER_KEY).await;
    let first = page("?page=1&size=10").await.json();
    assert_eq!(
        (&first["total_count"], &first["total_pages"], &first["current_page"]),
        (&json!(25), &json!(3), &json!(1))
    );
    assert_eq!(first["keys"][0]["key_alias"], "key 0");
    assert!(first["keys"][0]["id"].as_str().unwrap().starts_with("key_"));
    assert_eq!(page("?page=3&size=10").await.json()["keys"].as_array().unwrap().len(), 5);
    let named = page("?key_alias=key%203").await.json();
    assert_eq!(
        (&named["total_count"], &named["keys"][0]["key_alias"]),
        (&json!(1), &json!("key 3"))
    );
    for query in [
        "?colour=red",
        "?size=0",
        "?size=101",
        "?page=0",
        "?page=x",
        "?size=-1",
        "?page=99999999999",
    ] {
        assert_eq!(page(query).await.status, 400, "{query}");
    }
    assert_eq!(page("?user_id=nobody").await.json()["total_count"], 0);
    assert!(!first.to_string().contains("sk-m"));
}

#[tokio::test]
async fn keys_end_by_value_id_or_alias_and_a_mistake_ends_nothing() {
    let gate = Gate::new("keys_delete").await;
    let mut made = Vec::new();
    for alias in ["a", "b", "c", "d"] {
        made.push(gate.generate(json!({"key_alias": alias})).await);
    }
    let delete = async |body: Value| gate.manage("/key/delete", MASTER_KEY, body).await;
    let seen = delete(json!({"keys": [made[0]["id"], "key_unknown"]})).await;
    assert_eq!((seen.status, &seen.json()["error"]["code"]), (404, &json!("404")));
    assert!(!seen.body.contains("key_unknown"));
    assert_eq!(gate.call(made[0]["key"].as_str().unwrap(), "gpt-4o").await.status, 200);
    let seen = delete(json!({"keys": [made[0]["id"], made[1]["key"]], "key_aliases": ["c"]})).await;
    assert_eq!(seen.json()["deleted_keys"], json!([made[0]["id"], made[1]["id"], made[2]["id"]]));
    for (key, status) in made.iter().zip([401, 401, 401, 200]) {
        assert_eq!(gate.call(key["key"].as_str().unwrap(), "gpt-4o").await.status, status);
    }
    assert_eq!(delete(json!({})).await.status, 400);
}

#[tokio::test]
async fn o8_without_the_right_key_nothing_is_managed() {
    let gate = Gate::new("keys_auth").await;
    for (key, status) in [("", 401), ("sk-unknown", 401)] {
        for path in [
            "/key/generate",
            "/key/update",
            "/key/delete",
            "/key/block",
            "/key/unblock",
            "/key/regenerate",
        ] {
            let seen = gate.manage(path, key, json!({"key": "x"})).await;
            assert_eq!(
                (seen.status, seen.json()["error"]["code"].as_str()),
                (status, Some("401")),
                "{path}"
            );
        }
        assert_eq!(gate.get("/key/list", key).await.status, status);
    }
    assert_eq!(gate.get("/key/info?key=key_x", MASTER_KEY).await.status, 404);
    assert_eq!(gate.get("/key/info", MASTER_KEY).await.status, 400);
    assert_eq!(gate.get("/key/generate", MASTER_KEY).await.status, 405);
}
