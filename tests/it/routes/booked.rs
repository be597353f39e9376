//! What each route books: the upstream's numbers, plain and streamed, and ours where it says none.
use super::{UNITS, file, gate, last, post, send, wav};
use crate::support::{Gate, MASTER_KEY, soon};
use reqwest::multipart::Form;
use serde_json::{Value, json};

/// What a row says of what was used: tokens in and out, images, milliseconds, characters, searches, dollars.
fn used(row: &Value) -> (i64, i64, [i64; 4], Option<String>, bool) {
    let number = |name: &str| row[name].as_i64().unwrap();
    let units = ["images", "audio_milliseconds", "characters", "search_units"].map(number);
    let cost = row["cost"].as_str().map(str::to_owned);
    let (input, output) = (number("prompt_tokens"), number("completion_tokens"));
    (input, output, units, cost, row["estimated"] == true)
}

/// The route, what is asked, and what is booked: tokens in and out, units, dollars. Of the first, 7 × 2.50 + 4 × 1.25 +
/// 5 × 10 + 2 × 20 millionths.
type Case = (&'static str, &'static str, (i64, i64, [i64; 4]), &'static str);
const NONE: [i64; 4] = [0; 4];
const PLAIN: [Case; 10] = [
    ("responses", r#"{"model":"tokens","input":"Hello"}"#, (11, 7, NONE), "0.0001125"),
    ("completions", r#"{"model":"tokens","prompt":"Hello"}"#, (11, 7, NONE), "0.0000975"),
    ("embeddings", r#"{"model":"tokens","input":"Hello"}"#, (9, 0, NONE), "0.0000225"),
    ("embeddings", r#"{"model":"tokens","input":"long"}"#, (9, 0, NONE), "0.0000225"),
    (
        "images/generations",
        r#"{"model":"tokens","prompt":"a cat","n":2}"#,
        (20, 100, [2, 0, 0, 0]),
        "0.00105",
    ),
    (
        "images/generations",
        r#"{"model":"pictures","prompt":"no tokens","n":3}"#,
        (0, 0, [3, 0, 0, 0]),
        "0.12",
    ),
    (
        "images/generations",
        r#"{"model":"pictures","prompt":"one fewer","n":3}"#,
        (20, 100, [2, 0, 0, 0]),
        "0.08",
    ),
    (
        "audio/speech",
        r#"{"model":"voice","input":"Gr\u00fc\u00dfe","voice":"a"}"#,
        (0, 0, [0, 0, 5, 0]),
        "0.000075",
    ),
    ("rerank", r#"{"model":"judge","query":"q","documents":["a"]}"#, (0, 0, [0, 0, 0, 2]), "0.004"),
    (
        "rerank",
        r#"{"model":"tokens","query":"as jina","documents":["a"]}"#,
        (33, 0, [0, 0, 0, 1]),
        "0.0000825",
    ),
];
const STREAMED: [Case; 5] = [
    ("responses", r#"{"model":"tokens","input":"Hello"}"#, (11, 7, NONE), "0.0001125"),
    ("responses", r#"{"model":"tokens","input":"incomplete"}"#, (11, 7, NONE), "0.0001125"),
    ("completions", r#"{"model":"tokens","prompt":"Hello"}"#, (11, 7, NONE), "0.0000975"),
    (
        "images/generations",
        r#"{"model":"tokens","prompt":"a cat"}"#,
        (20, 100, [1, 0, 0, 0]),
        "0.00105",
    ),
    (
        "audio/speech",
        r#"{"model":"tokens","input":"Hello","stream_format":"sse"}"#,
        (14, 101, [0, 330, 5, 0]),
        "0.001045",
    ),
];

#[tokio::test]
async fn each_route_books_what_its_upstream_says_plain_and_streamed() {
    let (gate, key) = gate("routes_booked").await;
    let plain = PLAIN.iter().flat_map(|case| [("/v1/", case, false), ("/", case, false)]);
    for (base, case, stream) in plain.chain(STREAMED.iter().map(|case| ("/v1/", case, true))) {
        let (path, body, (input, output, units), cost) = *case;
        let mut asked: Value = serde_json::from_str(body).unwrap();
        if stream {
            asked["stream"] = json!(true);
        }
        let seen = post(&gate, &key, &format!("{base}{path}"), asked).await;
        assert_eq!(seen.status, 200, "{path}: {seen:?}");
        let events = seen.header("content-type") == Some("text/event-stream");
        assert_eq!(events, stream, "{path}");
        let row = last(&gate).await;
        let expected = (input, output, units, Some(cost.to_owned()), false);
        assert_eq!(used(&row), expected, "{path} {body}");
        assert_eq!(
            (&row["route"], &row["status"]),
            (&json!(format!("/v1/{path}")), &json!("success"))
        );
        assert!(row["price_version"].is_string());
    }
    // The upstream is told its own name, whatever the caller's.
    assert_eq!(gate.upstream.last().2["model"], "tokens-wire");
}

#[tokio::test]
async fn usage_that_a_route_does_not_say_is_estimated_and_marked_so() {
    let (gate, key) = gate("routes_absent").await;
    for stream in [false, true] {
        for (path, model, member) in [
            ("responses", "tokens", "input"),
            ("completions", "tokens", "prompt"),
            ("embeddings", "tokens", "input"),
            ("images/generations", "tokens", "prompt"),
        ] {
            if stream && path == "embeddings" {
                continue;
            }
            let body = json!({"model": model, member: "no usage", "stream": stream});
            let seen = post(&gate, &key, &format!("/v1/{path}"), body).await;
            assert_eq!(seen.status, 200, "{seen:?}");
            let row = last(&gate).await;
            let (input, output, _, cost, estimated) = used(&row);
            let has_output = path != "embeddings";
            assert!(estimated && input > 0 && (output > 0) == has_output, "{path} {row}");
            assert!(cost.is_some_and(|cost| cost != "0"), "{path} {row}");
        }
    }
    // By what was asked where that is what costs: a character each, a query of so many documents.
    let documents = vec!["d"; 101];
    let body = json!({"model": "judge", "query": "no usage", "documents": documents});
    assert_eq!(post(&gate, &key, "/v1/rerank", body).await.status, 200);
    assert_eq!(used(&last(&gate).await), (0, 0, [0, 0, 0, 2], Some("0.004".into()), true));
    let body = json!({"model": "tokens", "input": "Say this aloud", "voice": "a"});
    assert_eq!(post(&gate, &key, "/v1/audio/speech", body).await.status, 200);
    let (input, output, units, _, estimated) = used(&last(&gate).await);
    assert!(estimated && input > 0 && output == 18 && units[2] == 14, "about a second of speech");
    for absurd in [
        "{\"input_tokens\":-5,\"output_tokens\":99999999999}",
        "{\"type\":\"duration\",\"seconds\":-1}",
    ] {
        let form = Form::new()
            .text("model", "ear")
            .text("prompt", format!("usage: {absurd}"))
            .part("file", file(wav()));
        assert_eq!(send(&gate, &key, "/v1/audio/transcriptions", form).await.status, 200);
        let row = last(&gate).await;
        assert_eq!(used(&row), (0, 0, [0, 1500, 0, 0], Some("0.00015".into()), true), "K33");
    }
}

#[tokio::test]
async fn a_moderation_needs_no_model_and_costs_what_its_price_says() {
    let settings = format!(
        "{UNITS}\n[[model]]\nname = \"omni-moderation-latest\"\nupstream = \"openai\"\nupstream_model = \"wire\"\n"
    );
    let gate = Gate::with("routes_moderation", &settings).await;
    let key = gate.generate(json!({"max_budget": 1})).await["key"].as_str().unwrap().to_owned();
    let seen = post(&gate, &key, "/v1/moderations", json!({"input": "Hello"})).await;
    assert_eq!(seen.status, 403, "nobody knows what that costs: {seen:?}");
    let free = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    for body in [json!({"input": "Hello"}), json!({})] {
        assert_eq!(post(&gate, &free, "/v1/moderations", body).await.status, 200);
        assert_eq!(gate.upstream.last().2["model"], "wire");
        assert_eq!(last(&gate).await["model"], "omni-moderation-latest");
    }
    let seen = post(&gate, &key, "/v1/moderations", json!({"model": "free", "input": "x"})).await;
    assert_eq!((seen.status, &last(&gate).await["cost"]), (200, &json!("0")));
}

#[tokio::test]
async fn a_budget_in_units_is_reserved_and_holds() {
    let (gate, _) = gate("routes_budget").await;
    let key = async |budget: &str| {
        let made = gate.generate(json!({"max_budget": budget.parse::<f64>().unwrap()})).await;
        made["key"].as_str().unwrap().to_owned()
    };
    let picture = |n: i64, words: &str| json!({"model": "pictures", "prompt": words, "n": n});
    let little = key("0.1").await;
    // Two pictures in the making may use 0.08 of it: one more does not fit.
    let slow = post(&gate, &little, "/v1/images/generations", picture(2, "slow"));
    let meanwhile = async {
        soon("it runs", async || gate.upstream.calls() > 0).await;
        let two = post(&gate, &little, "/v1/images/generations", picture(1, "no tokens")).await;
        assert_eq!(
            (two.status, two.json()["error"]["type"].as_str()),
            (429, Some("budget_reserved"))
        );
    };
    let (whole, ()) = futures_util::join!(slow, meanwhile);
    assert_eq!(whole.status, 200);
    let info = gate.get("/key/info", &little).await.json()["info"].clone();
    assert_eq!(info["usage"]["cost"], "0.08");
    // A spent one says so.
    let spent = key("0.04").await;
    assert_eq!(
        post(&gate, &spent, "/v1/images/generations", picture(1, "no tokens")).await.status,
        200
    );
    let seen = post(&gate, &spent, "/v1/images/generations", picture(1, "no tokens")).await;
    assert_eq!(
        (seen.status, seen.json()["error"]["type"].as_str()),
        (422, Some("budget_exceeded"))
    );
    assert_eq!(seen.header("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn a_key_calls_the_routes_that_it_may_and_no_others() {
    let (gate, _) = gate("routes_allowed").await;
    let made = gate.generate(json!({"allowed_routes": ["/v1/embeddings", "/audio/*"]})).await;
    let key = made["key"].as_str().unwrap();
    let ask = |path: &'static str, body: Value| post(&gate, key, path, body);
    assert_eq!(ask("/embeddings", json!({"model": "tokens", "input": "x"})).await.status, 200);
    let speech = json!({"model": "voice", "input": "x", "voice": "a"});
    assert_eq!(ask("/v1/audio/speech", speech).await.status, 200);
    for (path, body) in [
        ("/v1/responses", json!({"model": "tokens", "input": "x"})),
        ("/openai/deployments/tokens/chat/completions", json!({"messages": []})),
    ] {
        let seen = ask(path, body).await;
        let said = seen.json();
        assert_eq!((seen.status, &said["error"]["type"]), (403, &json!("key_route_access_denied")));
    }
    let kept = gate.get("/v1/responses/resp_1", key).await;
    assert_eq!(kept.status, 403, "nor what others have made by it");
    let wrong =
        post(&gate, key, "/v1/embeddings", json!({"model": "claude-x", "input": "x"})).await;
    assert_eq!(wrong.status, 404);
    assert!(wrong.json()["error"]["message"].as_str().unwrap().contains("/v1/messages"));
}

#[tokio::test]
async fn a_deployment_s_path_names_the_model() {
    let (gate, key) = gate("routes_deployment").await;
    let base = "/openai/deployments/tokens";
    let chat = json!({"messages": [{"role": "user", "content": "Hello"}], "model": "claude-x"});
    for (path, body) in [
        ("chat/completions?api-version=2026-01-01", chat),
        ("embeddings?api-version=x", json!({"input": "Hello"})),
        ("completions", json!({"prompt": "Hello"})),
    ] {
        let request =
            gate.client.post(format!("{}{base}/{path}", gate.url)).header("api-key", &key);
        let seen = crate::support::Seen::of(request.json(&body)).await;
        assert_eq!(seen.status, 200, "{path}: {seen:?}");
        let (asked, _, body) = gate.upstream.last();
        let plain = path.split('?').next().unwrap();
        assert_eq!((asked, &body["model"]), (format!("/v1/{plain}"), &json!("tokens-wire")));
        assert_eq!(last(&gate).await["model"], "tokens");
    }
    let form = Form::new().part("file", file(wav())).text("model", "other");
    let seen = send(&gate, &key, "/openai/deployments/ear/audio/transcriptions", form).await;
    assert_eq!((seen.status, &gate.upstream.last().2["model"]), (200, &json!("ear")));
    let seen =
        post(&gate, &key, "/openai/deployments/none/embeddings", json!({"input": "x"})).await;
    assert_eq!(seen.status, 404);
}

#[tokio::test]
async fn labels_are_kept_beside_a_call_found_again_and_summed() {
    let (gate, _) = gate("routes_labels").await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    let call = async |tags: &str, path: &str, body: Value| {
        let request = gate.client.post(format!("{}{path}", gate.url)).bearer_auth(&key).json(&body);
        let seen = crate::support::Seen::of(request.header("x-gatekey-tags", tags)).await;
        assert_eq!(seen.status, 200, "{seen:?}");
    };
    call("red, nightly", "/v1/embeddings", json!({"model": "tokens", "input": "x", "user": "u1"}))
        .await;
    assert!(!gate.upstream.last().1.contains_key("x-gatekey-tags"));
    call(
        "red",
        "/v1/messages",
        json!({"model": "claude-x", "messages": [], "max_tokens": 5,
        "metadata": {"user_id": "u2"}}),
    )
    .await;
    call("", "/v1/embeddings", json!({"model": "tokens", "input": "x", "user": "u1"})).await;
    let found = async |query: &str| {
        let seen = gate.get(&format!("/spend/logs?{query}"), MASTER_KEY).await;
        seen.json()["data"].as_array().unwrap().len()
    };
    assert_eq!(found("tag=red").await, 2);
    assert_eq!(found("tag=re").await, 0);
    assert_eq!(found("end_user=u1&route=/embeddings").await, 2);
    assert_eq!(found("end_user=u2&tag=nightly").await, 0);
    let row = last(&gate).await;
    assert_eq!((&row["request_tags"], &row["end_user"]), (&json!([]), &json!("u1")));
    let wrong = gate.get("/spend/logs?route=/v1/nothing", MASTER_KEY).await;
    assert_eq!(wrong.status, 400);
}
