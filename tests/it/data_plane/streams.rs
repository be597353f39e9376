use crate::support::{Gate, MASTER_KEY, soon};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::time::Duration;

/// The text of a streamed answer.
async fn stream(
    gate: &Gate,
    key: &str,
    (path, model): (&str, &str),
    wish: &str,
    more: Value,
) -> (u16, String) {
    let mut body =
        json!({"model": model, "stream": true, "messages": [{"role": "user", "content": wish}]});
    if let Some(more) = more.as_object() {
        body.as_object_mut().unwrap().extend(more.clone());
    }
    let request = gate.client.post(format!("{}{path}", gate.url)).bearer_auth(key).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn usage_is_asked_for_counted_and_kept_from_who_did_not_ask() {
    let gate = Gate::new("streams_inject").await;
    let key = gate.key_of("ada").await;
    let (status, text) = stream(&gate, &key, (CHAT, "gpt-4o"), "Hello", json!({})).await;
    assert_eq!(status, 200);
    assert!(text.ends_with("data: [DONE]\n\n") && !text.contains("prompt_tokens"), "{text}");
    assert_eq!(text.matches("data: ").count(), 6);
    assert_eq!(gate.upstream.last().2["stream_options"]["include_usage"], true);
    let asked = json!({"stream_options": {"include_usage": true}});
    let (_, text) = stream(&gate, &key, (CHAT, "gpt-4o"), "Hello", asked).await;
    assert!(text.contains("\"prompt_tokens\":11"));
    assert_eq!(
        gate.usage(&key).await,
        json!({"calls": 2, "input_tokens": 22, "output_tokens": 14})
    );
}

#[tokio::test]
async fn an_upstream_without_stream_options_is_left_alone_and_estimated() {
    let own = "[[upstream]]\nname = \"old\"\nkind = \"openai\"\nbase_url = \"UPSTREAM/v1\"\ninject_usage = false\n[[model]]\nname = \"old\"\nupstream = \"old\"";
    let first = Gate::new("streams_old_upstream").await;
    let gate = Gate::with("streams_old", &own.replace("UPSTREAM", &first.upstream.url)).await;
    let key = gate.key_of("ada").await;
    let (status, _) = stream(&gate, &key, (CHAT, "old"), "Hello", json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(first.upstream.last().2.get("stream_options"), None);
    let usage = gate.usage(&key).await;
    assert_eq!(usage["calls"], 1);
    assert!(
        usage["output_tokens"].as_i64().unwrap() >= 4
            && usage["input_tokens"].as_i64().unwrap() > 5,
        "{usage}"
    );
}

#[tokio::test]
async fn a_stream_is_whole_however_it_is_cut_into_pieces() {
    let gate = Gate::new("streams_halves").await;
    let key = gate.key_of("ada").await;
    let (_, whole) = stream(&gate, &key, (CHAT, "gpt-4o"), "Hello", json!({})).await;
    let (_, halves) = stream(&gate, &key, (CHAT, "gpt-4o"), "halves", json!({})).await;
    assert_eq!(whole, halves);
    let (_, shifted) = stream(&gate, &key, (CHAT, "gpt-4o"), "shifted", json!({})).await;
    assert_eq!(whole, shifted);
    let (_, bare) = stream(&gate, &key, (CHAT, "gpt-4o"), "no blank line", json!({})).await;
    assert_eq!(whole.trim_end(), bare);
    let (_, bare) =
        stream(&gate, &key, ("/v1/messages", "claude-x"), "no blank line", json!({})).await;
    assert!(bare.ends_with("{\"type\":\"message_stop\"}"), "{bare}");
    let (_, messages) =
        stream(&gate, &key, ("/v1/messages", "claude-x"), "halves", json!({})).await;
    assert!(
        messages.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
        "{messages}"
    );
    assert_eq!(
        gate.usage(&key).await,
        json!({"calls": 6, "input_tokens": 66, "output_tokens": 42})
    );
}

#[tokio::test]
async fn k34_an_upstream_that_breaks_off_is_an_error_and_never_a_tidy_end() {
    let gate = Gate::new("streams_cut").await;
    let key = gate.key_of("ada").await;
    // After the fifth event of chat a choice has finished, and the stream has not.
    let (_, text) = stream(&gate, &key, (CHAT, "gpt-4o"), "cut 5", json!({})).await;
    assert!(text.contains("\"stop\"") && text.trim_end().ends_with("\"code\":\"502\"}}"), "{text}");
    // An error without its last blank line is given one, or a client would not see it.
    let (_, text) = stream(&gate, &key, (CHAT, "gpt-4o"), "bare error", json!({})).await;
    assert!(text.ends_with("{\"error\":{\"message\":\"gone\"}}\n\n\n"), "{text:?}");
    for wish in ["cut 1", "cut 3", "stop 2", "stop 4"] {
        let (status, text) = stream(&gate, &key, (CHAT, "gpt-4o"), wish, json!({})).await;
        assert_eq!(status, 200);
        let last = text.trim_end().rsplit("\n\n").next().unwrap();
        let error: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(error["error"]["code"], "502", "{wish}: {text}");
        assert!(!text.contains("[DONE]") && !text.contains("\"stop\""), "{wish}: {text}");
        let (status, text) =
            stream(&gate, &key, ("/v1/messages", "claude-x"), wish, json!({})).await;
        assert_eq!(status, 200);
        let last = text.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.starts_with("event: error\ndata: {\"type\":\"error\""), "{wish}: {text}");
        assert!(!text.contains("message_stop"), "{wish}: {text}");
    }
    assert_eq!(gate.usage(&key).await["calls"], 10, "what was produced is booked");
}

#[tokio::test]
async fn k35_an_answer_that_is_none_gets_a_status_of_its_own_and_no_row() {
    let gate = Gate::new("streams_none").await;
    let key = gate.key_of("ada").await;
    for (path, model, wish, expected) in [
        (CHAT, "gpt-4o", "empty", 502),
        (CHAT, "gpt-4o", "cut 0", 502),
        (CHAT, "gpt-4o", "error", 429),
        (CHAT, "gpt-4o", "split error", 429),
        (CHAT, "gpt-4o", "comment error", 429),
        (CHAT, "gpt-4o", "text error", 502),
        (CHAT, "gpt-4o", "json error", 429),
        ("/v1/messages", "claude-x", "ping error", 529),
        ("/v1/messages", "claude-x", "empty", 502),
        ("/v1/messages", "claude-x", "overloaded", 529),
    ] {
        let (status, text) = stream(&gate, &key, (path, model), wish, json!({})).await;
        assert_eq!(status, expected, "{path} {wish}: {text}");
        let error: Value = serde_json::from_str(&text).unwrap();
        assert!(error["error"]["message"].is_string(), "{text}");
    }
    assert_eq!(gate.usage(&key).await["calls"], 0);
}

#[tokio::test]
async fn frames_pass_as_they_come_and_a_caller_that_leaves_cancels_the_upstream() {
    let gate = Gate::new("streams_cancel").await;
    let key = gate.key_of("ada").await;
    for (path, model) in [(CHAT, "gpt-4o"), ("/v1/messages", "claude-x")] {
        let before = gate.upstream.dropped();
        let calls = gate.usage(&key).await["calls"].as_i64().unwrap();
        let body = json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "endless"}]});
        let request = gate.client.post(format!("{}{path}", gate.url)).bearer_auth(&key).json(&body);
        let mut frames = request.send().await.unwrap().bytes_stream();
        for _ in 0..8 {
            frames.next().await.unwrap().unwrap();
        }
        drop(frames);
        soon("the upstream is cancelled", async || gate.upstream.dropped() > before).await;
        soon("it is booked", async || gate.usage(&key).await["calls"] == calls + 1).await;
    }
    let usage = gate.usage(&key).await;
    assert!(
        usage["output_tokens"].as_i64().unwrap() >= 4,
        "what was produced, not a placeholder: {usage}"
    );
}

