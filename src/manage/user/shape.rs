//! A person in LiteLLM's shape.
use crate::{
    manage::limits,
    model::{Membership, Timestamp},
    store::users::Listed,
};
use serde_json::{Value, json};

pub(super) fn user(listed: &Listed, teams: Option<&[Membership]>) -> Value {
    let user = &listed.user;
    let metadata: Value = serde_json::from_str(&listed.metadata).unwrap_or_default();
    let mut shape = json!({
        "user_id": user.id,
        "user_email": user.email,
        "user_alias": user.name,
        "user_role": user.role,
        "models": user.models,
        "metadata": metadata,
        "default_team": user.default_team,
        "blocked": !user.standing.is_good(),
        "block_reason": user.standing.why(),
        "created_at": listed.created_at.rfc3339(),
        "last_sign_in_at": listed.signed_in_at.map(Timestamp::rfc3339),
    });
    limits::show(&mut shape, &user.limits);
    if let Some(teams) = teams {
        shape["teams"] = teams.iter().map(|membership| json!(membership.team)).collect();
    }
    shape
}
