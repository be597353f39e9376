use crate::support::{Gate, Seen};
use serde_json::{Value, json};

#[tokio::test]
async fn k21_a_plain_key_reads_what_it_may_call_and_no_more() {
    let gate = Gate::new("lists").await;
    let key = gate.generate(json!({"models": ["gpt-*"]})).await;
    let key = key["key"].as_str().unwrap();
    let names = |list: &Value, field: &str| -> Vec<String> {
        let data = list["data"].as_array().unwrap().iter();
        data.map(|model| model[field].as_str().unwrap().to_owned()).collect()
    };
    for base in ["", "/v1"] {
        let list = gate.get(&format!("{base}/models"), key).await;
        assert_eq!(list.status, 200);
        assert_eq!(names(&list.json(), "id"), ["gpt-4o", "gpt-4o-mini"]);
        let info = gate.get(&format!("{base}/model/info"), key).await;
        assert_eq!(names(&info.json(), "model_name"), ["gpt-4o", "gpt-4o-mini"]);
        let groups = gate.get(&format!("{base}/model_group/info"), key).await;
        assert_eq!(names(&groups.json(), "model_group"), ["gpt-4o", "gpt-4o-mini"]);
        for seen in [list, info, groups] {
            assert!(
                !seen.body.contains("sk-") && !seen.body.contains("127.0.0.1"),
                "{}",
                seen.body
            );
            assert!(!seen.body.contains("gpt-4o-2024"));
        }
        assert_eq!(gate.get(&format!("{base}/models/gpt-4o"), key).await.json()["id"], "gpt-4o");
        assert_eq!(gate.get(&format!("{base}/models/claude-x"), key).await.status, 404);
    }
}

#[tokio::test]
async fn an_anthropic_client_gets_anthropics_shape() {
    let gate = Gate::new("lists_anthropic").await;
    let key = gate.key_of("ada").await;
    let request = gate.client.get(format!("{}/v1/models", gate.url)).header("x-api-key", &key);
    let list = Seen::of(request.header("anthropic-version", "2023-06-01")).await.json();
    assert_eq!(list["has_more"], false);
    assert_eq!(list["first_id"], "gpt-4o");
    assert_eq!(list["data"][0]["type"], "model");
}

#[tokio::test]
async fn k40_a_wrong_base_url_is_answered_with_the_right_one() {
    let gate = Gate::new("lists_lost").await;
    let key = gate.key_of("ada").await;
    for (path, dialect, base) in [
        ("/v1/v1/messages", "anthropic", ""),
        ("/api/v1/v1/messages", "anthropic", ""),
        ("/v1/v1/chat/completions", "openai", "/v1"),
        ("/api/v1/responses", "openai", "/v1"),
        ("/v1/v1/responses", "openai", "/v1"),
        ("/v1/embedding", "openai", "/v1"),
    ] {
        let seen = gate.manage(path, &key, json!({})).await;
        assert_eq!(seen.status, 404, "{path}");
        let body = seen.json();
        assert_eq!(body.get("type").is_some(), dialect == "anthropic", "{path}: {body}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("{}{base}", gate.url)), "{path}: {message}");
    }
    for (path, model) in
        [("/messages", "claude-x"), ("/chat/completions", "gpt-4o"), ("/responses", "gpt-4o")]
    {
        let body = json!({"model": model, "messages": [], "input": "Hello"});
        assert_eq!(gate.manage(path, &key, body).await.status, 200);
    }
    let get = gate.get("/v1/chat/completions", &key).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")), "GET is no call");
    assert_eq!(gate.client.head(&gate.url).send().await.unwrap().status(), 200, "HEAD /");
}