#[tokio::test]
async fn a_silent_upstream_is_bridged_by_comments() {
    let gate = Gate::with("streams_quiet", "server.sse_keepalive = \"1s\"").await;
    let key = gate.key_of("ada").await;
    let body = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "quiet"}]});
    let request = gate.client.post(format!("{}{CHAT}", gate.url)).bearer_auth(&key).json(&body);
    let mut frames = request.send().await.unwrap().bytes_stream();
    let first = tokio::time::timeout(Duration::from_secs(4), frames.next()).await.unwrap();
    assert_eq!(first.unwrap().unwrap(), ": keep-alive\n\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn i7_an_upstream_that_is_never_silent_and_a_slow_reader_outlast_no_grace() {
    let gate = Gate::with("streams_slow", "server.revoke_grace = \"1s\"").await;
    let key = gate.key_of("ada").await;
    let body = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "flood"}]});
    let request = gate.client.post(format!("{}{CHAT}", gate.url)).bearer_auth(&key).json(&body);
    let mut frames = request.send().await.unwrap().bytes_stream();
    frames.next().await.unwrap().unwrap();
    let slow = tokio::spawn(async move {
        while let Some(Ok(_)) = frames.next().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let before = gate.upstream.dropped();
    let id = gate.people().await[0].user.id.to_string();
    gate.manage("/user/block", MASTER_KEY, json!({"user_ids": [id]})).await;
    soon("the upstream is let go", async || gate.upstream.dropped() > before).await;
    assert!(!slow.is_finished(), "the reader has not come to the end yet");
    slow.abort();
}
