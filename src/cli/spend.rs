//! `gatekey spend`.
use super::{failure::Failure, opened::Opened, table};
use crate::{
    model::Timestamp,
    store::activity::{By, Share, Spend as Sums},
};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;

/// Without dates: so many days, today as the last.
const DAYS: i64 = 30;

#[derive(Args)]
pub(super) struct Spend {
    /// Whose sums to show
    #[arg(long, value_enum, default_value = "user")]
    by: Whose,
    /// From this day on (2026-11-01), UTC [default: 30 days up to --to]
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Up to this day, UTC; it counts too [default: today]
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// So many lines, the dearest
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Whose {
    User,
    Team,
    App,
    Key,
    Model,
}

impl Spend {
    pub(super) async fn run(self, config: Option<PathBuf>) -> Result<(), Failure> {
        let opened = Opened::open(config).await?;
        let day = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Timestamp::parse(text).map(|at| Some(at.day())).ok_or_else(|| {
                Failure::usage(format!("{name} must be a date, such as 2026-11-25"))
            }),
        };
        let to = day("--to", &self.to)?.unwrap_or_else(|| opened.clock.now().day());
        let from = day("--from", &self.from)?.unwrap_or(to - DAYS + 1);
        if from > to {
            return Err(Failure::usage("--from must not be after --to"));
        }
        let sums = Sums { by: self.by.column(), from, to, limit: self.limit };
        let shares = opened.store.read(sums).await?;
        if self.json {
            for share in &shares {
                println!("{}", self.as_json(share));
            }
            return Ok(());
        }
        let rows: Vec<_> = shares.iter().map(as_row).collect();
        let head = [self.by.name(), "CALLS", "TOKENS IN", "TOKENS OUT", "COST"];
        table::print(&head, &rows);
        Ok(())
    }

    fn as_json(&self, share: &Share) -> serde_json::Value {
        let mut said = share.usage.as_json();
        let of = share.of.as_ref().filter(|of| !of.is_empty());
        said[self.by.name().to_lowercase()] = json!(of);
        said
    }
}

fn as_row(share: &Share) -> Vec<String> {
    let usage = &share.usage;
    vec![
        share.of.clone().filter(|of| !of.is_empty()).unwrap_or_else(|| "-".into()),
        usage.calls.to_string(),
        usage.input_tokens.to_string(),
        usage.output_tokens.to_string(),
        usage.cost_in_words(),
    ]
}

impl Whose {
    fn column(self) -> By {
        match self {
            Self::User => By::User,
            Self::Team => By::Team,
            Self::App => By::App,
            Self::Key => By::Key,
            Self::Model => By::Model,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Team => "TEAM",
            Self::App => "APP",
            Self::Key => "KEY",
            Self::Model => "MODEL",
        }
    }
}
