//! What a member may call and spend in a team, and how fast: whoever put them there, by hand or by group.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
    changes::{self, Change},
    members::member_line,
};
use crate::model::{KeptLimits, LimitsPatch, ModelList, NanoDollars, TeamId, UserId};
use serde_json::json;

pub struct SetMemberLimits {
    pub team: TeamId,
    pub user: UserId,
    pub models: Option<ModelList>,
    pub patch: LimitsPatch,
    pub act: Act,
}

impl Operation for SetMemberLimits {
    /// Whether there is such a member.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        tx.run("UPDATE teams SET id = id WHERE id = $1", (&self.team,)).await?;
        let member: Option<(UserId,)> = tx
            .optional(
                "SELECT DISTINCT user_id FROM members WHERE team_id = $1 AND user_id = $2",
                (&self.team, &self.user),
            )
            .await?;
        if member.is_none() {
            return Ok(false);
        }
        let found: Option<(KeptLimits, ModelList)> = tx
            .optional(
                "SELECT limits, models FROM member_limits WHERE team_id = $1 AND user_id = $2",
                (&self.team, &self.user),
            )
            .await?;
        let (before, listed) = found.unwrap_or_default();
        let after: KeptLimits = self.patch.apply(&before).into();
        let models = self.models.clone().unwrap_or_else(|| listed.clone());
        tx.run(
            "INSERT INTO member_limits (team_id, user_id, limits, models) VALUES ($1, $2, $3, $4)
             ON CONFLICT (team_id, user_id) DO UPDATE
             SET limits = excluded.limits, models = excluded.models",
            (&self.team, &self.user, &after, &models),
        )
        .await?;
        changes::insert(tx, &Change::User(self.user.clone()), self.act.at).await?;
        let entry = member_line(&self.act, "team.member_update", &self.team, &self.user);
        let (before, after) = (
            json!({"limits": before, "models": listed}),
            json!({"limits": after, "models": models}),
        );
        let entry = entry.changing(before, after);
        audit::insert(tx, &entry).await?;
        Ok(true)
    }
}

/// The tightest budget of those that bind every key of a person, or every one in this team.
pub struct CapOf {
    pub user: UserId,
    pub team: Option<TeamId>,
}

impl Operation for CapOf {
    type Output = Option<NanoDollars>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let found: Option<(KeptLimits, Option<KeptLimits>, Option<KeptLimits>)> = tx
            .optional(
                "SELECT users.limits, teams.limits, member_limits.limits FROM users
                 LEFT JOIN teams ON teams.id = $2
                 LEFT JOIN member_limits ON member_limits.team_id = $2 AND member_limits.user_id = $1
                 WHERE users.id = $1",
                (&self.user, &self.team),
            )
            .await?;
        let all = found.map(|(person, team, member)| [Some(person), team, member]);
        Ok(all.into_iter().flatten().flatten().filter_map(|limits| limits.max_budget).min())
    }
}
