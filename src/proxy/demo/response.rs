//! An answer of `/v1/responses`. It is not kept: nobody can ask for it again.
use super::{ANSWER, named, words};
use crate::web::RequestId;
use serde_json::{Value, json};

pub(super) fn whole(model: &str, status: &str, used: Option<(i64, i64)>) -> Value {
    let id = RequestId::current().map(|id| id.as_str().to_owned()).unwrap_or_default();
    let usage = used.map(|(input, output)| {
        json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input + output})
    });
    let output = used.map_or(json!([]), |_| json!([item("completed", &json!([part(ANSWER)]))]));
    json!({
        "id": format!("resp_demo_{id}"), "object": "response", "created_at": 1_700_000_000,
        "status": status, "error": null, "incomplete_details": null, "instructions": null,
        "max_output_tokens": null, "metadata": {}, "model": model, "output": output,
        "parallel_tool_calls": true, "previous_response_id": null, "store": false,
        "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
        "tools": [], "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": null,
    })
}

fn item(status: &str, content: &Value) -> Value {
    json!({"id": "msg_demo", "type": "message", "role": "assistant", "status": status,
        "content": content})
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

pub(super) fn events(model: &str, used: (i64, i64)) -> Vec<String> {
    let place = json!({"item_id": "msg_demo", "output_index": 0, "content_index": 0});
    let at = |kind: &str, more: Value| {
        let mut event = json!({"type": kind});
        for members in [&place, &more] {
            let members = members.as_object().into_iter().flatten();
            members.for_each(|(name, value)| event[name] = value.clone());
        }
        event
    };
    let mut events = vec![
        json!({"type": "response.created", "response": whole(model, "in_progress", None)}),
        json!({"type": "response.in_progress", "response": whole(model, "in_progress", None)}),
        json!({"type": "response.output_item.added", "output_index": 0,
            "item": item("in_progress", &json!([]))}),
        at("response.content_part.added", json!({"part": part("")})),
    ];
    events.extend(
        words()
            .map(|word| at("response.output_text.delta", json!({"delta": word, "logprobs": []}))),
    );
    events.extend([
        at("response.output_text.done", json!({"text": ANSWER, "logprobs": []})),
        at("response.content_part.done", json!({"part": part(ANSWER)})),
        json!({"type": "response.output_item.done", "output_index": 0,
            "item": item("completed", &json!([part(ANSWER)]))}),
        json!({"type": "response.completed", "response": whole(model, "completed", Some(used))}),
    ]);
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    named(&events)
}
