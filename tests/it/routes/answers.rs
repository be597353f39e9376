//! Answers that an upstream keeps: for whom they were made, and for nobody else.
use super::{gate, last, post};
use crate::support::{EDITOR, Gate, MASTER_KEY, Seen, soon};
use serde_json::{Value, json};

async fn made(gate: &Gate, key: &str, more: Value) -> String {
    let mut body = json!({"model": "tokens", "input": "Hello"});
    more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    let seen = post(gate, key, "/v1/responses", body).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let start = seen.body.find("resp_").unwrap();
    seen.body[start..start + 37].to_owned()
}

async fn delete(gate: &Gate, key: &str, id: &str) -> Seen {
    let request = gate.client.delete(format!("{}/v1/responses/{id}", gate.url)).bearer_auth(key);
    Seen::of(request).await
}

#[tokio::test]
async fn an_answer_is_its_owner_s_to_read_to_go_on_from_and_to_delete() {
    let (gate, key) = gate("answers_owner").await;
    let other = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    for stream in [false, true] {
        let id = made(&gate, &key, json!({"stream": stream})).await;
        // At once: what was just made is known.
        let next = made(&gate, &key, json!({"previous_response_id": id})).await;
        assert_ne!(next, id);
        assert_eq!(gate.upstream.last().2["previous_response_id"], id.as_str());
        let seen = gate.get(&format!("/v1/responses/{id}?include[]=x"), &key).await;
        assert_eq!((seen.status, seen.json()["id"].as_str()), (200, Some(id.as_str())), "{seen:?}");
        assert!(!seen.body.contains("provider-key"), "K42");
        let (path, headers, _) = gate.upstream.last();
        assert_eq!(path, format!("/v1/responses/{id}?include[]=x"));
        assert_eq!(headers["authorization"], "Bearer sk-provider-key-of-openai");
        let items = gate.get(&format!("/responses/{id}/input_items"), &key).await;
        assert_eq!(items.json()["object"], "list");

        let asked = gate.upstream.calls();
        for seen in [
            gate.get(&format!("/v1/responses/{id}"), &other).await,
            gate.get(&format!("/v1/responses/{id}/input_items"), &other).await,
            delete(&gate, &other, &id).await,
        ] {
            assert_eq!(seen.status, 404, "{seen:?}");
        }
        let body = json!({"model": "tokens", "input": "Hello", "previous_response_id": id});
        let seen = post(&gate, &other, "/v1/responses", body).await;
        assert_eq!(seen.status, 400, "{seen:?}");
        assert!(seen.json()["error"]["message"].as_str().unwrap().contains("previous_response_id"));
        assert_eq!(gate.upstream.calls(), asked, "nothing was asked for them");

        assert_eq!(delete(&gate, &key, &id).await.json()["deleted"], true);
        assert_eq!(gate.get(&format!("/v1/responses/{id}"), &key).await.status, 404);
    }
    assert_eq!(last(&gate).await["route"], "/v1/responses", "reading is no call");
}

