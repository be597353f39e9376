//! Who is out: the one place where a person, a membership, a team or a whole provider stops counting.
//!
//! Nothing is hunted down. Whether a key, a session or a request counts is asked of its owner at each use, so
//! one row that says no refuses all of them at the next call; sessions go, since signing in makes new ones. The
//! feed of changes empties the memory of every server, and with it the calls that still run.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
    changes::{self, Change},
    members::member_line,
};
use crate::model::{Source, TeamId, TeamRole, UserId};
use serde_json::{Value, json};

/// Who stops counting.
#[derive(Debug, Clone)]
pub enum Who {
    /// Until an admin says otherwise.
    Blocked(UserId),
    /// Until the person is let in again.
    Off(UserId),
    /// Whoever came by this issuer, and by no other that still counts, until it is served again.
    Issuer(String),
    /// A person's place in a team, by hand or by group.
    Member(TeamId, UserId, Source),
    Team(TeamId),
}

pub struct Leave {
    pub who: Who,
    /// In words for lists and the audit.
    pub why: Option<String>,
    pub act: Act,
}

impl Operation for Leave {
    /// Whether there was anything to end.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        leave(tx, &self.who, self.why.as_deref(), &self.act).await
    }
}

/// Part of a larger step.
pub(super) async fn leave(
    tx: &mut Tx<'_>,
    who: &Who,
    why: Option<&str>,
    act: &Act,
) -> Result<bool, Error> {
    let (change, action, subject) = match who {
        Who::Blocked(user) => (Change::User(user.clone()), "user.block", user.to_string()),
        Who::Off(user) => (Change::User(user.clone()), "user.off", user.to_string()),
        Who::Issuer(issuer) => (Change::All, "idp.off", issuer.clone()),
        Who::Team(team) => (Change::Team(team.clone()), "team.block", team.to_string()),
        Who::Member(team, user, source) => {
            let found = leave_team(tx, (team, user, *source), why, act).await?;
            if found {
                changes::insert(tx, &Change::User(user.clone()), act.at).await?;
            }
            return Ok(found);
        }
    };
    let before = standing(tx, &change).await?;
    let found = match who {
        Who::Blocked(user) => {
            let sql = "UPDATE users SET blocked_at = $2, block_reason = $3
                       WHERE id = $1 AND service_of IS NULL RETURNING id";
            person(tx, sql, user, why, act).await?
        }
        Who::Off(user) => {
            let sql = "UPDATE users SET off_at = $2, off_reason = $3, off_issuer = NULL
                       WHERE id = $1 AND service_of IS NULL RETURNING id";
            person(tx, sql, user, why, act).await?
        }
        Who::Issuer(issuer) => switch_off(tx, issuer, why, act).await?,
        Who::Team(team) => block_team(tx, team, why, act).await?,
        Who::Member(..) => false,
    };
    if found {
        let entry = line(act, action, &change, &subject).because(why);
        let after = standing(tx, &change).await?;
        audit::insert(tx, &entry.changing(before, after)).await?;
        changes::insert(tx, &change, act.at).await?;
    }
    Ok(found)
}

fn line(act: &Act, action: &'static str, change: &Change, subject: &str) -> audit::Entry {
    match change {
        Change::User(user) => act.about(action, user),
        _ => act.entry(action, subject),
    }
}

async fn block_team(
    tx: &mut Tx<'_>,
    team: &TeamId,
    why: Option<&str>,
    act: &Act,
) -> Result<bool, Error> {
    let found: Option<(TeamId,)> = tx
        .optional(
            "UPDATE teams SET blocked_at = $2, block_reason = $3 WHERE id = $1 RETURNING id",
            (team, act.at, why),
        )
        .await?;
    Ok(found.is_some())
}

/// The same without a word to the feed of changes, for whoever says it once for several.
pub(super) async fn leave_team(
    tx: &mut Tx<'_>,
    (team, user, source): (&TeamId, &UserId, Source),
    why: Option<&str>,
    act: &Act,
) -> Result<bool, Error> {
    let found: Vec<(TeamRole,)> = tx
        .all(
            "DELETE FROM members WHERE team_id = $1 AND user_id = $2 AND source = $3
             RETURNING role",
            (team, user, source.name()),
        )
        .await?;
    let Some((role,)) = found.into_iter().next() else { return Ok(false) };
    // By hand and by group are two lines of one act.
    let entry = member_line(act, "team.member_delete", team, user).apart(source.name());
    let entry = entry.changing(json!({"role": role}), json!({"role": null}));
    audit::insert(tx, &entry.saying(user.to_string()).because(why)).await?;
    Ok(true)
}

async fn person(
    tx: &mut Tx<'_>,
    sql: &'static str,
    user: &UserId,
    why: Option<&str>,
    act: &Act,
) -> Result<bool, Error> {
    let found: Option<(UserId,)> = tx.optional(sql, (user, act.at, why)).await?;
    tx.run("DELETE FROM sessions WHERE user_id = $1", (user,)).await?;
    Ok(found.is_some())
}

