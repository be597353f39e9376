//! Upstreams that break off, fail, or answer otherwise than they were asked, on each route.
use super::{file, gate, last, post, send, wav};
use crate::support::{Seen, soon};
use futures_util::StreamExt as _;
use reqwest::multipart::Form;
use serde_json::{Value, json};

/// The data of the last event.
fn last_event(seen: &Seen) -> Value {
    let data = seen.body.rsplit("data: ").next().unwrap();
    serde_json::from_str(data.trim()).unwrap_or_else(|_| panic!("{seen:?}"))
}

#[tokio::test]
async fn k34_a_stream_that_is_cut_ends_in_the_protocol_s_own_error_and_never_tidily() {
    let (gate, key) = gate("faults_cut").await;
    let stream = async |path: &str, member: &str, words: &str| {
        let body =
            json!({"model": "tokens", member: words, "stream": true, "stream_format": "sse"});
        post(&gate, &key, path, body).await
    };
    for cut in 1..6 {
        let seen = stream("/v1/responses", "input", &format!("cut {cut}")).await;
        let event = last_event(&seen);
        assert_eq!((seen.status, &event["type"]), (200, &json!("response.failed")), "{cut}");
        assert!(event["response"]["id"].as_str().unwrap().starts_with("resp_"));
        assert_eq!(event["response"]["status"], "failed");
        assert_eq!(event["response"]["error"]["code"], "server_error");
        assert_eq!(event["sequence_number"], cut);
        assert!(seen.body.contains("event: response.failed\n"));
        assert!(!seen.body.contains("response.completed"));
        let row = last(&gate).await;
        assert_eq!((&row["status"], &row["estimated"]), (&json!("failure"), &json!(true)));
        assert!(row["prompt_tokens"].as_i64().unwrap() > 0);
    }
    let seen = stream("/v1/completions", "prompt", "cut 2").await;
    assert!(last_event(&seen)["error"]["message"].is_string() && !seen.body.contains("[DONE]"));
    for (path, member) in [("/v1/images/generations", "prompt"), ("/v1/audio/speech", "input")] {
        let seen = stream(path, member, "cut 1").await;
        let event = last_event(&seen);
        assert_eq!(
            (&event["type"], event["error"]["message"].is_string()),
            (&json!("error"), true)
        );
        assert!(seen.body.contains("event: error\n"));
        assert_eq!(last(&gate).await["status"], "failure", "{path}");
    }
    // A tidy end that says nothing of an end is none either.
    let seen = stream("/v1/responses", "input", "stop 4").await;
    assert_eq!(last_event(&seen)["type"], "response.failed");
    // What the upstream itself says is the last word, and clean.
    let seen = stream("/v1/responses", "input", "fails").await;
    assert_eq!(last_event(&seen)["response"]["error"]["code"], "rate_limit_exceeded");
    assert!(!seen.body.contains("provider-key"));
    assert_eq!(last(&gate).await["status"], "failure");
    let seen = stream("/v1/responses", "input", "says error").await;
    assert_eq!(
        (&last_event(&seen)["type"], &last(&gate).await["status"]),
        (&json!("error"), &json!("failure"))
    );
}

#[tokio::test]
async fn k35_an_error_instead_of_an_answer_has_a_status_of_its_own() {
    let (gate, key) = gate("faults_at_once").await;
    let ask = async |path: &str, member: &str, words: &str, stream: bool| {
        post(&gate, &key, path, json!({"model": "tokens", member: words, "stream": stream})).await
    };
    let seen = ask("/v1/responses", "input", "fails at once", true).await;
    assert_eq!((seen.status, seen.json()["error"]["message"].as_str()), (429, Some("too much")));
    let seen = ask("/v1/responses", "input", "fails", false).await;
    assert_eq!(seen.status, 429, "{seen:?}");
    assert!(!seen.body.contains("provider-key"));
    for (path, member) in [
        ("/v1/responses", "input"),
        ("/v1/completions", "prompt"),
        ("/v1/embeddings", "input"),
        ("/v1/images/generations", "prompt"),
        ("/v1/audio/speech", "input"),
        ("/v1/rerank", "query"),
        ("/v1/moderations", "input"),
    ] {
        assert_eq!(ask(path, member, "empty", true).await.status, 502, "{path}");
        assert_eq!(ask(path, member, "json error", false).await.status, 429, "{path}");
        assert_eq!(ask(path, member, "unauthorized", false).await.status, 502, "{path}");
        let quota = ask(path, member, "quota", false).await;
        assert_eq!((quota.status, quota.header("retry-after")), (429, Some("7")), "{path}");
        assert!(!quota.body.contains("provider-key"), "{path}: K42");
        assert_eq!(
            ask(path, member, "redirect", false).await.status,
            502,
            "{path}: never followed"
        );
    }
    let form = Form::new().text("model", "ear").text("prompt", "quota").part("file", file(wav()));
    assert_eq!(send(&gate, &key, "/v1/audio/transcriptions", form).await.status, 429);
    let info = gate.get("/key/info", &key).await.json()["info"].clone();
    assert_eq!(info["usage"]["calls"], 0, "nothing was answered, nothing is booked");
    assert_eq!(info["limits"][0]["reserved"], 0.0);
}

