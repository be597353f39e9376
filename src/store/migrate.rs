//! Brings the tables up to date: each file once, in order, each in a transaction of its own.
//!
//! `0000_ledger.sql` runs every time; on Postgres it also takes the lock that makes a second
//! starting process wait. A file that changed after it ran, or one we do not know, stops us.
use super::{Error, Operation, Store, Tx};
use crate::model::Hash;

pub(super) struct Folder {
    ledger: &'static str,
    files: &'static [(&'static str, &'static str)],
}

macro_rules! folder {
    ($database:literal: $($name:literal),+) => {
        Folder {
            ledger: include_str!(concat!("../../migrations/", $database, "/0000_ledger.sql")),
            files: &[$(($name, include_str!(concat!("../../migrations/", $database, "/", $name, ".sql")))),+],
        }
    };
}
pub(super) const SQLITE: Folder = folder!("sqlite": "0001_start", "0002_people", "0003_audit", "0004_codes", "0005_books", "0006_limits", "0007_shared", "0008_routes", "0009_alerts");
pub(super) const POSTGRES: Folder = folder!("postgres": "0001_start", "0002_people", "0003_audit", "0004_codes", "0005_books", "0006_limits", "0007_shared", "0008_routes", "0009_alerts");

pub(super) async fn up(store: &Store, folder: Folder) -> Result<Vec<&'static str>, Error> {
    let mut applied = Vec::new();
    for &(name, sql) in folder.files {
        if store.write(Apply { ledger: folder.ledger, name, sql }).await? {
            applied.push(name);
        }
    }
    let newest = folder.files.last().map_or("", |(name, _)| name);
    match store.read(NewerThan(newest)).await? {
        None => Ok(applied),
        Some((name,)) => Err(Error::Internal(format!(
            "the database was made by a newer Gatekey (it has {name}); start that version"
        ))),
    }
}

struct Apply {
    ledger: &'static str,
    name: &'static str,
    sql: &'static str,
}

impl Operation for Apply {
    /// Whether it was applied now.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        tx.script(self.ledger).await?;
        let checksum = Hash::of(self.sql);
        let applied: Option<(Hash,)> =
            tx.optional("SELECT checksum FROM ledger WHERE name = $1", (self.name,)).await?;
        match applied {
            Some((known,)) if known == checksum => Ok(false),
            Some(_) => Err(Error::Internal(format!("{} changed after it ran", self.name))),
            None => {
                tx.script(self.sql).await?;
                tx.run(
                    "INSERT INTO ledger (name, checksum) VALUES ($1, $2)",
                    (self.name, checksum),
                )
                .await?;
                Ok(true)
            }
        }
    }
}

struct NewerThan(&'static str);

impl Operation for NewerThan {
    type Output = Option<(String,)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.optional("SELECT name FROM ledger WHERE name > $1 ORDER BY name LIMIT 1", (self.0,))
            .await
    }
}
