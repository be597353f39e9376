//! The settings and the database, opened for a verb.
use super::failure::Failure;
use crate::{
    config::{Config, Database, LogFormat, Sources},
    model::{Hash, Team, User},
    store::{Store, audit::Act, teams::TeamNamed, users::FindUsers},
    world::{Clock, Entropy},
};
use std::{io::IsTerminal as _, path::PathBuf};
use tracing_subscriber::EnvFilter;

pub(super) struct Opened {
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
}

pub(super) fn load(file: Option<PathBuf>) -> Result<Config, Failure> {
    Ok(Config::load(&Sources::of_process(file))?)
}

impl Opened {
    pub(super) async fn open(file: Option<PathBuf>) -> Result<Self, Failure> {
        Self::with(load(file)?).await
    }

    pub(super) async fn with(config: Config) -> Result<Self, Failure> {
        let store = Store::open(&url(&config)).await.map_err(|error| {
            let place = place(&config);
            Failure::failed(format!("server.database ({place}) cannot be opened: {error}"))
        })?;
        Ok(Self { config, store, clock: Clock::system(), entropy: Entropy::system() })
    }

    /// For the audit: whoever has a shell here.
    pub(super) fn act(&self) -> Act {
        Act {
            id: Hash(self.entropy.draw()),
            at: self.clock.now(),
            actor: "command line".into(),
            address: None,
        }
    }

    /// The team a text means: its id or its name.
    pub(super) async fn team(&self, text: &str) -> Result<Team, Failure> {
        let found = self.store.read(TeamNamed(text.to_owned())).await?;
        found.map(|(team, _)| team).ok_or_else(|| {
            Failure::failed(format!("there is no team {text:?}: `gatekey team list` shows all"))
        })
    }

    /// The one person a text means: an id, a local account, or an e-mail that only one has.
    pub(super) async fn person(&self, text: &str) -> Result<User, Failure> {
        let mut found = self.store.read(FindUsers(text.to_owned())).await?;
        match (found.pop(), found.as_slice()) {
            (Some(user), []) => Ok(user),
            (None, _) => Err(Failure::failed(format!(
                "nobody is known as {text:?}: `gatekey user list` shows who is, `gatekey user add` adds a \
                 local account"
            ))),
            (Some(user), others) => {
                let ids: Vec<_> = others.iter().chain([&user]).map(|u| u.id.to_string()).collect();
                Err(Failure::usage(format!(
                    "{text:?} is the e-mail of several people; say which by id: {}",
                    ids.join(", ")
                )))
            }
        }
    }
}

pub(super) fn url(config: &Config) -> String {
    match &config.server.database {
        Database::Sqlite(path) => format!("sqlite:{}", path.display()),
        Database::Postgres(url) => url.clone(),
    }
}

/// Where the database is, without its password.
pub(super) fn place(config: &Config) -> String {
    match &config.server.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres(url) => {
            let after = url.rsplit_once('@').map_or(url.as_str(), |(_, place)| place);
            let place = after.split_once("://").map_or(after, |(_, place)| place);
            format!("postgres at {}", place.split('?').next().unwrap_or_default())
        }
    }
}

/// Logs go to stderr; `RUST_LOG` says how many.
pub(super) fn log(format: LogFormat, quiet: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Human => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    drop(set);
}
