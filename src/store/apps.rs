//! Connected apps: what a person allowed, by app, with what came of it; and the end of one.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::{self, Act},
    keys_end::{self, Which},
    keys_list::NewestKeys,
    sums::usage_sums,
};
use crate::model::{GrantId, Hash, Key, Timestamp, Usage, UserId};
use std::collections::BTreeMap;

/// An app of a person's.
#[derive(Debug, Clone)]
pub struct Connected {
    pub id: String,
    pub name: String,
    /// By which sign-ins, in order.
    pub dialects: Vec<String>,
    /// Last.
    pub granted_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// What it used, by day since 1970.
    pub days: BTreeMap<i64, Usage>,
    /// Live ones, the newest first.
    pub keys: Vec<Key>,
}

pub struct AppsOf {
    pub user: UserId,
    pub at: Timestamp,
    /// Usage from this day on.
    pub since: i64,
}

impl AppsOf {
    /// A person with more is shown the newest of them.
    const MOST: i64 = 2000;
}

impl Operation for AppsOf {
    /// The one that was allowed last, first.
    type Output = Vec<Connected>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let grants: Vec<(String, String, String, Timestamp)> = tx
            .all(
                "SELECT app, MAX(app_name), dialect, MAX(created_at) FROM grants WHERE user_id = $1
                 GROUP BY app, dialect ORDER BY MAX(created_at) DESC, app, dialect LIMIT $2",
                (&self.user, Self::MOST),
            )
            .await?;
        let mut apps: Vec<Connected> = Vec::new();
        for (id, name, dialect, granted_at) in grants {
            match apps.iter_mut().find(|app| app.id == id) {
                Some(app) if !app.dialects.contains(&dialect) => app.dialects.push(dialect),
                Some(_) => {}
                None => apps.push(Connected::new((id, name), dialect, granted_at)),
            }
        }
        self.add_use(tx, &mut apps).await?;
        let newest = NewestKeys { user: self.user.clone(), live_at: self.at, limit: Self::MOST };
        for key in newest.run(tx).await?.0 {
            let of = |app: &&mut Connected| key.app.as_ref() == Some(&app.id);
            if let Some(app) = apps.iter_mut().find(of) {
                app.keys.push(key);
            }
        }
        for app in &mut apps {
            app.dialects.sort();
        }
        Ok(apps)
    }
}

struct DayOfApp {
    app: String,
    day: i64,
    usage: Usage,
}

impl FromRow for DayOfApp {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self { app: row.take()?, day: row.take()?, usage: Usage::from_row(row)? })
    }
}

impl AppsOf {
    async fn add_use(&self, tx: &mut Tx<'_>, apps: &mut [Connected]) -> Result<(), Error> {
        let used: Vec<(String, Option<Timestamp>)> = tx
            .all(
                "SELECT app, MAX(last_used_at) FROM keys WHERE user_id = $1 AND app IS NOT NULL
                 GROUP BY app",
                (&self.user,),
            )
            .await?;
        let days: Vec<DayOfApp> = tx
            .all(
                concat!(
                    "SELECT app, day, ",
                    usage_sums!(),
                    " FROM usage WHERE user_id = $1 AND day >= $2 GROUP BY app, day"
                ),
                (&self.user, self.since),
            )
            .await?;
        for app in apps {
            let last = used.iter().find(|(id, _)| *id == app.id);
            app.last_used_at = last.and_then(|(_, at)| *at);
            let own = days.iter().filter(|used| used.app == app.id);
            app.days = own.map(|used| (used.day, used.usage)).collect();
        }
        Ok(())
    }
}

impl Connected {
    fn new((id, name): (String, String), dialect: String, granted_at: Timestamp) -> Self {
        Self {
            id,
            name,
            dialects: vec![dialect],
            granted_at,
            last_used_at: None,
            days: BTreeMap::new(),
            keys: Vec::new(),
        }
    }

    /// Of all those days.
    #[must_use]
    pub fn used(&self) -> Usage {
        self.days.values().copied().sum()
    }
}

/// An app of a person's ends: what was allowed, what waits to be redeemed or fetched, and every key.
pub struct EndApp {
    pub user: UserId,
    pub app: String,
    pub act: Act,
}

impl Operation for EndApp {
    /// Whether there was such an app.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        // Held, so that no code becomes a key meanwhile.
        tx.run("UPDATE users SET id = id WHERE id = $1", (&self.user,)).await?;
        let codes: Vec<(Hash,)> = tx
            .all(
                "DELETE FROM codes WHERE user_id = $1 AND app = $2 RETURNING hash",
                (&self.user, &self.app),
            )
            .await?;
        let polls: Vec<(Hash,)> = tx
            .all(
                "DELETE FROM ready_polls WHERE user_id = $1 AND app = $2 RETURNING id",
                (&self.user, &self.app),
            )
            .await?;
        let which = Which::AppOf(self.user.clone(), self.app.clone());
        let keys = keys_end::end(tx, &which, &self.act).await?;
        let grants: Vec<(GrantId,)> = tx
            .all(
                "DELETE FROM grants WHERE user_id = $1 AND app = $2 RETURNING id",
                (&self.user, &self.app),
            )
            .await?;
        let ended = codes.len() + polls.len() + keys + grants.len();
        if ended > 0 {
            let entry = self.act.entry("app.end", &self.app).of_user(&self.user);
            let saying = format!("{keys} keys, {} waiting", codes.len() + polls.len());
            audit::insert(tx, &entry.of_app(Some(&self.app)).saying(saying)).await?;
        }
        Ok(ended > 0)
    }
}
