//! Who is in which team. A row for each source: what a group gave goes with the group, what an admin gave stays.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::{self, Act},
    changes::{self, Change},
    leaving::{self, Who},
};
use crate::model::{KeptLimits, Member, Membership, ModelList, Source, TeamId, TeamRole, UserId};
use serde_json::json;

/// The teams of a person, by name.
pub struct TeamsOf(pub UserId);

impl Operation for TeamsOf {
    type Output = Vec<Membership>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        teams_of(tx, &self.0).await
    }
}

pub(super) async fn teams_of(tx: &mut Tx<'_>, user: &UserId) -> Result<Vec<Membership>, Error> {
    let rows: Vec<Membership> = tx
        .all(
            "SELECT teams.id, alias, role, source, blocked_at IS NOT NULL FROM members
             JOIN teams ON teams.id = members.team_id
             WHERE user_id = $1 ORDER BY alias, teams.id, role, source DESC",
            (user,),
        )
        .await?;
    Ok(one_each(rows, |row| row.team.clone()))
}

/// Of several rows the strongest role; by hand, if any is.
fn one_each<T, K: PartialEq>(rows: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for row in rows {
        if kept.last().is_none_or(|last| key(last) != key(&row)) {
            kept.push(row);
        }
    }
    kept
}

/// The members of teams, for lists.
pub struct MembersOf {
    pub team: TeamId,
    pub limit: i64,
}

impl Operation for MembersOf {
    type Output = Vec<Member>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let rows = tx
            .all(
                "SELECT members.user_id, email, name, members.role, source, member_limits.limits,
                     member_limits.models
                 FROM members JOIN users ON users.id = members.user_id
                 LEFT JOIN member_limits ON member_limits.team_id = members.team_id
                     AND member_limits.user_id = members.user_id
                 WHERE members.team_id = $1 ORDER BY members.user_id, members.role, source DESC LIMIT $2",
                (&self.team, self.limit),
            )
            .await?;
        Ok(one_each(rows, |row: &Member| row.user.clone()))
    }
}

/// Somebody is put into a team by hand, or their role there changes.
pub struct AddMembers {
    pub team: TeamId,
    pub members: Vec<(UserId, TeamRole)>,
    pub act: Act,
}

impl Operation for AddMembers {
    /// Whether there is such a team, and each of these people.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let held: Option<(TeamId,)> = tx
            .optional("UPDATE teams SET id = id WHERE id = $1 RETURNING id", (&self.team,))
            .await?;
        if held.is_none() {
            return Ok(false);
        }
        add(tx, &self.team, &self.members, &self.act).await
    }
}

/// Part of a larger step. `false`: one of them is nobody; the step must end in an `Err`, or not have begun.
pub(super) async fn add(
    tx: &mut Tx<'_>,
    team: &TeamId,
    members: &[(UserId, TeamRole)],
    act: &Act,
) -> Result<bool, Error> {
    // In one order, so that two of these cannot wait for one another.
    let mut members = members.to_vec();
    members.sort();
    for (user, _) in &members {
        let held: Option<(UserId,)> = tx
            .optional(
                "UPDATE users SET id = id WHERE id = $1 AND service_of IS NULL RETURNING id",
                (user,),
            )
            .await?;
        if held.is_none() {
            return Ok(false);
        }
    }
    for (user, role) in &members {
        let was: Option<(TeamRole,)> = tx
            .optional(
                "SELECT role FROM members
                 WHERE team_id = $1 AND user_id = $2 AND source = 'hand'",
                (team, user),
            )
            .await?;
        tx.run(
            "INSERT INTO members (team_id, user_id, source, role, since)
             VALUES ($1, $2, 'hand', $3, $4)
             ON CONFLICT (team_id, user_id, source) DO UPDATE SET role = excluded.role",
            (team, user, role.name(), act.at),
        )
        .await?;
        changes::insert(tx, &Change::User(user.clone()), act.at).await?;
        let entry = member_line(act, "team.member_add", team, user);
        let entry = entry.saying(format!("{user} as {}", role.name()));
        let was = was.map(|(role,)| role);
        audit::insert(tx, &entry.changing(json!({"role": was}), json!({"role": role}))).await?;
    }
    Ok(true)
}

/// A line of a team and one of its people, with an id of its own.
pub(super) fn member_line(
    act: &Act,
    action: &'static str,
    team: &TeamId,
    user: &UserId,
) -> audit::Entry {
    act.entry(action, team).of_user(user).apart(user)
}

