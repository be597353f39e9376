//! Teams: a name, what its keys may call, and whether it counts.
use super::{
    Error, FromRow, Operation, Row, Store, Tx,
    audit::{self, Act},
    changes::{self, Change},
    keys_end::{EndKeys, Which},
    members,
    retired_ids::{is_retired, retire},
    users::service_id,
};
use crate::model::{
    LimitsPatch, MetadataPatch, ModelList, Team, TeamId, TeamRole, Timestamp, UserId,
};
use serde_json::{Value, json};

pub struct NewTeam {
    pub team: Team,
    pub members: Vec<(UserId, TeamRole)>,
    pub act: Act,
}

/// What became of a team's making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Done,
    /// Its name, or its id, is another's.
    NameTaken,
    /// The id was used before, and is nobody's any more (row O12).
    IdUsed,
    /// One of the members is nobody we know.
    NoSuchMember,
}

impl Operation for NewTeam {
    type Output = Made;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Made, Error> {
        let team = &self.team;
        if is_retired(tx, team.id.as_str()).await? {
            return Ok(Made::IdUsed);
        }
        for (user, _) in &self.members {
            let known: Option<(UserId,)> = tx
                .optional("SELECT id FROM users WHERE id = $1 AND service_of IS NULL", (user,))
                .await?;
            if known.is_none() {
                return Ok(Made::NoSuchMember);
            }
        }
        let made: Option<(TeamId,)> = tx
            .optional(
                "INSERT INTO teams (id, alias, models, metadata, created_at, limits)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id",
                (&team.id, &team.alias, &team.models, &team.metadata, self.act.at, &team.limits),
            )
            .await?;
        if made.is_none() {
            return Ok(Made::NameTaken);
        }
        let entry = self.act.entry("team.new", &team.id).saying(&*team.alias);
        audit::insert(tx, &entry.changing(json!({}), as_json(team))).await?;
        members::add(tx, &team.id, &self.members, &self.act).await?;
        Ok(Made::Done)
    }
}

/// A change of the named fields.
#[derive(Debug, Clone, Default)]
pub struct TeamPatch {
    pub alias: Option<String>,
    pub models: Option<ModelList>,
    pub metadata: MetadataPatch,
    pub limits: LimitsPatch,
}

pub struct UpdateTeam {
    pub id: TeamId,
    pub patch: TeamPatch,
    pub act: Act,
}

/// What became of a team's change.
pub enum Changed {
    Done(Team),
    NoSuchTeam,
    NameTaken,
}

impl Operation for UpdateTeam {
    type Output = Changed;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Changed, Error> {
        tx.run("UPDATE teams SET id = id WHERE id = $1", (&self.id,)).await?;
        let Some((before, _)) = find(tx, &self.id).await? else { return Ok(Changed::NoSuchTeam) };
        let mut team = before.clone();
        if let Some(alias) = &self.patch.alias {
            let other: Option<(TeamId,)> = tx
                .optional("SELECT id FROM teams WHERE alias = $1 AND id <> $2", (alias, &self.id))
                .await?;
            if other.is_some() {
                return Ok(Changed::NameTaken);
            }
            team.alias.clone_from(alias);
        }
        if let Some(models) = &self.patch.models {
            team.models.clone_from(models);
        }
        team.metadata = self.patch.metadata.apply(&team.metadata);
        team.limits = self.patch.limits.apply(&team.limits).into();
        tx.run(
            "UPDATE teams SET alias = $2, models = $3, metadata = $4, limits = $5 WHERE id = $1",
            (&team.id, &team.alias, &team.models, &team.metadata, &team.limits),
        )
        .await?;
        changes::insert(tx, &Change::Team(team.id.clone()), self.act.at).await?;
        let entry = self.act.entry("team.update", &team.id);
        audit::insert(tx, &entry.changing(as_json(&before), as_json(&team))).await?;
        Ok(Changed::Done(team))
    }
}

