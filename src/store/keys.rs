//! Keys: what apps call models with. Found by hash, listed by owner, known by a stable id.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::{self, Act},
    budgets,
    users::user_columns,
};
use crate::model::{
    AppRules, GrantId, Hash, KeptLimits, Key, KeyBudget, KeyId, KeyTeam, ModelList, Root, TeamId,
    Timestamp, User, UserId,
};
use serde_json::json;

/// A key as it is made. Its secret has left already.
#[derive(Debug, Clone)]
pub struct FreshKey {
    pub id: KeyId,
    pub hash: Hash,
    pub hint: String,
    pub alias: Option<String>,
    pub user: UserId,
    pub grant: Option<GrantId>,
    pub app: Option<String>,
    pub team: Option<TeamId>,
    pub models: ModelList,
    pub metadata: String,
    pub signed_in_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub limits: KeptLimits,
    /// The named budget it shares.
    pub budget: Option<String>,
    /// The key it is made with: they spend together.
    pub parent: Option<KeyId>,
}

/// The key, and its line in the audit.
pub(super) async fn insert(tx: &mut Tx<'_>, key: &FreshKey, act: &Act) -> Result<(), Error> {
    let made = json!({
        "key_alias": key.alias,
        "team_id": key.team,
        "models": key.models,
        "expires": key.expires_at.map(Timestamp::rfc3339),
        "limits": key.limits,
        "budget_id": key.budget,
    });
    let entry = act.entry("key.create", &key.id).of_user(&key.user).of_app(key.app.as_deref());
    audit::insert(tx, &entry.changing(json!({}), made)).await?;
    tx.run(
        "INSERT INTO keys (id, hash, hint, alias, user_id, grant_id, app, models, metadata,
             blocked, signed_in_at, created_at, expires_at, team_id, limits)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, FALSE, $10, $11, $12, $13, $14)",
        (
            &key.id,
            key.hash,
            &key.hint,
            &key.alias,
            &key.user,
            &key.grant,
            &key.app,
            &key.models,
            &key.metadata,
            key.signed_in_at,
            act.at,
            key.expires_at,
            &key.team,
            &key.limits,
        ),
    )
    .await?;
    if let Some(budget) = &key.budget {
        tx.run("UPDATE keys SET budget_id = $2 WHERE id = $1", (&key.id, budget)).await?;
    }
    match &key.parent {
        Some(parent) => spend_with(tx, &key.id, parent).await,
        None => Ok(()),
    }
}

/// A child spends together with the nearest of those before it that is limited, and from the same named budget.
async fn spend_with(tx: &mut Tx<'_>, child: &KeyId, parent: &KeyId) -> Result<(), Error> {
    let found: Option<Ancestry> = tx
        .optional(
            "UPDATE keys SET id = id WHERE id = $1
             RETURNING limits, root_id, root_limits, budget_id",
            (parent,),
        )
        .await?;
    let Some((own, root, root_limits, budget)) = found else { return Ok(()) };
    let (root, limits) = match (root, root_limits) {
        (Some(root), Some(limits)) if own.none() || !limits.none() => (root, limits),
        _ => (parent.clone(), own),
    };
    tx.run(
        "UPDATE keys SET root_id = $2, root_limits = $3, budget_id = COALESCE(budget_id, $4),
             parent_id = $5 WHERE id = $1",
        (child, root, limits, budget, parent),
    )
    .await
}

type Ancestry = (KeptLimits, Option<KeyId>, Option<KeptLimits>, Option<String>);

/// Whether a person may have a key now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayOwn {
    Yes,
    /// They do not count.
    No,
    /// They are not in that team, or it does not count.
    NotInTeam,
    /// The budget that the key should have is gone.
    NoSuchBudget,
}

