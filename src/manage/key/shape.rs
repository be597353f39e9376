//! A key in LiteLLM's shape. Every answer about a key has its stable `id`.
use crate::{
    manage::limits,
    model::{Key, Usage},
};
use serde_json::{Value, json};

pub(in crate::manage) fn key(key: &Key, usage: Option<Usage>) -> Value {
    let metadata: Value = serde_json::from_str(&key.metadata).unwrap_or_default();
    let time = |at: Option<crate::model::Timestamp>| at.map(crate::model::Timestamp::rfc3339);
    let blocked = key.why_blocked();
    let mut shape = json!({
        "id": key.id,
        "token": key.id,
        "key_name": key.hint,
        "key_alias": key.alias,
        "user_id": (!key.is_service()).then_some(&key.user),
        "user_email": key.owner.email,
        "team_id": key.team.as_ref().map(|team| &team.id),
        "team_alias": key.team.as_ref().and_then(|team| team.alias.as_ref()),
        "app": key.app,
        "budget_id": key.budget.as_ref().map(|budget| &budget.id),
        "models": key.models,
        "metadata": metadata,
        "blocked": blocked.is_some(),
        "block_reason": blocked,
        "created_at": key.created_at.rfc3339(),
        "expires": time(key.expires_at),
        "last_used_at": time(key.last_used_at),
        "last_active": time(key.last_used_at),
    });
    limits::show(&mut shape, &key.limits);
    if let Some(usage) = usage {
        shape["spend"] = json!(usage.cost.dollars());
        shape["usage"] = usage.as_json();
    }
    shape
}
