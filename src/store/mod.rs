//! Owns everything that outlives the process. One [`Store`], two databases, one SQL text.
//!
//! An [`Operation`] is a whole step of the domain, a value with one async function over [`Tx`]:
//! `store.write(EndKeys { .. }).await`. It happens wholly or not at all, and a caller that stops
//! waiting does not stop it. Never here: decisions, clocks, secrets in clear.
//!
//! ```text
//! signins  --TakeSignin--> (the idp's answer) --SignIn--> sessions, members
//! requests --Approve-----> grants + keys --EndKeys--> ended_keys
//!              or to codes --RedeemCode--> keys (+ spent_codes)
//!              or to ready_polls --TakePoll--> keys
//! ```
//! One table per state; leaving one is `DELETE … RETURNING`, and that decides every race.
pub mod accounts;
pub mod activity;
pub mod alerts;
pub mod answers;
pub mod app_rules;
pub mod apps;
pub mod audit;
mod backup;
pub mod books;
pub mod budgets;
pub mod calls;
pub mod changes;
pub mod codes;
mod error;
pub mod grants;
mod journal;
pub mod keys;
pub mod keys_change;
pub mod keys_end;
pub mod keys_list;
pub mod labels;
pub mod leaving;
pub mod member_limits;
pub mod members;
mod migrate;
pub mod polls;
mod postgres;
pub mod requests;
pub mod rerate;
mod retired_ids;
pub mod sessions;
pub mod sign_in;
pub mod signins;
pub mod slices;
pub mod spent;
mod sqlite;
mod sums;
pub mod sweep;
pub mod teams;
mod tx;
pub mod usage;
pub mod users;
pub mod users_change;
mod value;

pub use backup::backup;
pub use error::Error;
pub use tx::Tx;
pub use value::{Column, FromRow, Param, Params, Row, Value};

use std::{sync::Arc, time::Duration};

/// How long a caller waits before it hears [`Error::Unavailable`]. The operation may still finish.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// One step of the domain, in one transaction.
///
/// It may run more than once (Postgres asks for that after a deadlock), so it borrows itself and
/// touches nothing but `tx`. What it answers is believed only after the commit. An `Err` undoes it;
/// a refusal that must leave a mark is an `Ok` of its own kind.
pub trait Operation: Send + Sync + 'static {
    type Output: Send + 'static;
    fn run(&self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// Whether the database answers.
pub struct Ping;

impl Operation for Ping {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let (_,): (i64,) = tx.one("SELECT CAST(1 AS BIGINT)", ()).await?;
        Ok(())
    }
}

#[derive(Clone)]
pub struct Store(Arc<Database>);

enum Database {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Store {
    /// Opens `sqlite:PATH` or `postgres://…`.
    pub fn connect(url: &str) -> Result<Self, Error> {
        let database = match url.strip_prefix("sqlite:") {
            Some(path) => Database::Sqlite(sqlite::Sqlite::open(path)?),
            None => Database::Postgres(postgres::Postgres::open(url)?),
        };
        Ok(Self(Arc::new(database)))
    }

    /// Opens a database and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let store = Self::connect(url)?;
        store.migrate().await?;
        Ok(store)
    }

    /// Brings the tables up to date; answers with the names of the files that were applied now.
    pub async fn migrate(&self) -> Result<Vec<&'static str>, Error> {
        let folder = match &*self.0 {
            Database::Sqlite(_) => migrate::SQLITE,
            Database::Postgres(_) => migrate::POSTGRES,
        };
        migrate::up(self, folder).await
    }

    /// Runs an operation; when this answers `Ok`, the change is on disk.
    pub async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        self.start(operation, Access::Write).await
    }

    /// Runs an operation that changes nothing, beside the writers and without a transaction: each
    /// statement sees what is committed by then. The database refuses a change.
    pub async fn read<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        self.start(operation, Access::Read).await
    }

    async fn start<O: Operation>(&self, op: O, access: Access) -> Result<O::Output, Error> {
        let answer = match &*self.0 {
            Database::Sqlite(database) => database.start(op, access)?,
            Database::Postgres(database) => database.start(op, access),
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::panicked()),
            Err(_) => Err(Error::Unavailable("no answer in time".into())),
        }
    }
}