/// Holds the owner's row until the commit: what decides is read where the key is made.
pub(super) async fn may_own(
    tx: &mut Tx<'_>,
    user: &UserId,
    team: Option<&TeamId>,
) -> Result<MayOwn, Error> {
    let held: Option<(UserId,)> = tx
        .optional(
            "UPDATE users SET id = id WHERE id = $1 AND blocked_at IS NULL AND off_at IS NULL
             RETURNING id",
            (user,),
        )
        .await?;
    if held.is_none() {
        return Ok(MayOwn::No);
    }
    let Some(team) = team else { return Ok(MayOwn::Yes) };
    let at_home: Option<(TeamId,)> = tx
        .optional(
            "SELECT id FROM teams WHERE id = $1 AND blocked_at IS NULL
             AND (EXISTS (SELECT 1 FROM members WHERE team_id = $1 AND user_id = $2)
                  OR EXISTS (SELECT 1 FROM users WHERE id = $2 AND service_of = $1))",
            (team, user),
        )
        .await?;
    Ok(if at_home.is_some() { MayOwn::Yes } else { MayOwn::NotInTeam })
}

/// Holds a key's row until the commit, if it is live: what is done on the word of a key is done while it counts.
pub(super) async fn is_live(tx: &mut Tx<'_>, key: &KeyId, at: Timestamp) -> Result<bool, Error> {
    let live: Option<(KeyId,)> = tx
        .optional(
            "UPDATE keys SET id = id
             WHERE id = $1 AND NOT blocked AND (expires_at IS NULL OR expires_at > $2) RETURNING id",
            (key, at),
        )
        .await?;
    Ok(live.is_some())
}

macro_rules! select_keys {
    ($($rest:tt)*) => {
        concat!(
            "SELECT keys.id, keys.alias, hint, keys.user_id, grant_id, keys.app, keys.models,
                 keys.metadata, keys.created_at, expires_at, last_used_at, keys.blocked,
                 keys.signed_in_at, keys.team_id, teams.alias, teams.models, teams.blocked_at,
                 EXISTS (SELECT 1 FROM members WHERE members.team_id = keys.team_id
                         AND members.user_id = keys.user_id),
                 teams.limits,
                 member_limits.limits, member_limits.models,
                 keys.limits, keys.root_id, keys.root_limits, budgets.id, budgets.limits,
                 app_rules.models, app_rules.limits, app_rules.blocked, ",
            user_columns!(),
            " FROM keys JOIN users ON users.id = keys.user_id
             LEFT JOIN teams ON teams.id = keys.team_id
             LEFT JOIN member_limits ON member_limits.team_id = keys.team_id
                 AND member_limits.user_id = keys.user_id
             LEFT JOIN budgets ON budgets.id = keys.budget_id
             LEFT JOIN app_rules ON app_rules.app = LOWER(keys.app) ",
            $($rest)*
        )
    };
}
pub(super) use select_keys;

/// What is known of a secret somebody presented.
#[derive(Debug)]
pub enum Presented {
    /// Live or not: [`Key::state`] says.
    Key(Box<Key>),
    /// Once live, then ended: whoever shows it now should not have it any more.
    Ended {
        id: KeyId,
        user: UserId,
        app: Option<String>,
    },
    Unknown,
}

pub struct KeyByHash {
    pub hash: Hash,
    pub at: Timestamp,
}

impl Operation for KeyByHash {
    type Output = Presented;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Presented, Error> {
        let key = tx.optional(select_keys!("WHERE keys.hash = $1"), (self.hash,)).await?;
        if let Some(key) = key {
            return Ok(Presented::Key(Box::new(key)));
        }
        let ended: Option<(KeyId, UserId, Option<String>, Option<Timestamp>)> = tx
            .optional(
                "SELECT id, user_id, app, works_until FROM ended_keys WHERE hash = $1",
                (self.hash,),
            )
            .await?;
        let Some((id, user, app, until)) = ended else { return Ok(Presented::Unknown) };
        // Renewed, and the secret before may go on for a while.
        if let Some(end) = until.filter(|end| self.at < *end)
            && let Some(mut key) = KeyById(id.clone()).run(tx).await?
        {
            key.in_grace = true;
            key.expires_at = Some(key.expires_at.map_or(end, |own| own.min(end)));
            return Ok(Presented::Key(Box::new(key)));
        }
        Ok(Presented::Ended { id, user, app })
    }
}

