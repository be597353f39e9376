//! Keys by whose they are and what they are called, a page at a time.
use super::{Error, Operation, Tx, keys::select_keys, users::user_columns};
use crate::model::{Key, TeamId, Timestamp, UserId};

pub struct KeysByAlias {
    pub alias: String,
    pub user: Option<UserId>,
}

impl Operation for KeysByAlias {
    type Output = Vec<Key>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.all(
            select_keys!(
                "WHERE keys.alias = $1 AND (CAST($2 AS TEXT) IS NULL OR keys.user_id = $2) LIMIT 100"
            ),
            (&self.alias, &self.user),
        )
        .await
    }
}

/// Keys in the order of their making, a page at a time.
pub struct ListKeys {
    pub user: Option<UserId>,
    pub app: Option<String>,
    pub alias: Option<String>,
    pub team: Option<TeamId>,
    /// Only those that are not expired then.
    pub live_at: Option<Timestamp>,
    pub limit: i64,
    pub offset: i64,
}

/// The page and the count, led by this condition's index.
macro_rules! list_keys {
    ($lead:literal) => {
        (
            select_keys!(
                "WHERE ",
                $lead,
                " AND (CAST($1 AS TEXT) IS NULL OR keys.user_id = $1)
                 AND (CAST($2 AS TEXT) IS NULL OR keys.app = $2)
                 AND (CAST($3 AS BIGINT) IS NULL OR expires_at IS NULL OR expires_at > $3)
                 AND (CAST($4 AS TEXT) IS NULL OR keys.alias = $4)
                 AND (CAST($5 AS TEXT) IS NULL OR keys.team_id = $5)
                 ORDER BY keys.created_at, keys.id LIMIT $6 OFFSET $7"
            ),
            concat!(
                "SELECT COUNT(*) FROM keys WHERE ",
                $lead,
                " AND (CAST($1 AS TEXT) IS NULL OR keys.user_id = $1)
                 AND (CAST($2 AS TEXT) IS NULL OR app = $2)
                 AND (CAST($3 AS BIGINT) IS NULL OR expires_at IS NULL OR expires_at > $3)
                 AND (CAST($4 AS TEXT) IS NULL OR keys.alias = $4)
                 AND (CAST($5 AS TEXT) IS NULL OR keys.team_id = $5)"
            ),
        )
    };
}

impl Operation for ListKeys {
    /// The page, and how many there are in all.
    type Output = (Vec<Key>, i64);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let (page, count) = match (&self.user, &self.team, &self.alias, &self.app) {
            (Some(_), ..) => list_keys!("keys.user_id = $1"),
            (_, Some(_), ..) => list_keys!("keys.team_id = $5"),
            (_, _, Some(_), _) => list_keys!("keys.alias = $4"),
            (.., Some(_)) => list_keys!("keys.app = $2"),
            _ => list_keys!("keys.created_at >= 0"),
        };
        let Self { user, app, alias, team, live_at, limit, offset } = self;
        let rows = tx.all(page, (user, app, *live_at, alias, team, *limit, *offset)).await?;
        let (total,) = tx.one(count, (user, app, *live_at, alias, team)).await?;
        Ok((rows, total))
    }
}

/// The newest live keys of a person, and how many there are in all.
pub struct NewestKeys {
    pub user: UserId,
    pub live_at: Timestamp,
    pub limit: i64,
}

impl Operation for NewestKeys {
    type Output = (Vec<Key>, i64);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let newest = tx
            .all(
                select_keys!(
                    "WHERE keys.user_id = $1 AND (expires_at IS NULL OR expires_at > $2)
                     ORDER BY keys.created_at DESC, keys.id LIMIT $3"
                ),
                (&self.user, self.live_at, self.limit),
            )
            .await?;
        let (total,) = tx
            .one(
                "SELECT COUNT(*) FROM keys
                 WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > $2)",
                (&self.user, self.live_at),
            )
            .await?;
        Ok((newest, total))
    }
}
