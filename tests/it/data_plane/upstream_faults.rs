use crate::support::Gate;
use serde_json::json;

#[tokio::test]
async fn k36_k42_an_upstreams_error_arrives_without_the_providers_key() {
    let gate = Gate::new("faults_quota").await;
    let key = gate.key_of("ada").await;
    let ask = async |path: &str, model: &str, wish: &str, stream: bool| {
        let body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": wish}]});
        gate.manage(path, &key, body).await
    };
    for stream in [false, true] {
        let seen = ask("/v1/chat/completions", "gpt-4o", "quota", stream).await;
        assert_eq!(seen.status, 429, "{seen:?}");
        assert!(seen.json()["error"]["message"].as_str().unwrap().contains("over its quota"));
        assert_eq!(seen.header("retry-after"), Some("7"));
        assert_eq!(seen.header("request-id"), Some("req_9"));
        assert_eq!(seen.header("anthropic-ratelimit-tokens-remaining"), Some("0"));
        assert_eq!(seen.header("set-cookie"), None);
        assert!(!seen.body.contains("sk-provider"), "{}", seen.body);
    }
    // The provider's 401 is not about the caller's key.
    let seen = ask("/v1/chat/completions", "gpt-4o", "unauthorized", false).await;
    assert_eq!(seen.status, 502);
    let seen = ask("/v1/messages", "claude-x", "html", false).await;
    assert_eq!((seen.status, &seen.json()["type"]), (502, &json!("error")));
    assert!(!seen.body.contains("sk-provider"));
    let seen = ask("/v1/messages", "claude-x", "redirect", false).await;
    assert_eq!((seen.status, seen.location), (502, None));
    let seen = ask("/v1/chat/completions", "gone", "Hello", false).await;
    assert_eq!(seen.status, 502);
    assert!(
        !seen.body.contains("127.0.0.1") && !seen.body.contains("sk-provider"),
        "{}",
        seen.body
    );
    let seen = ask("/v1/chat/completions", "gpt-4o", "detail", false).await;
    assert_eq!(
        (seen.status, &seen.json()["error"]["message"]),
        (422, &json!("max_tokens is too large"))
    );
    let seen = ask("/v1/messages", "claude-x", "gzip detail", false).await;
    assert_eq!((seen.status, &seen.json()["error"]["message"]), (400, &json!("packed words")));
    assert_eq!(gate.usage(&key).await["calls"], 0);
    for wish in ["leak", "leak json", "split leak"] {
        let seen = ask("/v1/chat/completions", "gpt-4o", wish, wish != "leak json").await;
        assert_eq!(seen.status, 200, "{seen:?}");
        assert!(!seen.body.contains("sk-provider"), "{}", seen.body);
        assert!(seen.body.contains("*****"), "{}", seen.body);
        assert_eq!(seen.body.contains("sk-prose"), wish == "split leak", "{}", seen.body);
    }
}