/// What an act of this room changes of a person or a team, as it is now.
async fn standing(tx: &mut Tx<'_>, of: &Change) -> Result<Value, Error> {
    match of {
        Change::User(user) => {
            let sql = "SELECT blocked_at IS NOT NULL, block_reason, off_at IS NOT NULL, off_reason
                       FROM users WHERE id = $1";
            let found: Option<(bool, Option<String>, bool, Option<String>)> =
                tx.optional(sql, (user,)).await?;
            Ok(found.map_or(json!({}), |(blocked, block_reason, off, off_reason)| {
                json!({"blocked": blocked, "block_reason": block_reason, "off": off,
                    "off_reason": off_reason})
            }))
        }
        Change::Team(team) => {
            let sql = "SELECT blocked_at IS NOT NULL, block_reason FROM teams WHERE id = $1";
            let found: Option<(bool, Option<String>)> = tx.optional(sql, (team,)).await?;
            Ok(found.map_or(
                json!({}),
                |(blocked, reason)| json!({"blocked": blocked, "block_reason": reason}),
            ))
        }
        Change::Key(_) | Change::App(_) | Change::Budget(_) | Change::Books | Change::All => {
            Ok(Value::Null)
        }
    }
}

async fn switch_off(
    tx: &mut Tx<'_>,
    issuer: &str,
    why: Option<&str>,
    act: &Act,
) -> Result<bool, Error> {
    let found: Option<(String,)> = tx
        .optional(
            "UPDATE issuers SET off_at = $2 WHERE issuer = $1 AND off_at IS NULL RETURNING issuer",
            (issuer, act.at),
        )
        .await?;
    tx.run(
        "UPDATE users SET off_at = $2, off_reason = $3, off_issuer = $1
         WHERE off_at IS NULL AND id IN (SELECT user_id FROM identities WHERE issuer = $1)
         AND NOT EXISTS (SELECT 1 FROM identities JOIN issuers ON issuers.issuer = identities.issuer
                         WHERE identities.user_id = users.id AND issuers.off_at IS NULL)",
        (issuer, act.at, why),
    )
    .await?;
    tx.run(
        "DELETE FROM sessions WHERE user_id IN
             (SELECT id FROM users WHERE off_issuer = $1 AND off_at = $2)",
        (issuer, act.at),
    )
    .await?;
    Ok(found.is_some())
}

/// Who counts again.
pub enum Back {
    User(UserId),
    Team(TeamId),
    Issuer(String),
}

pub struct Return {
    pub who: Back,
    pub act: Act,
}

impl Operation for Return {
    /// Whether there was anybody.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let (change, action, subject) = match &self.who {
            Back::User(user) => (Change::User(user.clone()), "user.unblock", user.to_string()),
            Back::Team(team) => (Change::Team(team.clone()), "team.unblock", team.to_string()),
            Back::Issuer(issuer) => (Change::All, "idp.on", issuer.clone()),
        };
        let before = standing(tx, &change).await?;
        let found = self.who.count_again(tx).await?;
        if found {
            let entry = line(&self.act, action, &change, &subject);
            let after = standing(tx, &change).await?;
            audit::insert(tx, &entry.changing(before, after)).await?;
            changes::insert(tx, &change, self.act.at).await?;
        }
        Ok(found)
    }
}

impl Back {
    async fn count_again(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let found: Vec<(String,)> = match self {
            Self::User(user) => {
                tx.all(
                    "UPDATE users SET blocked_at = NULL, block_reason = NULL WHERE id = $1
                     RETURNING id",
                    (user,),
                )
                .await?
            }
            Self::Team(team) => {
                tx.all(
                    "UPDATE teams SET blocked_at = NULL, block_reason = NULL WHERE id = $1
                     RETURNING id",
                    (team,),
                )
                .await?
            }
            Self::Issuer(issuer) => {
                tx.run(
                    "UPDATE users SET off_at = NULL, off_reason = NULL, off_issuer = NULL
                     WHERE off_issuer = $1",
                    (issuer,),
                )
                .await?;
                tx.all(
                    "UPDATE issuers SET off_at = NULL WHERE issuer = $1 AND off_at IS NOT NULL
                     RETURNING issuer",
                    (issuer,),
                )
                .await?
            }
        };
        Ok(!found.is_empty())
    }
}

/// Local accounts of the settings: people who have an identity of ours and no row of `local_accounts`.
pub struct SettledAccounts;

impl Operation for SettledAccounts {
    /// Each name, and whose it is; only those who count.
    type Output = Vec<(String, UserId)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.all(
            "SELECT subject, user_id FROM identities JOIN users ON users.id = identities.user_id
             WHERE issuer = 'local' AND off_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM local_accounts WHERE username = subject)
             ORDER BY subject LIMIT 100",
            (),
        )
        .await
    }
}

/// Every issuer somebody ever came by, and whether it is switched off.
pub struct Issuers;

impl Operation for Issuers {
    type Output = Vec<(String, bool)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.all("SELECT issuer, off_at IS NOT NULL FROM issuers ORDER BY issuer", ()).await
    }
}

/// A known person is refused at the door: then nothing of theirs counts any more.
pub struct TurnAway {
    pub issuer: String,
    pub subject: String,
    pub why: String,
    pub act: Act,
}

impl Operation for TurnAway {
    /// Whether the person was known.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let known: Option<(UserId,)> = tx
            .optional(
                "SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2",
                (&self.issuer, &self.subject),
            )
            .await?;
        let Some((user,)) = known else { return Ok(false) };
        leave(tx, &Who::Off(user), Some(&self.why), &self.act).await
    }
}
