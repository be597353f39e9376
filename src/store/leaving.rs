//! Who is out: the one place where a person, a membership, a team or a whole provider stops counting.
//!
//! Nothing is hunted down. Whether a key, a session or a request counts is asked of its owner at each use, so
//! one row that says no refuses all of them at the next call; sessions go, since signing in makes new ones. The
//! feed of changes empties the memory of every server, and with it the calls that still run.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
    changes::{self, Change},
};
use crate::model::{Source, TeamId, UserId};

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
    let (found, change, action, subject) = match who {
        Who::Blocked(user) => {
            let sql = "UPDATE users SET blocked_at = $2, block_reason = $3
                       WHERE id = $1 AND service_of IS NULL RETURNING id";
            let found = person(tx, sql, user, why, act).await?;
            (found, Change::User(user.clone()), "user.block", user.to_string())
        }
        Who::Off(user) => {
            let sql = "UPDATE users SET off_at = $2, off_reason = $3, off_issuer = NULL
                       WHERE id = $1 AND service_of IS NULL RETURNING id";
            let found = person(tx, sql, user, why, act).await?;
            (found, Change::User(user.clone()), "user.off", user.to_string())
        }
        Who::Issuer(issuer) => {
            let found = switch_off(tx, issuer, why, act).await?;
            (found, Change::All, "idp.off", issuer.clone())
        }
        Who::Member(team, user, source) => {
            let found: Vec<(String,)> = tx
                .all(
                    "DELETE FROM members WHERE team_id = $1 AND user_id = $2 AND source = $3
                     RETURNING role",
                    (team, user, source.name()),
                )
                .await?;
            // By hand and by group are two lines of one act.
            let entry = act.entry("team.member_delete", team).apart(source.name());
            let entry = entry.apart(user).saying(user.to_string());
            if !found.is_empty() {
                changes::insert(tx, &Change::User(user.clone()), act.at).await?;
                audit::insert(tx, &entry.because(why)).await?;
            }
            return Ok(!found.is_empty());
        }
        Who::Team(team) => {
            let found: Option<(TeamId,)> = tx
                .optional(
                    "UPDATE teams SET blocked_at = $2, block_reason = $3 WHERE id = $1 RETURNING id",
                    (team, act.at, why),
                )
                .await?;
            (found.is_some(), Change::Team(team.clone()), "team.block", team.to_string())
        }
    };
    if found {
        changes::insert(tx, &change, act.at).await?;
        audit::insert(tx, &act.entry(action, &subject).because(why)).await?;
    }
    Ok(found)
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
        let (found, change, action, subject): (Vec<(String,)>, _, _, _) = match &self.who {
            Back::User(user) => (
                tx.all(
                    "UPDATE users SET blocked_at = NULL, block_reason = NULL WHERE id = $1
                     RETURNING id",
                    (user,),
                )
                .await?,
                Change::User(user.clone()),
                "user.unblock",
                user.to_string(),
            ),
            Back::Team(team) => (
                tx.all(
                    "UPDATE teams SET blocked_at = NULL, block_reason = NULL WHERE id = $1
                     RETURNING id",
                    (team,),
                )
                .await?,
                Change::Team(team.clone()),
                "team.unblock",
                team.to_string(),
            ),
            Back::Issuer(issuer) => {
                tx.run(
                    "UPDATE users SET off_at = NULL, off_reason = NULL, off_issuer = NULL
                     WHERE off_issuer = $1",
                    (issuer,),
                )
                .await?;
                let found = tx
                    .all(
                        "UPDATE issuers SET off_at = NULL WHERE issuer = $1 AND off_at IS NOT NULL
                         RETURNING issuer",
                        (issuer,),
                    )
                    .await?;
                (found, Change::All, "idp.on", issuer.clone())
            }
        };
        if !found.is_empty() {
            changes::insert(tx, &change, self.act.at).await?;
            audit::insert(tx, &self.act.entry(action, &subject)).await?;
        }
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
