//! Owns the settings: `gatekey.toml`, the environment over it, and LiteLLM's names for what is still unset.
//!
//! All of it is read once, at the start; every mistake is reported at once, with its place and its cure.
//! Never here: a connection, a listener, or a change of the environment.
mod alerts;
mod connect;
mod idps;
mod limits;
mod litellm;
mod reader;
mod secret;
mod server;
mod setting;
mod signin;
mod upstreams;

pub use alerts::{Alerts, WebhookSecret};
pub use connect::Connect;
pub use idps::{Endpoints, Headers, Idp, Kind as IdpKind, Microsoft, Names as ClaimNames};
pub use limits::{Generate, LimitRules};
pub use reader::Problem;
pub use secret::{Keyring, Secret};
pub use server::{Database, LogFormat, SecretSource, Server};
pub use setting::{BaseUrl, ByteSize};
pub use signin::Signin;
pub use upstreams::{Kind as UpstreamKind, Model, Upstream};

use reader::Reader;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub connect: Connect,
    pub signin: Signin,
    pub limits: LimitRules,
    /// `None`: nobody is told.
    pub alerts: Option<Alerts>,
    pub idps: Vec<Idp>,
    pub upstreams: Vec<Upstream>,
    pub models: Vec<Model>,
    /// Said once in the log and by `gatekey check`.
    pub warnings: Vec<String>,
}

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `None`: `./gatekey.toml`, if it is there.
    pub file: Option<PathBuf>,
    /// Settings that stand in no file, and the folder that relative paths start from.
    pub text: Option<(String, PathBuf)>,
    pub environment: BTreeMap<String, String>,
}

/// Everything that is wrong, in the order of the file.
#[derive(Debug)]
pub struct Problems(pub Vec<Problem>);

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Sources {
    /// This process's own environment.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { file, text: None, environment }
    }
}

impl Config {
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        let mut reader = Reader::open(sources).map_err(|problem| Problems(vec![problem]))?;
        let server = Server::read(&mut reader);
        let connect = Connect::read(&mut reader);
        let signin = Signin::read(&mut reader);
        let limits = LimitRules::read(&mut reader);
        let alerts = alerts::read(&mut reader);
        let mut idps = idps::read(&mut reader, signin.policy.looks_at_groups());
        idps.extend(litellm::idps(&mut reader));
        idps::ask_for_groups(&mut idps, signin.policy.looks_at_groups());
        idps::give_domains(&mut reader, &mut idps, &signin.claim_domains);
        idps::warn_of_open_doors(&mut reader, &idps, &signin.policy);
        let upstreams = upstreams::read_upstreams(&mut reader);
        let models = upstreams::read_models(&mut reader, &upstreams);
        litellm::warn_of_the_rest(&mut reader);
        let warnings = reader.finish()?;
        Ok(Self { server, connect, signin, limits, alerts, idps, upstreams, models, warnings })
    }
}

/// Relative paths are relative to the file that names them.
fn beside(folder: &Path, path: &str) -> PathBuf {
    folder.join(path)
}
