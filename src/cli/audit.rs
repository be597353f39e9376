//! `gatekey audit`.
use super::{failure::Failure, opened::Opened, table};
use crate::{
    model::Timestamp,
    store::audit::{Line, Lines},
};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Audit {
    /// Only what this person, `master_key` or `command line` did
    #[arg(long)]
    actor: Option<String>,
    /// Only this kind of act, such as user.block or signin.refused
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to this id
    #[arg(long)]
    subject: Option<String>,
    /// Only what concerns this person's id: them, their keys, their places in teams
    #[arg(long)]
    user: Option<String>,
    /// From this date (2026-11-25) or moment (2026-11-25T12:00:00Z) on, UTC
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Before this date or moment, UTC
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// So many lines, the newest
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) async fn run(self, config: Option<PathBuf>) -> Result<(), Failure> {
        let opened = Opened::open(config).await?;
        let moment = |name: &str, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => Timestamp::parse(&text).map(Some).ok_or_else(|| {
                let kind = "a date (2026-11-25) or a moment (2026-11-25T12:00:00Z)";
                Failure::usage(format!("{name} must be {kind}"))
            }),
        };
        let lines = Lines {
            actor: self.actor,
            action: self.action,
            subject: self.subject,
            user: self.user,
            since: moment("--since", self.since)?,
            until: moment("--until", self.until)?,
            after: None,
            limit: self.limit,
        };
        let found = opened.store.read(lines).await?;
        if self.json {
            for line in &found {
                println!("{}", line.as_json());
            }
            return Ok(());
        }
        let rows: Vec<_> = found.iter().map(as_row).collect();
        table::print(&["WHEN", "WHO", "WHAT", "TO WHOM", "FROM", "DETAIL"], &rows);
        Ok(())
    }
}

fn as_row(line: &Line) -> Vec<String> {
    let change = match (&line.before, &line.after) {
        (Some(before), Some(after)) => format!(" {before} -> {after}"),
        _ => String::new(),
    };
    vec![
        line.at.rfc3339(),
        line.actor.clone(),
        line.action.clone(),
        match line.user.as_ref().filter(|user| **user != line.subject) {
            Some(user) => format!("{} of {user}", line.subject),
            None => line.subject.clone(),
        },
        line.address.clone().unwrap_or_else(|| "-".into()),
        format!("{}{change}", line.detail).trim().to_owned(),
    ]
}
