//! Owns the command line: a file a verb. Never here: what a verb means to the store or to a server.
#![expect(clippy::print_stdout, reason = "a command line speaks on stdout")]
mod alerts;
mod audit;
mod backup;
mod check;
mod demo;
mod explain;
mod failure;
mod key;
mod migrate;
mod opened;
mod prices;
mod rerate;
mod serve;
mod spend;
mod table;
mod team;
mod user;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::{path::PathBuf, process::ExitCode};

/// Turns a company sign-in into an LLM API key, and then guards that key.
///
/// Gatekey stands in front of a company's LLM APIs. An app sends the user's browser to it; it signs the user
/// in with the company's identity provider, asks for consent, and hands the app a key of its own:
/// short-lived, listed, revocable. Calls with that key are checked and streamed through.
///
/// Try it without any settings:   gatekey demo
/// Run it:                        gatekey check && gatekey serve
///
/// Settings come from gatekey.toml, from GATEKEY_SECTION_KEY in the environment (which wins), and from the
/// environment of a LiteLLM deployment for what is still unset.
///
/// Exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration.
#[derive(Parser)]
#[expect(clippy::doc_markdown, reason = "it is the text of --help")]
#[command(name = "gatekey", version, verbatim_doc_comment, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// The settings file [default: ./gatekey.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve until SIGINT or SIGTERM
    ///
    /// On the first signal readiness turns 503, new calls are refused, and open streams may end within
    /// server.drain. A second signal stops at once.
    Serve,
    /// Try everything on this computer: no file, no account, no network
    ///
    /// Starts with an embedded database, a local account, and a built-in model that streams an answer.
    /// Prints lines to copy: a link to open, a name and a password, and a call with the key.
    Demo(demo::Demo),
    /// Judge the settings, and say what they mean
    Check(check::Check),
    /// Bring the database's tables up to date (serve does it too)
    Migrate,
    /// Make, list and end keys
    #[command(subcommand)]
    Key(key::Verb),
    /// Add, list, block and unblock people
    #[command(subcommand)]
    User(user::Verb),
    /// Make and change teams, and say who is in them
    #[command(subcommand)]
    Team(team::Verb),
    /// Show what each model costs, and who says so
    #[command(subcommand)]
    Prices(prices::Verb),
    /// Say why a call would be refused: every rule it would meet, with the figures of this moment
    ///
    /// Asks the running server, with the settings' master key: what is reserved is known there and nowhere else.
    /// Nothing is counted by it. Exit code 0 whether or not the call would be let in.
    Explain(explain::Explain),
    /// Show what was used and what it cost, by person, team, app, key or model
    ///
    /// Read from the sums by day, in UTC. Calls of models without a price are counted, and their cost is not known:
    /// a sum that lacks them says "and more".
    Spend(spend::Spend),
    /// Show who did what to whom, the newest first
    Audit(audit::Audit),
    /// Try the webhook that operators are told by
    #[command(subcommand)]
    Alerts(alerts::Verb),
    /// Copy the SQLite database to a new file, while it is served
    Backup(backup::Backup),
}

/// Runs the verb of this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One TLS provider for the whole process; a second call finds it there.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("gatekey: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(Arguments { verb, config }: Arguments) -> Result<(), Failure> {
    match verb {
        Verb::Serve => serve::run(config).await,
        Verb::Demo(demo) => demo.run().await,
        Verb::Check(check) => check.run(config).await,
        Verb::Migrate => migrate::run(config).await,
        Verb::Key(verb) => verb.run(config).await,
        Verb::User(verb) => verb.run(config).await,
        Verb::Team(verb) => verb.run(config).await,
        Verb::Prices(verb) => verb.run(config).await,
        Verb::Explain(explain) => explain.run(config).await,
        Verb::Spend(spend) => spend.run(config).await,
        Verb::Audit(audit) => audit.run(config).await,
        Verb::Alerts(verb) => verb.run(config).await,
        Verb::Backup(backup) => backup.run(config),
    }
}
