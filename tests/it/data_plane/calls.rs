use crate::support::{Gate, Seen, soon};
use serde_json::{Value, json};

#[tokio::test]
async fn g5_g7_a_call_reaches_the_upstream_under_its_own_name_and_key() {
    let gate = Gate::new("calls_chat").await;
    let key = gate.key_of("ada").await;
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}], "unknown": [1]});
    let request = gate
        .client
        .post(format!("{}/v1/chat/completions", gate.url))
        .bearer_auth(&key)
        .header("cookie", "gatekey_session=x")
        .header("x-forwarded-for", "203.0.113.1")
        .header("x_auth_user", "root")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("openai-organization", "org")
        .header("openai-beta", "thing")
        .json(&body);
    let seen = Seen::of(request).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.json()["choices"][0]["message"]["content"], "Hi there");
    let (path, headers, sent) = gate.upstream.last();
    assert_eq!(path, "/v1/chat/completions");
    assert_eq!(sent, json!({"model": "gpt-4o-2024", "messages": body["messages"], "unknown": [1]}));
    assert_eq!(headers["authorization"], "Bearer sk-provider-key-of-openai");
    assert_eq!(headers["accept-encoding"], "identity");
    assert_eq!(headers["openai-beta"], "thing");
    for name in
        ["openai-organization", "x-api-key", "cookie", "x-forwarded-for", "x_auth_user", "x-hop"]
    {
        assert!(!headers.contains_key(name), "G7: {name}");
    }
    assert!(!format!("{headers:?}").contains(&key), "G5");
    for name in ["set-cookie", "x-hop", "connection"] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
    assert_eq!(seen.header("x-ratelimit-remaining-requests"), Some("9"), "K36");
    assert!(
        seen.header("x-gatekey-request-id").is_some() && seen.header("x-litellm-call-id").is_some()
    );
    assert_eq!(gate.usage(&key).await, json!({"calls": 1, "input_tokens": 11, "output_tokens": 7}));
}