/// Somebody is taken out of a team, whoever put them there. A `[[team]]` rule puts them back at the next sign-in
/// if their groups still say so.
pub struct RemoveMember {
    pub team: TeamId,
    pub user: UserId,
    pub act: Act,
}

impl Operation for RemoveMember {
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let mut found = false;
        for source in [Source::Hand, Source::Group] {
            let who = Who::Member(self.team.clone(), self.user.clone(), source);
            found |= leaving::leave(tx, &who, None, &self.act).await?;
        }
        Ok(found)
    }
}

/// The teams that groups gave become exactly these; answers whether anything changed, which the caller tells the
/// feed once.
pub(super) async fn follow_groups(
    tx: &mut Tx<'_>,
    user: &UserId,
    wanted: &[(String, TeamId)],
    (idp, act): (&str, &Act),
) -> Result<bool, Error> {
    let have: Vec<(TeamId, String)> = tx
        .all(
            "SELECT teams.id, COALESCE(rule, alias) FROM members
             JOIN teams ON teams.id = members.team_id
             WHERE user_id = $1 AND source = 'group'",
            (user,),
        )
        .await?;
    let mut home: Vec<TeamId> = Vec::new();
    for (name, fresh) in wanted {
        home.push(match have.iter().find(|(_, known)| known == name) {
            Some((team, _)) => team.clone(),
            None => ensure_team(tx, name, fresh, act).await?,
        });
    }
    let mut changed = false;
    for (team, _) in have.iter().filter(|(team, _)| !home.contains(team)) {
        let why = format!("not in its groups at {idp} any more");
        changed |= leaving::leave_team(tx, (team, user, Source::Group), Some(&why), act).await?;
    }
    for team in home.iter().filter(|team| have.iter().all(|(known, _)| known != *team)) {
        tx.run(
            "INSERT INTO members (team_id, user_id, source, role, since)
             VALUES ($1, $2, 'group', 'user', $3) ON CONFLICT DO NOTHING",
            (team, user, act.at),
        )
        .await?;
        let entry = member_line(act, "team.member_add", team, user);
        let saying = format!("{user} as user: in its groups at {idp}");
        audit::insert(tx, &entry.saying(saying)).await?;
        changed = true;
    }
    Ok(changed)
}

/// The team that the settings mean by this name, made if it is not there. It stays theirs when it is renamed.
pub(super) async fn ensure_team(
    tx: &mut Tx<'_>,
    alias: &str,
    fresh: &TeamId,
    act: &Act,
) -> Result<TeamId, Error> {
    let known: Option<(TeamId,)> =
        tx.optional("SELECT id FROM teams WHERE rule = $1", (alias,)).await?;
    if let Some((id,)) = known {
        return Ok(id);
    }
    let (id,): (TeamId,) = tx
        .one(
            "INSERT INTO teams (id, alias, models, metadata, created_at)
             VALUES ($1, $2, '[]', '{}', $3)
             ON CONFLICT (alias) DO UPDATE SET alias = excluded.alias RETURNING id",
            (fresh, alias, act.at),
        )
        .await?;
    tx.run("UPDATE teams SET rule = alias WHERE id = $1 AND rule IS NULL", (&id,)).await?;
    if id == *fresh {
        let entry = act.entry("team.new", &id).saying(format!("{alias}, from the settings"));
        audit::insert(tx, &entry).await?;
    }
    Ok(id)
}

/// A newcomer's first team.
pub(super) async fn join_first(
    tx: &mut Tx<'_>,
    team: &TeamId,
    user: &UserId,
    act: &Act,
) -> Result<(), Error> {
    tx.run(
        "INSERT INTO members (team_id, user_id, source, role, since)
         VALUES ($1, $2, 'hand', 'user', $3) ON CONFLICT DO NOTHING",
        (team, user, act.at),
    )
    .await?;
    let entry = member_line(act, "team.member_add", team, user).apart("first");
    audit::insert(tx, &entry.saying(format!("{user} as a newcomer"))).await
}

impl FromRow for Membership {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            team: row.take()?,
            alias: row.take()?,
            role: row.take()?,
            source: row.take()?,
            blocked: row.take()?,
        })
    }
}

impl FromRow for Member {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            user: row.take()?,
            email: row.take()?,
            name: row.take()?,
            role: row.take()?,
            source: row.take()?,
            limits: row.take::<Option<KeptLimits>>()?.unwrap_or_default(),
            models: row.take::<Option<ModelList>>()?.unwrap_or_default(),
        })
    }
}
