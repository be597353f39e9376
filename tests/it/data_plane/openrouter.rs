//! What OpenRouter's tools read: models, the figures of a key, errors with numbers.
use crate::support::{ALL_DIALECTS, Door, Gate, MASTER_KEY, Seen};
use serde_json::{Value, json};

const PRICED: &str = r#"
[[model]]
name = "priced"
upstream = "openai"
context_length = 1048576
max_output_tokens = 16384
vision = true
tools = true
[model.price]
input = "2.50"
output = "10"
cache_read = "1.25"
"#;

async fn call(gate: &Gate, key: &str, model: &str) -> Seen {
    let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    let request = gate.client.post(format!("{}/api/v1/chat/completions", gate.url));
    Seen::of(request.bearer_auth(key).json(&body)).await
}

#[tokio::test]
async fn a_model_tells_what_the_settings_know_of_it_in_each_protocol_s_words() {
    let gate = Gate::with("or_models", PRICED).await;
    let key = gate.key_of("ada").await;
    let find = |list: &Value, name: &str, value: &str| {
        let found = list["data"].as_array().unwrap().iter().find(|m| m[name] == value);
        found.unwrap_or_else(|| panic!("{value} in {list}")).clone()
    };
    let list = gate.get("/api/v1/models", &key).await.json();
    assert_eq!(list["total_count"], json!(list["data"].as_array().unwrap().len()));
    assert_eq!(list["links"], json!({"next": null}));
    let model = find(&list, "id", "priced");
    assert_eq!(
        (&model["context_length"], &model["canonical_slug"]),
        (&json!(1_048_576), &json!("priced"))
    );
    assert_eq!(model["pricing"]["prompt"], "0.0000025");
    assert_eq!(model["pricing"]["completion"], "0.00001");
    assert_eq!(model["pricing"]["input_cache_read"], "0.00000125");
    assert_eq!(
        model["top_provider"],
        json!({"context_length": 1_048_576, "max_completion_tokens": 16384, "is_moderated": false})
    );
    assert_eq!(model["architecture"]["input_modalities"], json!(["text", "image"]));
    assert!(model["supported_parameters"].as_array().unwrap().contains(&json!("tools")));
    for name in
        ["created", "name", "default_parameters", "links", "per_request_limits", "supported_voices"]
    {
        assert!(model.get(name).is_some(), "{name}");
    }
    let unknown = find(&list, "id", "gpt-4o");
    assert_eq!(unknown["pricing"]["prompt"], "-1", "unknown is not free");
    assert_eq!(unknown["context_length"], json!(128_000), "its clients reckon with a number");

    let info = gate.get("/v1/model/info", &key).await.json();
    let info = find(&info, "model_name", "priced")["model_info"].clone();
    assert_eq!(info["input_cost_per_token"], json!(2.5e-6));
    assert_eq!(info["output_cost_per_token"], json!(1e-5));
    assert_eq!(
        (&info["max_input_tokens"], &info["max_output_tokens"]),
        (&json!(1_048_576), &json!(16384))
    );
    assert_eq!(
        (&info["supports_vision"], &info["supports_function_calling"]),
        (&json!(true), &json!(true))
    );
    let model = find(&gate.get("/v1/models", &key).await.json(), "id", "priced");
    assert_eq!(
        (&model["context_length"], &model["max_output_tokens"]),
        (&json!(1_048_576), &json!(16384))
    );
    let request = gate
        .client
        .get(format!("{}/v1/models", gate.url))
        .header("anthropic-version", "2023-06-01");
    let model = find(&Seen::of(request.bearer_auth(&key)).await.json(), "id", "priced");
    assert_eq!(
        (&model["max_input_tokens"], &model["max_tokens"]),
        (&json!(1_048_576), &json!(16384))
    );
}

#[tokio::test]
async fn what_the_settings_leave_out_of_a_known_model_is_the_shipped_table_s() {
    let gate = Gate::new("or_table").await;
    let key = gate.key_of("ada").await;
    let list = gate.get("/api/v1/models", &key).await.json();
    let mut all = list["data"].as_array().unwrap().iter();
    let shipped = all.find(|model| model["id"] == "gpt-4o-mini").unwrap();
    assert_eq!(
        (&shipped["pricing"]["prompt"], &shipped["pricing"]["completion"]),
        (&json!("0.00000015"), &json!("0.0000006"))
    );
    assert_eq!(shipped["context_length"], json!(128_000));
    assert_eq!(shipped["architecture"]["input_modalities"], json!(["text", "image"]));
    let info = gate.get("/v1/model/info", &key).await.json();
    let mut all = info["data"].as_array().unwrap().iter();
    let info = &all.find(|model| model["model_name"] == "gpt-4o-mini").unwrap()["model_info"];
    assert_eq!(info["input_cost_per_token"], json!(1.5e-7));
    assert_eq!(info["cache_read_input_token_cost"], json!(7.5e-8));
}