pub struct KeyById(pub KeyId);

impl Operation for KeyById {
    type Output = Option<Key>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.optional(select_keys!("WHERE keys.id = $1"), (&self.0,)).await
    }
}

/// A key made by hand or by the management API.
pub struct CreateKey {
    pub key: FreshKey,
    /// The key on whose word it is made.
    pub by: Option<KeyId>,
    pub act: Act,
}

impl Operation for CreateKey {
    /// `No` also when the key that asked counts no more; `NoSuchBudget` when the named budget is gone.
    type Output = MayOwn;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<MayOwn, Error> {
        // First the person, then the key, as everywhere: two that wait for each other would both start anew.
        match may_own(tx, &self.key.user, self.key.team.as_ref()).await? {
            MayOwn::Yes => {}
            no => return Ok(no),
        }
        if let Some(by) = &self.by
            && !is_live(tx, by, self.act.at).await?
        {
            return Ok(MayOwn::No);
        }
        if let Some(budget) = &self.key.budget
            && !budgets::hold(tx, budget).await?
        {
            return Ok(MayOwn::NoSuchBudget);
        }
        insert(tx, &self.key, &self.act).await?;
        Ok(MayOwn::Yes)
    }
}

impl FromRow for Key {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.take()?,
            alias: row.take()?,
            hint: row.take()?,
            user: row.take()?,
            grant: row.take()?,
            app: row.take()?,
            models: row.take()?,
            metadata: row.take()?,
            created_at: row.take()?,
            expires_at: row.take()?,
            last_used_at: row.take()?,
            blocked: row.take()?,
            signed_in_at: row.take()?,
            team: team(row)?,
            limits: row.take()?,
            root: root(row)?,
            in_grace: false,
            budget: budget(row)?,
            app_rules: app_rules(row)?,
            owner: User::from_row(row)?,
        })
    }
}

fn team(row: &mut Row) -> Result<Option<KeyTeam>, Error> {
    let (id, alias): (Option<TeamId>, Option<String>) = (row.take()?, row.take()?);
    let (models, blocked_at): (Option<ModelList>, Option<Timestamp>) = (row.take()?, row.take()?);
    let member = row.take()?;
    let (limits, member_limits): (Option<KeptLimits>, Option<KeptLimits>) =
        (row.take()?, row.take()?);
    let (models, blocked) = (models.unwrap_or_default(), blocked_at.is_some());
    let (limits, member_limits) = (limits.unwrap_or_default(), member_limits.unwrap_or_default());
    let member_models: Option<ModelList> = row.take()?;
    Ok(id.map(|id| KeyTeam {
        id,
        alias,
        models,
        blocked,
        member,
        limits,
        member_limits,
        member_models: member_models.unwrap_or_default(),
    }))
}

fn root(row: &mut Row) -> Result<Option<Root>, Error> {
    let (id, limits): (Option<KeyId>, Option<KeptLimits>) = (row.take()?, row.take()?);
    Ok(id.map(|id| Root { id, limits: limits.unwrap_or_default() }))
}

fn budget(row: &mut Row) -> Result<Option<KeyBudget>, Error> {
    let (id, limits): (Option<String>, Option<KeptLimits>) = (row.take()?, row.take()?);
    Ok(id.map(|id| KeyBudget { id, limits: limits.unwrap_or_default() }))
}

fn app_rules(row: &mut Row) -> Result<Option<Box<AppRules>>, Error> {
    let (models, limits): (Option<ModelList>, Option<KeptLimits>) = (row.take()?, row.take()?);
    let blocked: Option<bool> = row.take()?;
    let (Some(models), Some(limits), Some(blocked)) = (models, limits, blocked) else {
        return Ok(None);
    };
    Ok(Some(Box::new(AppRules { models, limits, blocked })))
}