/// The team goes; from then on its keys refuse, and then they are taken away, a part at a time.
pub async fn delete_team(store: &Store, id: &TeamId, act: impl Fn() -> Act) -> Result<bool, Error> {
    let found = store.write(DeleteTeam { id: id.clone(), act: act() }).await?;
    EndKeys::all(store, &Which::Team(id.clone()), &act, |_| ()).await?;
    Ok(found)
}

struct DeleteTeam {
    id: TeamId,
    act: Act,
}

impl Operation for DeleteTeam {
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let gone: Option<(String,)> =
            tx.optional("DELETE FROM teams WHERE id = $1 RETURNING alias", (&self.id,)).await?;
        let Some((alias,)) = gone else { return Ok(false) };
        tx.run("DELETE FROM members WHERE team_id = $1", (&self.id,)).await?;
        tx.run("DELETE FROM member_limits WHERE team_id = $1", (&self.id,)).await?;
        tx.run(
            "UPDATE users SET blocked_at = $2, block_reason = 'the team is gone'
             WHERE id = $1",
            (service_id(&self.id), self.act.at),
        )
        .await?;
        retire(tx, self.id.as_str(), self.act.at).await?;
        changes::insert(tx, &Change::Team(self.id.clone()), self.act.at).await?;
        audit::insert(tx, &self.act.entry("team.delete", &self.id).saying(alias)).await?;
        Ok(true)
    }
}

/// A team by its id, or by its name.
pub struct TeamNamed(pub String);

impl Operation for TeamNamed {
    /// The team and when it was made.
    type Output = Option<(Team, Timestamp)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let by_id = find(tx, &TeamId::named(&self.0)).await?;
        if by_id.is_some() {
            return Ok(by_id);
        }
        tx.optional(
            "SELECT id, alias, models, metadata, blocked_at, block_reason, limits, created_at
             FROM teams WHERE alias = $1",
            (&self.0,),
        )
        .await
    }
}

async fn find(tx: &mut Tx<'_>, id: &TeamId) -> Result<Option<(Team, Timestamp)>, Error> {
    tx.optional(
        "SELECT id, alias, models, metadata, blocked_at, block_reason, limits, created_at
         FROM teams WHERE id = $1",
        (id,),
    )
    .await
}

/// Teams by name, a page at a time.
pub struct ListTeams {
    /// Only those of this person.
    pub user: Option<UserId>,
    pub limit: i64,
    pub offset: i64,
}

impl Operation for ListTeams {
    /// The page, and how many there are in all.
    type Output = (Vec<(Team, Timestamp)>, i64);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let Some(user) = &self.user else {
            let page = tx
                .all(
                    "SELECT id, alias, models, metadata, blocked_at, block_reason, limits, created_at
                     FROM teams ORDER BY alias LIMIT $1 OFFSET $2",
                    (self.limit, self.offset),
                )
                .await?;
            let (total,) = tx.one("SELECT COUNT(*) FROM teams", ()).await?;
            return Ok((page, total));
        };
        let page = tx
            .all(
                "SELECT id, alias, models, metadata, blocked_at, block_reason, limits, created_at
                 FROM teams WHERE id IN (SELECT team_id FROM members WHERE user_id = $1)
                 ORDER BY alias LIMIT $2 OFFSET $3",
                (user, self.limit, self.offset),
            )
            .await?;
        let (total,) = tx
            .one("SELECT COUNT(DISTINCT team_id) FROM members WHERE user_id = $1", (user,))
            .await?;
        Ok((page, total))
    }
}

fn as_json(team: &Team) -> Value {
    let metadata: Value = serde_json::from_str(&team.metadata).unwrap_or_default();
    json!({
        "team_alias": team.alias,
        "models": team.models,
        "metadata": metadata,
        "limits": team.limits,
    })
}

impl FromRow for (Team, Timestamp) {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        let (id, alias, models, metadata) = (row.take()?, row.take()?, row.take()?, row.take()?);
        let (blocked_at, reason): (Option<Timestamp>, Option<String>) = (row.take()?, row.take()?);
        let (blocked, limits) = (blocked_at.map(|_| reason), row.take()?);
        let team = Team { id, alias, models, metadata, blocked, limits };
        Ok((team, row.take()?))
    }
}