#[tokio::test]
async fn the_figures_of_a_key_are_those_of_its_calls() {
    let gate = Gate::with(
        "or_figures",
        &format!("{ALL_DIALECTS}\nlimits.allow_unpriced = true\n{PRICED}"),
    )
    .await;
    let browser = gate.browser_of("ada").await;
    let ask =
        "/auth?callback_url=http://localhost:3000/cb&limit=2&usage_limit_type=daily&key_label=mine";
    let form = crate::support::Form::read(&browser.walk(ask).await);
    let code = browser.press("allow", &form).await.sent("code").unwrap();
    let key = Door::OpenRouterBearer.redeem(&gate, &code, None).await.json()["key"].clone();
    let key = key.as_str().unwrap();
    let figures = async |path: &str| {
        let seen = gate.get(path, key).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        seen.json()["data"].clone()
    };
    let fresh = figures("/api/v1/key").await;
    assert_eq!((&fresh["label"], &fresh["usage"]), (&json!("mine"), &json!(0.0)));
    assert_eq!((&fresh["limit"], &fresh["limit_remaining"]), (&json!(2.0), &json!(2.0)));
    assert_eq!(fresh["limit_reset"], "daily");
    for model in ["priced", "priced", "gpt-4o"] {
        let seen = call(&gate, key, model).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        assert!(seen.json().get("system_fingerprint").is_some(), "{seen:?}");
        assert!(seen.json()["usage"]["prompt_tokens"].is_i64());
    }
    // Twice 11 in at 2.50 and 7 out at 10 dollars a million; the other model has no price.
    let usage = gate.usage(key).await;
    let (input, output) =
        (usage["input_tokens"].as_i64().unwrap() / 3, usage["output_tokens"].as_i64().unwrap() / 3);
    let nano = i32::try_from(2 * input * 2_500 + 2 * output * 10_000).unwrap();
    let cost = f64::from(nano) / 1e9;
    let now = figures("/api/v1/auth/key").await;
    for name in ["usage", "usage_daily", "usage_weekly", "usage_monthly"] {
        assert!((now[name].as_f64().unwrap() - cost).abs() < 1e-12, "{name}: {now} is not {cost}");
    }
    assert!((now["limit_remaining"].as_f64().unwrap() - (2.0 - cost)).abs() < 1e-12);
    assert_eq!(now["rate_limit"]["requests"], -1);
    let credits = figures("/api/v1/credits").await;
    assert_eq!(credits["total_credits"], json!(2.0));
    assert!((credits["total_usage"].as_f64().unwrap() - cost).abs() < 1e-12);
    let balance = gate.get("/x/apikey", key).await.json();
    assert_eq!(balance["name"], "mine");
    assert!(
        (balance["total_spend"].as_str().unwrap().parse::<f64>().unwrap() - cost).abs() < 1e-12
    );
    // The next day the window is new, the sum is not.
    gate.turn(86_400);
    let next = figures("/api/v1/key").await;
    assert_eq!((&next["usage_daily"], &next["limit_remaining"]), (&json!(0.0), &json!(2.0)));
    assert!(next["usage"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn errors_under_api_v1_have_numbers_and_other_routes_do_not_change() {
    let gate = Gate::new("or_errors").await;
    let key = gate.key_of("ada").await;
    let post = async |path: &str, key: &str, body: &'static str| {
        let request = gate.client.post(format!("{}{path}", gate.url)).bearer_auth(key);
        Seen::of(request.header("content-type", "application/json").body(body)).await
    };
    for (seen, status) in [
        (post("/api/v1/chat/completions", "sk-unknown", "{}").await, 401),
        (post("/api/v1/chat/completions", &key, "{").await, 400),
        (post("/api/v1/chat/completions", &key, "{\"model\":\"none\"}").await, 404),
        (gate.get("/api/v1/key", "sk-unknown").await, 401),
        (gate.get("/api/v1/credits", "").await, 401),
        (gate.get("/api/v1/models", MASTER_KEY).await, 403),
        (gate.get("/api/v1/nowhere", &key).await, 404),
        (gate.get("/api/v1/chat/completions", &key).await, 405),
    ] {
        assert_eq!(seen.status, status, "{seen:?}");
        assert_eq!(seen.json()["error"]["code"], json!(status), "{seen:?}");
    }
    let seen = post("/v1/chat/completions", &key, "{\"model\":\"none\"}").await;
    assert_eq!(seen.json()["error"]["code"], "404", "a text there");
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "quota"}]});
    let quota = gate.manage("/api/v1/chat/completions", &key, body).await;
    assert_eq!((quota.status, &quota.json()["error"]["code"]), (429, &json!(429)));
    assert!(quota.body.contains("over its quota") && quota.header("retry-after") == Some("7"));
    let plain = gate.call(&key, "gpt-4o").await;
    let same = call(&gate, &key, "gpt-4o").await;
    assert_eq!(plain.json()["choices"], same.json()["choices"]);
    // Glama's base URL is another name of the same routes.
    let list = gate.get("/api/gateway/openai/v1/models", &key).await.json();
    assert_eq!(list, gate.get("/v1/models", &key).await.json());
}

#[tokio::test]
async fn the_list_of_models_is_told_without_a_key_only_where_the_admin_says_so() {
    let list =
        async |gate: &Gate| Seen::of(gate.client.get(format!("{}/api/v1/models", gate.url))).await;
    let gate = Gate::new("or_public").await;
    assert_eq!(list(&gate).await.status, 401);
    let gate = gate.restarted_with("connect.public_models = true").await;
    let seen = list(&gate).await;
    assert_eq!((seen.status, &seen.json()["total_count"]), (200, &json!(4)), "{seen:?}");
    assert_eq!(gate.get("/api/v1/models", "sk-unknown").await.status, 401, "a wrong key is told");
    assert_eq!(Seen::of(gate.client.get(format!("{}/v1/models", gate.url))).await.status, 401);
}