#[tokio::test]
async fn an_upstream_that_answers_in_another_form_than_was_asked_is_read_all_the_same() {
    let (gate, key) = gate("faults_forms").await;
    let body = json!({"model": "tokens", "input": "json all the same", "stream": true});
    let seen = post(&gate, &key, "/v1/responses", body).await;
    assert_eq!((seen.status, seen.header("content-type")), (200, Some("application/json")));
    assert_eq!(last(&gate).await["completion_tokens"], 7);
    // In chunks, as most providers send it: judged as a whole all the same.
    for (path, member) in [("/v1/responses", "input"), ("/v1/completions", "prompt")] {
        let ask = |words: &str| post(&gate, &key, path, json!({"model": "tokens", member: words}));
        let seen = ask("in pieces").await;
        let cost = seen.header("x-litellm-response-cost").map(str::to_owned);
        assert_eq!((seen.status, cost.as_deref()), (200, last(&gate).await["cost"].as_str()));
        assert!(seen.json()["usage"].is_object());
        assert_eq!(ask("in pieces, an error").await.status, 429);
        // What breaks off in the middle breaks off here too: it must not look whole.
        let body = json!({"model": "tokens", member: "in pieces, cut"});
        let request = gate.client.post(format!("{}{path}", gate.url)).bearer_auth(&key).json(&body);
        let whole = async { request.send().await?.bytes().await };
        assert!(whole.await.is_err());
        assert_eq!(last(&gate).await["status"], "failure", "{path}");
    }
    // Pieces of a stream, though JSON was asked for.
    let body = json!({"model": "tokens", "prompt": "split leak"});
    let seen = post(&gate, &key, "/v1/completions", body).await;
    assert_eq!((seen.status, seen.header("content-type")), (200, Some("text/event-stream")));
    assert!(!seen.body.contains("provider-key-of-openai"));
    let row = last(&gate).await;
    assert_eq!((&row["status"], &row["estimated"]), (&json!("success"), &json!(true)));
    // And compressed, though nobody asked for that.
    for (path, member) in [("/v1/embeddings", "input"), ("/v1/responses", "input")] {
        let seen = post(&gate, &key, path, json!({"model": "tokens", member: "gzip"})).await;
        assert_eq!((seen.status, seen.header("content-encoding")), (200, Some("gzip")));
        assert_eq!(last(&gate).await["estimated"], false, "{path}");
    }
}

#[tokio::test]
async fn k32_who_hangs_up_is_billed_the_question_and_what_was_produced() {
    let (gate, key) = gate("faults_abort").await;
    for (path, member, words) in [
        ("/v1/responses", "input", "endless"),
        ("/v1/completions", "prompt", "endless"),
        ("/v1/images/generations", "prompt", "endless"),
    ] {
        let body = json!({"model": "tokens", member: words, "stream": true, "n": 1});
        let request = gate.client.post(format!("{}{path}", gate.url)).bearer_auth(&key).json(&body);
        let mut events = request.send().await.unwrap().bytes_stream();
        events.next().await.unwrap().unwrap();
        drop(events);
        soon("the row is there", async || last(&gate).await["route"] == path).await;
        let row = last(&gate).await;
        assert_eq!(row["status"], "aborted", "{path} {row}");
        assert!(row["prompt_tokens"].as_i64().unwrap() > 0, "{path} {row}");
    }
}
