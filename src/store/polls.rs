//! Terminals that ask again and again until a person has answered in a browser.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::Act,
    codes::TRIES,
    grants::{self, Cap, FreshSecret, Granted, Held},
    keys, members,
};
use crate::model::{Hash, Membership, TeamId, Timestamp, UserId, team_unasked};

pub struct StartPoll {
    pub poll: Hash,
    pub secret: Hash,
    pub user_code: Hash,
    pub expires_at: Timestamp,
}

impl Operation for StartPoll {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run(
            "INSERT INTO polls (id, secret, user_code, tries, expires_at) VALUES ($1, $2, $3, 0, $4)",
            (self.poll, self.secret, self.user_code, self.expires_at),
        )
        .await
    }
}

/// A terminal that still waits for its answer.
pub struct OpenPoll {
    pub poll: Hash,
    pub at: Timestamp,
}

impl Operation for OpenPoll {
    /// Until when.
    type Output = Option<Timestamp>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let open: Option<(Timestamp,)> = tx
            .optional(
                "SELECT expires_at FROM polls WHERE id = $1 AND expires_at > $2 AND tries < $3",
                (self.poll, self.at, TRIES),
            )
            .await?;
        Ok(open.map(|(until,)| until))
    }
}

/// How a terminal's question stands, without a change: most of them come too early.
pub struct AskPoll {
    pub poll: Hash,
    pub secret: Hash,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Pending,
    /// Its key can be taken.
    Ready,
    WrongSecret,
    /// Forged, expired, denied, taken, or tried too often.
    Unknown,
}

impl Operation for AskPoll {
    type Output = Asked;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Asked, Error> {
        let known: Option<(Hash, i64)> = tx
            .optional(
                "SELECT secret, CAST(0 AS BIGINT) FROM polls
                 WHERE id = $1 AND expires_at > $2 AND tries < $3
                 UNION ALL
                 SELECT secret, CAST(1 AS BIGINT) FROM ready_polls WHERE id = $1 AND expires_at > $2",
                (self.poll, self.at, TRIES),
            )
            .await?;
        Ok(match known {
            Some((secret, _)) if secret != self.secret => Asked::WrongSecret,
            Some((_, 0)) => Asked::Pending,
            Some(_) => Asked::Ready,
            None => Asked::Unknown,
        })
    }
}

/// A terminal takes its key. Of many who ask at once, one gets it.
pub struct TakePoll {
    pub poll: Hash,
    pub secret: Hash,
    /// The team that was chosen in the terminal.
    pub team: Option<TeamId>,
    pub key: FreshSecret,
    pub cap: Cap,
    /// Its actor is whoever allowed it.
    pub act: Act,
}

pub enum Polled {
    Ready(Box<Granted>, Vec<Membership>),
    /// Which of these is asked in the terminal; nothing is used up.
    ChooseTeam(UserId, Vec<Membership>),
    /// The team is not one of the person's; nothing is used up.
    NotInTeam,
    TooManyKeys,
    /// Taken or ended meanwhile; or whoever allowed it counts no more.
    Unknown,
}

struct ReadyPoll {
    granted: Granted,
    team_chosen: bool,
    default_team: Option<TeamId>,
}

impl Operation for TakePoll {
    type Output = Polled;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Polled, Error> {
        let at = self.act.at;
        let ready: Option<ReadyPoll> = tx
            .optional(
                "SELECT grants.id, grants.user_id, grants.app, team_id, terms, sent_to,
                     grants.signed_in_at, team_chosen, default_team
                 FROM ready_polls JOIN grants ON grants.id = ready_polls.grant_id
                 JOIN users ON users.id = ready_polls.user_id
                 WHERE ready_polls.id = $1 AND secret = $2 AND expires_at > $3",
                (self.poll, self.secret, at),
            )
            .await?;
        let Some(ready) = ready else { return Ok(Polled::Unknown) };
        let mut teams = members::teams_of(tx, &ready.granted.user).await?;
        teams.retain(|team| !team.blocked);
        let team = match (&self.team, ready.team_chosen) {
            (_, true) => ready.granted.team.clone(),
            (Some(team), false) if teams.iter().any(|own| own.team == *team) => Some(team.clone()),
            (Some(_), false) => return Ok(Polled::NotInTeam),
            (None, false) if teams.len() > 1 => {
                return Ok(Polled::ChooseTeam(ready.granted.user, teams));
            }
            (None, false) => team_unasked(&teams, ready.default_team.as_ref()),
        };
        let granted = Granted { team, ..ready.granted };
        match grants::hold(tx, &granted, self.cap, at).await? {
            Held::Good => {}
            Held::TooManyKeys => return Ok(Polled::TooManyKeys),
            Held::Blocked | Held::LooksOnly | Held::NotInTeam | Held::AppBlocked | Held::Over => {
                return Ok(Polled::Unknown);
            }
        }
        let taken: Option<(Hash,)> = tx
            .optional(
                "DELETE FROM ready_polls WHERE id = $1 AND secret = $2 AND expires_at > $3
                 RETURNING id",
                (self.poll, self.secret, at),
            )
            .await?;
        if taken.is_none() {
            return Ok(Polled::Unknown);
        }
        tx.run("UPDATE grants SET team_id = $2 WHERE id = $1", (&granted.id, &granted.team))
            .await?;
        let act = Act { actor: granted.user.to_string(), ..self.act.clone() };
        keys::insert(tx, &granted.key(&self.key, at, None), &act).await?;
        Ok(Polled::Ready(Box::new(granted), teams))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    Right,
    Wrong,
    /// Denied, answered, expired, or tried too often.
    Gone,
}

/// Counts first and compares then, so that no two tries are one.
pub(super) async fn try_user_code(
    tx: &mut Tx<'_>,
    poll: Hash,
    typed: Option<Hash>,
    at: Timestamp,
) -> Result<Tried, Error> {
    let shown: Option<(Hash,)> = tx
        .optional(
            "UPDATE polls SET tries = tries + 1 WHERE id = $1 AND expires_at > $2 AND tries < $3
             RETURNING user_code",
            (poll, at, TRIES),
        )
        .await?;
    Ok(match shown {
        Some((shown,)) if typed == Some(shown) => Tried::Right,
        Some(_) => Tried::Wrong,
        None => Tried::Gone,
    })
}

/// Only after [`try_user_code`], whose UPDATE holds the row until the commit.
pub(super) async fn make_ready(
    tx: &mut Tx<'_>,
    poll: Hash,
    granted: &Granted,
    (team_chosen, at): (bool, Timestamp),
) -> Result<(), Error> {
    tx.run(
        "INSERT INTO ready_polls
             (id, secret, grant_id, user_id, app, team_chosen, created_at, expires_at)
         SELECT id, secret, $2, $3, $4, $5, $6, expires_at FROM polls WHERE id = $1",
        (poll, &granted.id, &granted.user, &granted.app, team_chosen, at),
    )
    .await?;
    end(tx, poll).await
}

/// Nobody waits for it any more.
pub(super) async fn end(tx: &mut Tx<'_>, poll: Hash) -> Result<(), Error> {
    tx.run("DELETE FROM polls WHERE id = $1", (poll,)).await
}

impl FromRow for ReadyPoll {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            granted: Granted::from_row(row)?,
            team_chosen: row.take()?,
            default_team: row.take()?,
        })
    }
}
