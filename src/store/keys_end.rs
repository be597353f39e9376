//! The end of keys. A tombstone stays, so that the use of a dead key is noticed.
use super::{
    Error, FromRow, Operation, Row, Store, Tx,
    audit::{self, Act},
    changes::{self, Change},
};
use crate::model::{Hash, KeyId, TeamId, Timestamp, UserId};
use serde_json::json;

/// Which keys end.
#[derive(Debug, Clone)]
pub enum Which {
    Id(KeyId),

    User(UserId),
    App(String),
    Team(TeamId),
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
        let ended = self.delete(tx).await?;
        for Ended { hash, id, user, app, alias, team } in &ended {
            tx.run(
                "INSERT INTO ended_keys (hash, id, user_id, app, ended_at)
                 VALUES ($1, $2, $3, $4, $5)",
                (*hash, id, user, app, self.act.at),
            )
            .await?;
            changes::insert(tx, &Change::Key(id.clone()), self.act.at).await?;
            let entry = self.act.entry("key.end", id).of_user(user).of_app(app.as_deref());
            let was = json!({"key_alias": alias, "team_id": team});
            audit::insert(tx, &entry.changing(was, json!({}))).await?;
        }
        Ok(ended.into_iter().map(|ended| ended.id).collect())
    }
}

impl EndKeys {
    async fn delete(&self, tx: &mut Tx<'_>) -> Result<Vec<Ended>, Error> {
        match &self.which {
            Which::Id(id) => {
                tx.all(
                    "DELETE FROM keys WHERE id = $1
                     RETURNING hash, id, user_id, app, alias, team_id",
                    (id,),
                )
                .await
            }

            Which::User(user) => {
                tx.all(
                    "DELETE FROM keys WHERE id IN
                         (SELECT id FROM keys WHERE user_id = $1 ORDER BY id LIMIT 500)
                     RETURNING hash, id, user_id, app, alias, team_id",
                    (user,),
                )
                .await
            }
            Which::App(app) => {
                tx.all(
                    "DELETE FROM keys WHERE id IN
                         (SELECT id FROM keys WHERE app = $1 ORDER BY id LIMIT 500)
                     RETURNING hash, id, user_id, app, alias, team_id",
                    (app,),
                )
                .await
            }
            Which::Team(team) => {
                tx.all(
                    "DELETE FROM keys WHERE id IN
                         (SELECT id FROM keys WHERE team_id = $1 ORDER BY id LIMIT 500)
                     RETURNING hash, id, user_id, app, alias, team_id",
                    (team,),
                )
                .await
            }
            Which::Before(moment) => {
                tx.all(
                    "DELETE FROM keys WHERE id IN
                         (SELECT id FROM keys WHERE created_at < $1 ORDER BY created_at, id LIMIT 500)
                     RETURNING hash, id, user_id, app, alias, team_id",
                    (*moment,),
                )
                .await
            }
        }
    }
}