#[tokio::test]
async fn an_app_that_is_connected_anew_has_the_answers_of_its_former_key() {
    let gate = Gate::with("answers_app", super::UNITS).await;
    let connect = async |person: &str| {
        let browser = gate.browser_of(person).await;
        let form = browser.open(EDITOR, "").await;

        browser.press("allow", &form).await.sent("access_token").unwrap()
    };
    let first = connect("ada").await;
    let id = made(&gate, &first, json!({})).await;
    let (second, stranger) = (connect("ada").await, connect("bob").await);
    assert_ne!(first, second);
    assert_eq!(gate.get(&format!("/v1/responses/{id}"), &second).await.status, 200);
    assert_eq!(gate.get(&format!("/v1/responses/{id}"), &stranger).await.status, 404);
    // A key of the same person's that is no app's has not.
    let plain = gate.key_of("ada").await;
    assert_eq!(gate.get(&format!("/v1/responses/{id}"), &plain).await.status, 404);
    let gate = gate.restarted().await;
    assert_eq!(gate.get(&format!("/v1/responses/{id}"), &second).await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_owned_or_booked_is_refused() {
    let (gate, key) = gate("answers_refused").await;
    let ask = async |more: Value| {
        let mut body = json!({"model": "tokens", "input": "Hello"});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        post(&gate, &key, "/v1/responses", body).await
    };
    for more in [
        json!({"background": true}),
        json!({"conversation": "conv_1"}),
        json!({"conversation": {"id": "conv_1"}}),
        json!({"previous_response_id": "resp_unknown"}),
        json!({"previous_response_id": "../files"}),
        json!({"previous_response_id": 7}),
        json!({"input": [{"type": "item_reference", "id": "msg_1"}]}),
        json!({"input": [{"role": "user", "content": "x"}, {"id": "msg_1"}]}),
        json!({"tools": [{"type": "image_generation", "model": "gpt-image-1"}]}),
        json!({"tools": [{"type": "namespace", "tools": [{"type": "code_interpreter"}]}]}),
        json!({"tools": {"type": "function"}}),
        json!({"Model": "pictures"}),
        json!({"n": "2"}),
    ] {
        let seen = ask(more.clone()).await;
        assert_eq!(seen.status, 400, "{more}: {seen:?}");
    }
    for fine in
        [json!({"background": false}), json!({"conversation": null, "previous_response_id": null})]
    {
        assert_eq!(ask(fine).await.status, 200);
    }
    let asked = gate.upstream.calls();
    for odd in ["resp_unknown", "a%2Fb", "..%2Ffiles", "%00", &"x".repeat(400)] {
        assert_eq!(gate.get(&format!("/v1/responses/{odd}"), &key).await.status, 404, "{odd}");
    }
    assert_eq!(gate.upstream.calls(), asked);
    let not_kept = made(&gate, &key, json!({"store": false})).await;
    assert_eq!(gate.get(&format!("/v1/responses/{not_kept}"), &key).await.status, 404);
    assert_eq!(gate.get("/v1/responses/resp_1", MASTER_KEY).await.status, 403);
}

#[tokio::test]
async fn what_an_answer_goes_on_from_is_reserved_and_billed_to_who_hangs_up() {
    let (gate, key) = gate("answers_context").await;
    let usage = r#"usage: {"input_tokens": 90000, "output_tokens": 10000}"#;
    let id = made(&gate, &key, json!({"input": usage})).await;
    let body =
        json!({"model": "tokens", "input": "endless", "stream": true, "previous_response_id": id});
    let url = format!("{}/v1/responses", gate.url);
    let answer = gate.client.post(&url).bearer_auth(&key).json(&body).send().await.unwrap();
    let info = gate.get("/key/info", &key).await.json()["info"]["limits"][0].clone();
    assert!(info["reserved"].as_f64().unwrap() > 0.25, "100,000 tokens at 2.50: {info}");
    drop(answer);
    soon("it is booked", async || last(&gate).await["status"] == "aborted").await;
    let row = last(&gate).await;
    let input = row["prompt_tokens"].as_i64().unwrap();
    assert!((100_000..100_100).contains(&input), "{row}");
}

#[tokio::test]
async fn an_answer_belongs_to_one_upstream_and_an_id_of_two_owners_is_nobody_s() {
    let settings = format!(
        "{}\n[[upstream]]\nname = \"second\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
         hosted_tools = [\"code_interpreter\"]\n\
         [[model]]\nname = \"elsewhere\"\nupstream = \"second\"\n[model.price]\ninput = \"1\"\noutput = \"1\"\n",
        super::UNITS
    );
    let gate = Gate::with("answers_upstreams", &settings).await;
    let key = async || gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    let (ada, bob) = (key().await, key().await);
    let id = made(&gate, &ada, json!({})).await;
    let ask = async |more: Value| {
        let mut body = json!({"model": "elsewhere", "input": "x"});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        post(&gate, &ada, "/v1/responses", body).await.status
    };
    assert_eq!(ask(json!({"previous_response_id": id})).await, 400, "not of that upstream");
    assert_eq!(ask(json!({"tools": [{"type": "code_interpreter"}]})).await, 502, "it may be asked");
    // The same id once more, of somebody else: an upstream that begins to count anew.
    let again = json!({"input": format!("id {id}")});
    made(&gate, &bob, again).await;
    for key in [&ada, &bob] {
        soon("it is nobody's", async || {
            gate.get(&format!("/v1/responses/{id}"), key).await.status == 404
        })
        .await;
    }
    for odd in ["id resp_\u{0}", "id ", &format!("id {}", "x".repeat(500))] {
        let seen =
            post(&gate, &ada, "/v1/responses", json!({"model": "tokens", "input": odd})).await;
        assert_eq!(seen.status, 200);
    }
    assert_eq!(made(&gate, &ada, json!({})).await.len(), 37, "and the books go on");
    assert_eq!(last(&gate).await["status"], "success");
}
