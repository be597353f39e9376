//! The end of keys. A tombstone stays, so that the use of a dead key is noticed.
use super::{
    Error, Operation, Store, Tx,
    audit::{self, Act},
    changes::{self, Change},
};
use crate::model::{Hash, KeyId, TeamId, Timestamp, UserId};

/// Which keys end.
#[derive(Debug, Clone)]
pub enum Which {
    Id(KeyId),
    /// Of this person, and only if it is theirs.
    Own(KeyId, UserId),
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
    pub const MOST: usize = 500;

    /// All of them, and how many there were.
    pub async fn all(store: &Store, which: &Which, act: impl Fn() -> Act) -> Result<usize, Error> {
        let mut ended = 0;
        loop {
            let some = store.write(Self { which: which.clone(), act: act() }).await?.len();
            ended += some;
            if some < Self::MOST {
                return Ok(ended);
            }
        }
    }
}

type Ended = (Hash, KeyId, UserId, Option<String>);

impl Operation for EndKeys {
    type Output = Vec<KeyId>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<KeyId>, Error> {
        let ended = self.delete(tx).await?;
        for (hash, id, user, app) in &ended {
            tx.run(
                "INSERT INTO ended_keys (hash, id, user_id, app, ended_at)
                 VALUES ($1, $2, $3, $4, $5)",
                (*hash, id, user, app, self.act.at),
            )
            .await?;
            changes::insert(tx, &Change::Key(id.clone()), self.act.at).await?;
            let entry = self.act.entry("key.end", id).of_app(app.as_deref());
            audit::insert(tx, &entry).await?;
        }
        Ok(ended.into_iter().map(|(_, id, _, _)| id).collect())
    }
}

impl EndKeys {
    async fn delete(&self, tx: &mut Tx<'_>) -> Result<Vec<Ended>, Error> {
        match &self.which {
            Which::Id(id) => {
                tx.all("DELETE FROM keys WHERE id = $1 RETURNING hash, id, user_id, app", (id,))
                    .await
            }
            Which::Own(id, user) => {
                tx.all(
                    "DELETE FROM keys WHERE id = $1 AND user_id = $2
                     RETURNING hash, id, user_id, app",
                    (id, user),
                )
                .await
            }
            Which::User(user) => {
                tx.all(
                    "DELETE FROM keys WHERE id IN
                         (SELECT id FROM keys WHERE user_id = $1 ORDER BY id LIMIT 500)
                     RETURNING hash, id, user_id, app",
                    (user,),
                )
                .await
            }
            Which::App(app) => {
                tx.all(
                    "DELETE FROM keys WHERE id IN
                         (SELECT id FROM keys WHERE app = $1 ORDER BY id LIMIT 500)
                     RETURNING hash, id, user_id, app",
                    (app,),
                )
                .await
            }
            Which::Team(team) => {
                tx.all(
                    "DELETE FROM keys WHERE id IN
                         (SELECT id FROM keys WHERE team_id = $1 ORDER BY id LIMIT 500)
                     RETURNING hash, id, user_id, app",
                    (team,),
                )
                .await
            }
            Which::Before(moment) => {
                tx.all(
                    "DELETE FROM keys WHERE id IN
                         (SELECT id FROM keys WHERE created_at < $1 ORDER BY created_at, id LIMIT 500)
                     RETURNING hash, id, user_id, app",
                    (*moment,),
                )
                .await
            }
        }
    }
}