#[tokio::test]
async fn a_messages_call_keeps_its_headers_and_query() {
    let gate = Gate::new("calls_messages").await;
    let key = gate.key_of("ada").await;
    let body = json!({"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]});
    for path in ["/v1/messages?beta=true", "/messages?beta=true"] {
        let request = gate
            .client
            .post(format!("{}{path}", gate.url))
            .header("x-api-key", &key)
            .header("authorization", format!("Bearer {key}"))
            .header("anthropic-beta", "new-thing-2026")
            .json(&body);
        let seen = Seen::of(request).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        let (path, headers, sent) = gate.upstream.last();
        assert_eq!((path.as_str(), &sent), ("/v1/messages?beta=true", &body));
        assert_eq!(headers["x-api-key"], "sk-provider-key-of-anthropic");
        assert_eq!(headers["anthropic-beta"], "new-thing-2026");
        assert_eq!(headers["anthropic-version"], "2023-06-01");
        assert!(!headers.contains_key("authorization"));
    }
    assert_eq!(
        gate.usage(&key).await,
        json!({"calls": 2, "input_tokens": 22, "output_tokens": 14})
    );
}

#[tokio::test]
async fn k41_tokens_are_counted_free_of_charge() {
    let gate = Gate::new("calls_count").await;
    let key = gate.key_of("ada").await;
    let count = async |model: &str, content: &str| {
        let body = json!({"model": model, "messages": [{"role": "user", "content": content}]});
        gate.manage("/v1/messages/count_tokens", &key, body).await
    };
    assert_eq!(count("claude-x", "Hello").await.json(), json!({"input_tokens": 42}));
    let estimated =
        count("claude-x", "cannot count").await.json()["input_tokens"].as_i64().unwrap();
    assert!(estimated > 5, "about right beats a context of zero");
    let other = count("gpt-4o", "Hello").await;
    assert_eq!(other.status, 404);
    assert_eq!(other.json()["type"], "error");
    assert_eq!(gate.usage(&key).await, json!({"calls": 0, "input_tokens": 0, "output_tokens": 0}));
}

#[tokio::test]
async fn a_model_is_refused_in_the_callers_words() {
    let gate = Gate::new("calls_models").await;
    let key = gate.generate(json!({"models": ["gpt-*", "claude-x", "nothing"]})).await;
    let key = key["key"].as_str().unwrap();
    let seen = gate.call(key, "o9").await;
    assert_eq!(
        (seen.status, &seen.json()["error"]["type"]),
        (403, &json!("key_model_access_denied"))
    );
    let seen = gate.call(key, "nothing").await;
    assert_eq!((seen.status, &seen.json()["error"]["type"]), (404, &json!("model_not_found")));
    let seen = gate.call(key, "claude-x").await;
    assert_eq!(seen.status, 404);
    assert!(seen.json()["error"]["message"].as_str().unwrap().contains("/v1/messages"));
    let body = json!({"model": "gpt-4o", "messages": []});
    let seen = gate.manage("/v1/messages", key, body).await;
    assert_eq!(seen.status, 404);
    assert_eq!(seen.json()["error"]["type"], "not_found_error");
    assert!(seen.json()["error"]["message"].as_str().unwrap().contains("/v1/chat/completions"));
    assert_eq!(gate.upstream.calls(), 0);
}

#[tokio::test]
async fn a_bad_body_is_refused_and_reaches_nobody() {
    let gate = Gate::with("calls_bad", "server.max_body = \"4KiB\"").await;
    let key = gate.key_of("ada").await;
    let send = async |body: Vec<u8>, encoding: Option<&str>| {
        let mut request = gate
            .client
            .post(format!("{}/v1/chat/completions", gate.url))
            .bearer_auth(&key)
            .body(body);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        Seen::of(request).await
    };
    let utf16 = "{\"model\":\"gpt-4o\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [
        b"".to_vec(),
        b"x".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"{\"model\": 3}".to_vec(),
        b"{\"model\":\"gpt-4o\",\"model\":\"gpt-4o-mini\"}".to_vec(),
        b"{\"model\":\"gpt-4o\",\"mod\\u0065l\":\"gpt-4o-mini\"}".to_vec(),
        b"{\"messages\":[{\"model\":\"gpt-4o\"}]}".to_vec(),
        b"\xef\xbb\xbf{\"model\":\"gpt-4o\"}".to_vec(),
        utf16,
    ] {
        let seen = send(body.clone(), None).await;
        assert_eq!(seen.status, 400, "{}: {seen:?}", String::from_utf8_lossy(&body));
        assert_eq!(seen.json()["error"]["code"], "400");
    }
    assert_eq!(send(vec![b' '; 5000], None).await.status, 413);
    assert_eq!(send(b"{}".to_vec(), Some("br")).await.status, 415);
    assert_eq!(gate.upstream.calls(), 0);
    assert_eq!(gate.usage(&key).await["calls"], 0);
}

#[tokio::test]
async fn a_compressed_answer_is_passed_on_and_counted() {
    let gate = Gate::new("calls_gzip").await;
    let key = gate.key_of("ada").await;
    for stream in [false, true] {
        let body = json!({"model": "gpt-4o", "stream": stream, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": "gzip"}]});
        let request = gate
            .client
            .post(format!("{}/v1/chat/completions", gate.url))
            .bearer_auth(&key)
            .json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let bytes = response.bytes().await.unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text)
            .unwrap();
        assert!(text.contains("Hi"), "{text}");
    }
    soon("both are booked", async || {
        gate.usage(&key).await == json!({"calls": 2, "input_tokens": 22, "output_tokens": 14})
    })
    .await;
}

#[tokio::test]
async fn usage_is_booked_by_key_and_shown_to_the_person() {
    let gate = Gate::new("calls_usage").await;
    let browser = gate.browser_of("ada").await;
    let (one, two) = (browser.json_key().await, browser.json_key().await);
    let calls = (0..30).map(|_| gate.call(&one, "gpt-4o"));
    assert!(futures_util::future::join_all(calls).await.iter().all(|seen| seen.status == 200));
    gate.call(&two, "gpt-4o-mini").await;
    assert_eq!(
        gate.usage(&one).await,
        json!({"calls": 30, "input_tokens": 330, "output_tokens": 210})
    );
    assert_eq!(gate.usage(&two).await["calls"], 1);
    let page = browser.get("/").await.body;
    assert!(page.contains("30 calls, 330 tokens in, 210 out"), "{page}");
    let used: Value = gate.get("/key/info", &one).await.json()["info"]["last_used_at"].clone();
    assert_eq!(used, gatekey::model::Timestamp(gate.now()).rfc3339());
}
