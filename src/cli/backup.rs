//! `gatekey backup FILE`.
use super::{failure::Failure, opened::load};
use crate::{config::Database, store};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Backup {
    /// The file to write; it must not exist yet
    file: PathBuf,
}

impl Backup {
    pub(super) fn run(self, config: Option<PathBuf>) -> Result<(), Failure> {
        let config = load(config)?;
        let Database::Sqlite(from) = &config.server.database else {
            return Err(Failure::usage("backup is for SQLite; for Postgres use pg_dump"));
        };
        if !from.exists() {
            let text = format!("there is no database at {} (server.database)", from.display());
            return Err(Failure::failed(text));
        }
        if self.file.exists() {
            let text = format!("{} exists already: name a new file", self.file.display());
            return Err(Failure::failed(text));
        }
        let (from, to) = (from.display().to_string(), self.file.display().to_string());
        store::backup(&from, &to).map_err(|error| Failure::failed(format!("{to}: {error}")))?;
        println!("{to}");
        eprintln!("To go back to it, stop Gatekey and put it in the place of {from}.");
        Ok(())
    }
}
