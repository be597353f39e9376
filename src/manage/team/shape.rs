//! A team in LiteLLM's shape.
use crate::{
    manage::limits,
    model::{Member, Team, TeamRole, Timestamp},
};
use serde_json::{Value, json};

pub(in crate::manage) fn team(team: &Team, made: Timestamp, members: Option<&[Member]>) -> Value {
    let metadata: Value = serde_json::from_str(&team.metadata).unwrap_or_default();
    let mut shape = json!({
        "team_id": team.id,
        "team_alias": team.alias,
        "models": team.models,
        "metadata": metadata,
        "blocked": team.blocked.is_some(),
        "block_reason": team.blocked.clone().flatten(),
        "created_at": made.rfc3339(),
    });
    limits::show(&mut shape, &team.limits);
    if let Some(members) = members {
        let of = |role: TeamRole| -> Vec<_> {
            members.iter().filter(|member| member.role == role).map(|member| &member.user).collect()
        };
        shape["admins"] = json!(of(TeamRole::Admin));
        shape["members"] = json!(of(TeamRole::User));
        shape["members_with_roles"] = members.iter().map(member).collect();
    }
    shape
}

fn member(member: &Member) -> Value {
    let mut shape = json!({
        "user_id": member.user,
        "user_email": member.email,
        "role": member.role,
        // "hand", or "group": that goes when the provider's groups say so.
        "source": member.source,
    });
    if !member.models.0.is_empty() {
        shape["models"] = json!(member.models);
    }
    let limits = &member.limits;
    if !limits.none() {
        limits::show(&mut shape, limits);
        shape["max_budget_in_team"] = shape["max_budget"].take();
        if let Some(members) = shape.as_object_mut() {
            members.remove("max_budget");
        }
    }
    shape
}
