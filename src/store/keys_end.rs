//! The end of keys. A tombstone stays, so that the use of a dead key is noticed.
use super::{
    Error, FromRow, Operation, Row, Store, Tx,
    audit::{self, Act},
    changes::{self, Change},
};
use crate::model::{Code, GrantId, Hash, KeyId, TeamId, Timestamp, UserId};
use serde_json::json;

/// Which keys end.
#[derive(Debug, Clone)]
pub enum Which {
    Id(KeyId),

    User(UserId),
    App(String),
    Team(TeamId),
    Grant(GrantId),
    /// Of this app of this person.
    AppOf(UserId, String),
    /// Made before then.
    Before(Timestamp),
}

/// Ends keys, so many at a time: ask again until none was left.
pub struct EndKeys {
    pub which: Which,
    pub act: Act,
}

impl EndKeys {
    const MOST: usize = 500;

    /// All of them, and how many there were; between the parts it is told how many so far.
    pub async fn all(
        store: &Store,
        which: &Which,
        act: impl Fn() -> Act,
        so_far: impl Fn(usize),
    ) -> Result<usize, Error> {
        let mut ended = 0;
        loop {
            let some = store.write(Self { which: which.clone(), act: act() }).await?.len();
            ended += some;
            if some < Self::MOST {
                return Ok(ended);
            }
            so_far(ended);
        }
    }
}

struct Ended {
    hash: Hash,
    id: KeyId,
    user: UserId,
    app: Option<String>,
    alias: Option<String>,
    team: Option<TeamId>,
}

impl FromRow for Ended {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            hash: row.take()?,
            id: row.take()?,
            user: row.take()?,
            app: row.take()?,
            alias: row.take()?,
            team: row.take()?,
        })
    }
}

impl Operation for EndKeys {
    type Output = Vec<KeyId>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<KeyId>, Error> {
        self.which.end_waiting(tx).await?;
        end_some(tx, &self.which, &self.act).await
    }
}

/// Part of a larger step: all of them.
pub(super) async fn end(tx: &mut Tx<'_>, which: &Which, act: &Act) -> Result<usize, Error> {
    let mut ended = 0;
    loop {
        let some = end_some(tx, which, act).await?.len();
        ended += some;
        if some < EndKeys::MOST {
            return Ok(ended);
        }
    }
}

async fn end_some(tx: &mut Tx<'_>, which: &Which, act: &Act) -> Result<Vec<KeyId>, Error> {
    let ended = which.delete(tx).await?;
    for Ended { hash, id, user, app, alias, team } in &ended {
        tx.run(
            "INSERT INTO ended_keys (hash, id, user_id, app, ended_at)
                 VALUES ($1, $2, $3, $4, $5)",
            (*hash, id, user, app, act.at),
        )
        .await?;
        changes::insert(tx, &Change::Key(id.clone()), act.at).await?;
        let entry = act.entry("key.end", id).of_user(user).of_app(app.as_deref());
        let was = json!({"key_alias": alias, "team_id": team});
        audit::insert(tx, &entry.changing(was, json!({}))).await?;
    }
    Ok(ended.into_iter().map(|ended| ended.id).collect())
}

/// So many keys at a time, found by this condition's index.
macro_rules! delete_keys {
    ($found:literal) => {
        concat!(
            "DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE ",
            $found,
            " LIMIT 500) RETURNING hash, id, user_id, app, alias, team_id"
        )
    };
}

impl Which {
    /// What was allowed and not fetched yet would become a key after these have ended.
    async fn end_waiting(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        match self {
            Self::Id(_) | Self::Grant(_) | Self::AppOf(..) => Ok(()),
            Self::User(user) => {
                tx.run("DELETE FROM codes WHERE user_id = $1", (user,)).await?;
                tx.run("DELETE FROM ready_polls WHERE user_id = $1", (user,)).await
            }
            Self::App(app) => {
                tx.run("DELETE FROM codes WHERE app = $1", (app,)).await?;
                tx.run("DELETE FROM ready_polls WHERE app = $1", (app,)).await
            }
            Self::Team(team) => {
                tx.run(
                    "DELETE FROM codes WHERE grant_id IN (SELECT id FROM grants WHERE team_id = $1)",
                    (team,),
                )
                .await?;
                tx.run(
                    "DELETE FROM ready_polls WHERE grant_id IN
                         (SELECT id FROM grants WHERE team_id = $1)",
                    (team,),
                )
                .await
            }
            Self::Before(moment) => {
                // None lives longer than that.
                let last = moment.plus(Code::PROVEN);
                tx.run(
                    "DELETE FROM codes WHERE expires_at <= $2 AND created_at < $1",
                    (*moment, last),
                )
                .await?;
                tx.run(
                    "DELETE FROM ready_polls WHERE expires_at <= $2 AND created_at < $1",
                    (*moment, last),
                )
                .await
            }
        }
    }

    async fn delete(&self, tx: &mut Tx<'_>) -> Result<Vec<Ended>, Error> {
        match self {
            Self::Id(id) => tx.all(delete_keys!("id = $1"), (id,)).await,
            Self::User(user) => tx.all(delete_keys!("user_id = $1 ORDER BY id"), (user,)).await,
            Self::App(app) => tx.all(delete_keys!("app = $1 ORDER BY id"), (app,)).await,
            Self::Team(team) => tx.all(delete_keys!("team_id = $1 ORDER BY id"), (team,)).await,
            Self::Grant(grant) => tx.all(delete_keys!("grant_id = $1 ORDER BY id"), (grant,)).await,
            Self::AppOf(user, app) => {
                tx.all(delete_keys!("user_id = $1 AND app = $2 ORDER BY id"), (user, app)).await
            }
            Self::Before(moment) => {
                tx.all(delete_keys!("created_at < $1 ORDER BY created_at, id"), (*moment,)).await
            }
        }
    }
}
