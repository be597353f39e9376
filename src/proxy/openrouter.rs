//! OpenRouter's own addresses of the data plane: models with all that its tools read of them, and calls. Its sign-in is
//! `connect::dialects::openrouter`, its figures of a key `manage::openrouter`.
use super::{Proxy, catalog::Model, refusal::Dialect};
use crate::{
    guard::{Caller, NoCaller},
    model::{NanoDollars, PerMillion, Price},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json};

pub(super) async fn models(
    State(proxy): State<Proxy>,
    caller: Result<Caller, NoCaller>,
) -> Response {
    let since = proxy.catalog.since.0;
    let data: Vec<Value> = match caller {
        Ok(caller) => proxy.catalog.of(&caller.key).map(|model| shape(model, since)).collect(),
        // Editors ask for the list before they have a key, and send none with it later either.
        Err(NoCaller::Missing) if proxy.settings.public_models => {
            proxy.catalog.all().map(|model| shape(model, since)).collect()
        }
        Err(none) => return Dialect::OpenRouter.refuse(none).into_response(),
    };
    let total = data.len();
    Json(json!({"data": data, "links": {"next": null}, "total_count": total})).into_response()
}

/// Its clients reckon with a number: what most models take today.
const UNKNOWN_LENGTH: i64 = 128_000;

fn shape(model: &Model, since: i64) -> Value {
    let facts = &model.facts;
    let inputs: &[&str] = if facts.vision == Some(true) { &["text", "image"] } else { &["text"] };
    let modality = format!("{}->text", inputs.join("+"));
    let mut parameters = vec!["max_tokens", "temperature", "top_p", "stop"];
    if facts.tools == Some(true) {
        parameters.extend(["tools", "tool_choice"]);
    }
    json!({
        "id": model.name,
        "canonical_slug": model.name,
        "name": model.name,
        "created": since,
        "context_length": facts.context_length.unwrap_or(UNKNOWN_LENGTH),
        "architecture": {
            "modality": modality,
            "input_modalities": inputs,
            "output_modalities": ["text"],
            "tokenizer": "Other",
            "instruct_type": null,
        },
        "pricing": pricing(&facts.price),
        "top_provider": {
            "context_length": facts.context_length,
            "max_completion_tokens": facts.max_output_tokens,
            "is_moderated": false,
        },
        "per_request_limits": null,
        "default_parameters": null,
        "supported_parameters": parameters,
        "supported_voices": null,
        "links": {"details": format!("/v1/models/{}", model.name)},
    })
}

/// Dollars a token, as text. `-1` is OpenRouter's own word for a price that is not known beforehand.
fn pricing(price: &Price) -> Value {
    let of = |price: Option<PerMillion>| price.map(PerMillion::of_a_token);
    let unknown = || "-1".to_owned();
    let mut shape = json!({
        "prompt": of(price.input).unwrap_or_else(unknown),
        "completion": of(price.output).unwrap_or_else(unknown),
    });
    let tokens = [
        ("input_cache_read", price.cache_read),
        ("input_cache_write", price.cache_write_5m),
        ("input_cache_write_1h", price.cache_write_1h),
        ("internal_reasoning", price.reasoning),
        ("audio", price.audio_in),
        ("audio_output", price.audio_out),
        ("image_token", price.image),
    ];
    for (name, price) in tokens {
        if let Some(text) = of(price) {
            shape[name] = json!(text);
        }
    }
    let units: [(&str, Option<NanoDollars>); 2] =
        [("image_output", price.per_image), ("web_search", price.per_search)];
    for (name, price) in units {
        if let Some(price) = price {
            shape[name] = json!(price.to_string());
        }
    }
    shape
}

/// Its clients' parsers insist on this member of an answer, which not every upstream sends. It goes in front: an
/// upstream's own one, later in the body, is the one that is read.
pub(super) fn with_fingerprint(first: Bytes) -> Bytes {
    const NAME: &[u8] = b"\"system_fingerprint\"";
    if first.first() != Some(&b'{') || memchr::memmem::find(&first, NAME).is_some() {
        return first;
    }
    let rest = &first[1..];
    let empty = rest.trim_ascii_start().first() == Some(&b'}');
    let join: &[u8] = if empty { b"" } else { b"," };
    [b"{", NAME, b":null", join, rest].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_fingerprint_even_if_none() {
        let of = |text: &'static str| {
            String::from_utf8(with_fingerprint(Bytes::from_static(text.as_bytes())).to_vec())
                .unwrap()
        };
        assert_eq!(of("{\"id\":1}"), "{\"system_fingerprint\":null,\"id\":1}");
        assert_eq!(of("{ }"), "{\"system_fingerprint\":null }");
        for own in ["{\"system_fingerprint\":\"fp\"}", "[1]", ""] {
            assert_eq!(of(own), own);
        }
    }
}
