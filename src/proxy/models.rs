//! What this key may call, in the shapes that clients read. Never an address or a key of a provider.
use super::{
    Proxy,
    catalog::Model,
    refusal::{Dialect, Reason},
};
use crate::{
    guard::{Caller, NoCaller},
    model::{NanoDollars, PerMillion},
};
use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Anthropic's SDK says which version it speaks.
fn dialect(headers: &HeaderMap) -> Dialect {
    let anthropic = headers.contains_key("anthropic-version");
    if anthropic { Dialect::Anthropic } else { Dialect::OpenAi }
}

pub(super) async fn list(
    State(proxy): State<Proxy>,
    caller: Result<Caller, NoCaller>,
    headers: HeaderMap,
) -> Response {
    let dialect = dialect(&headers);
    let key = match caller {
        Ok(caller) => caller.key,
        Err(none) => return dialect.refuse(none).into_response(),
    };
    let models: Vec<Value> = proxy.catalog.of(&key).map(|m| shape(&proxy, m, dialect)).collect();
    let end = |at: Option<&Value>| at.map_or(Value::Null, |model| model["id"].clone());
    Json(match dialect {
        Dialect::OpenAi | Dialect::OpenRouter => json!({"object": "list", "data": models}),
        Dialect::Anthropic => json!({
            "first_id": end(models.first()),
            "last_id": end(models.last()),
            "has_more": false,
            "data": models,
        }),
    })
    .into_response()
}

pub(super) async fn one(
    State(proxy): State<Proxy>,
    Path(id): Path<String>,
    caller: Result<Caller, NoCaller>,
    headers: HeaderMap,
) -> Response {
    let dialect = dialect(&headers);
    let key = match caller {
        Ok(caller) => caller.key,
        Err(none) => return dialect.refuse(none).into_response(),
    };
    // What this key may not call does not exist for it.
    if let Some(model) = proxy.catalog.of(&key).find(|model| model.name == id) {
        return Json(shape(&proxy, model, dialect)).into_response();
    }
    let text = format!("There is no model {id:?} for this key. GET /v1/models lists its models.");
    dialect.refuse(Reason::NoSuchModel(text)).into_response()
}

fn shape(proxy: &Proxy, model: &Model, dialect: Dialect) -> Value {
    let (since, facts) = (proxy.catalog.since, &model.facts);
    match dialect {
        Dialect::OpenAi | Dialect::OpenRouter => with_known(
            json!({
                "id": model.name, "object": "model", "created": since.0, "owned_by": model.upstream.name,
            }),
            &[
                ("context_length", facts.context_length),
                ("max_output_tokens", facts.max_output_tokens),
            ],
        ),
        Dialect::Anthropic => with_known(
            json!({
                "type": "model", "id": model.name, "display_name": model.name, "created_at": since.rfc3339(),
            }),
            &[("max_input_tokens", facts.context_length), ("max_tokens", facts.max_output_tokens)],
        ),
    }
}

/// What is not known is left out.
fn with_known(mut shape: Value, numbers: &[(&str, Option<i64>)]) -> Value {
    for (name, number) in numbers {
        if let Some(number) = number {
            shape[*name] = json!(number);
        }
    }
    shape
}

/// LiteLLM's `/v1/model/info` and `/model/info`, which editors read (field report K21).
pub(super) async fn info(
    State(proxy): State<Proxy>,
    caller: Result<Caller, NoCaller>,
) -> Result<Json<Value>, NoCaller> {
    let key = caller?.key;
    let entry = |model: &Model| {
        json!({
            "model_name": model.name,
            "litellm_params": {"model": model.name},
            "model_info": in_litellm_s_words(model),
        })
    };
    let data: Vec<Value> = proxy.catalog.of(&key).map(entry).collect();
    Ok(Json(json!({"data": data})))
}

pub(super) async fn groups(
    State(proxy): State<Proxy>,
    caller: Result<Caller, NoCaller>,
) -> Result<Json<Value>, NoCaller> {
    let key = caller?.key;
    let entry = |model: &Model| {
        let mut group = in_litellm_s_words(model);
        group["model_group"] = json!(model.name);
        group["providers"] = json!([provider(model)]);
        group
    };
    let data: Vec<Value> = proxy.catalog.of(&key).map(entry).collect();
    Ok(Json(json!({"data": data})))
}

/// What is not known is null.
fn in_litellm_s_words(model: &Model) -> Value {
    let (facts, price) = (&model.facts, &model.facts.price);
    let dollars = |price: Option<PerMillion>| price.map(PerMillion::token_dollars);
    let unit = |price: Option<NanoDollars>| price.map(NanoDollars::dollars);
    json!({
        "id": model.name,
        "access_groups": model.groups,
        "mode": "chat",
        "litellm_provider": provider(model),
        "max_tokens": facts.max_output_tokens,
        "max_input_tokens": facts.context_length,
        "max_output_tokens": facts.max_output_tokens,
        "input_cost_per_token": dollars(price.input),
        "output_cost_per_token": dollars(price.output),
        "cache_read_input_token_cost": dollars(price.cache_read),
        "cache_creation_input_token_cost": dollars(price.cache_write_5m),
        "cache_creation_input_token_cost_above_1hr": dollars(price.cache_write_1h),
        "output_cost_per_reasoning_token": dollars(price.reasoning),
        "input_cost_per_audio_token": dollars(price.audio_in),
        "output_cost_per_audio_token": dollars(price.audio_out),
        "output_cost_per_image_token": dollars(price.image),
        "output_cost_per_image": unit(price.per_image),
        "input_cost_per_second": unit(price.per_second),
        "input_cost_per_character": unit(price.per_character),
        "input_cost_per_query": unit(price.per_search),
        "supports_vision": facts.vision,
        "supports_function_calling": facts.tools,
    })
}

fn provider(model: &Model) -> &'static str {
    model.upstream.kind.name()
}