#[tokio::test]
async fn k33_usage_that_cannot_be_is_estimated_and_nothing_else_is_lost() {
    let gate = Gate::new("faults_usage").await;
    let key = gate.key_of("ada").await;
    let mut before = gate.usage(&key).await;
    for usage in [
        r#"{"prompt_tokens": -5, "completion_tokens": -7}"#,
        r#"{"prompt_tokens": "11", "completion_tokens": "7"}"#,
        r#"{"prompt_tokens": 99999999999999999999, "completion_tokens": 9223372036854775807}"#,
        r#"{"prompt_tokens": 0, "completion_tokens": 2}"#,
        r#"{"prompt_tokens": {}, "completion_tokens": []}"#,
        r#"{"total_tokens": 18}"#,
        r#""lots""#,
        "[]",
    ] {
        for stream in [false, true] {
            let wish = format!("usage: {usage}");
            let body = json!({"model": "gpt-4o", "stream": stream,
                "messages": [{"role": "user", "content": wish}]});
            let seen = gate.manage("/v1/chat/completions", &key, body).await;
            assert_eq!(seen.status, 200, "{usage}: {seen:?}");
            assert_eq!(seen.body.contains("[DONE]"), stream, "{usage}: {seen:?}");
            assert!(!stream || !seen.body.contains("\"choices\":[]"), "{usage}: {seen:?}");
            let after = gate.usage(&key).await;
            let grown = |name: &str| after[name].as_i64().unwrap() - before[name].as_i64().unwrap();
            assert_eq!(grown("calls"), 1, "{usage}");
            assert!((5..100).contains(&grown("input_tokens")), "{usage}: {after}");
            assert!((1..100).contains(&grown("output_tokens")), "{usage}: {after}");
            before = after;
        }
    }
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_given_up_on() {
    let first = Gate::new("faults_hang_upstream").await;
    let own = format!(
        "[[upstream]]\nname = \"slow\"\nkind = \"openai\"\nbase_url = \"{}/v1\"\ntimeout = \"1s\"\n[[model]]\nname = \"slow\"\nupstream = \"slow\"",
        first.upstream.url
    );
    let gate = Gate::with("faults_hang", &own).await;
    let key = gate.key_of("ada").await;
    let body = json!({"model": "slow", "messages": [{"role": "user", "content": "hang"}]});
    let seen = gate.manage("/v1/chat/completions", &key, body).await;
    assert_eq!(seen.status, 504, "{seen:?}");
}

#[tokio::test]
async fn k43_stopping_refuses_new_calls_lets_streams_end_and_cuts_the_rest_in_words() {
    let gate = Gate::with("faults_stop", "server.drain = \"1s\"").await;
    let key = gate.key_of("ada").await;
    let endless = async |wish: &str| {
        let body = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": wish}]});
        let request = gate
            .client
            .post(format!("{}/v1/chat/completions", gate.url))
            .bearer_auth(&key)
            .json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response
    };
    let (long, store) = (endless("endless").await, gate.store.clone());
    let (waiting, url) = (gate.client.clone(), format!("{}/v1/chat/completions", gate.url));
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hang"}]});
    let waiting = waiting.post(url).bearer_auth(&key).json(&body);
    let waiting = tokio::spawn(async move { waiting.send().await.unwrap().status() });
    crate::support::soon("both are there", async || gate.upstream.calls() == 2).await;
    assert_eq!(gate.get("/health/readiness", "").await.status, 200);
    gate.shutdown.closing.cancel();
    let ready = gate.get("/health/readiness", "").await;
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("stopping")));
    let refused = gate.call(&key, "gpt-4o").await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    let text = long.text().await.unwrap();
    assert!(
        text.trim_end().ends_with('}') && text.contains("Gatekey is stopping"),
        "{}",
        &text[text.len() - 200..]
    );
    assert_eq!(waiting.await.unwrap(), 503, "who still waits for a first word is told");
    gate.stopped().await;
    let rows = store.read(Calls).await.unwrap();
    assert_eq!(rows, 2, "both are booked");
}

#[tokio::test]
async fn k43_a_call_that_is_still_arriving_is_waited_for() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let gate = Gate::with("faults_half", "server.drain = \"10s\"").await;
    let (key, store) = (gate.key_of("ada").await, gate.store.clone());
    let body =
        json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let (first, second) = body.split_at(20);
    let mut stream =
        tokio::net::TcpStream::connect(gate.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    gate.shutdown.closing.cancel();
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    stream.write_all(second.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Hi there"), "{answer}");
    gate.stopped().await;
    assert_eq!(store.read(Calls).await.unwrap(), 1);
}

struct Calls;

impl gatekey::store::Operation for Calls {
    type Output = i64;

    async fn run(&self, tx: &mut gatekey::store::Tx<'_>) -> Result<i64, gatekey::store::Error> {
        let (calls,) =
            tx.one("SELECT CAST(COALESCE(SUM(calls), 0) AS BIGINT) FROM usage", ()).await?;
        Ok(calls)
    }
}
