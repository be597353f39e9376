//! `gatekey spend`.
use super::{failure::Failure, opened::Opened, table};
use crate::{
    model::Timestamp,
    store::{
        activity::{By, Share, Spend as Sums},
        slices::{ByDayAndWhom, Cell, Slice},
    },
    web,
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
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV for a spreadsheet: a line for each day, and model, of each of them; all, whatever --limit says
    #[arg(long)]
    csv: bool,
}

/// More is no report.
const MOST_ROWS: i64 = 1_000_000;

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
        if self.csv {
            let slice = Slice { from, to, ..Slice::default() };
            let cut = ByDayAndWhom { slice, by: self.by.column(), limit: MOST_ROWS };
            let cells = opened.store.read(cut).await?;
            if i64::try_from(cells.len()).is_ok_and(|rows| rows >= MOST_ROWS) {
                let text = format!("there are {MOST_ROWS} lines or more: ask for fewer days");
                return Err(Failure::failed(text));
            }
            let rows: Vec<_> = cells.iter().map(|cell| self.as_cells(cell)).collect();
            print!("{}", web::csv(&rows));
            return Ok(());
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

    fn as_cells(&self, cell: &Cell) -> Vec<(String, serde_json::Value)> {
        let (whose, usage) = (self.by.name().to_lowercase(), &cell.usage);
        let date = Timestamp(cell.day.saturating_mul(86_400)).date();
        let mut cells = vec![("date".to_owned(), json!(date)), (whose.clone(), json!(cell.of))];
        if whose != "model" {
            cells.push(("model".to_owned(), json!(cell.model)));
        }
        for (name, value) in [
            ("cost", json!(usage.cost.to_string())),
            ("calls", json!(usage.calls)),
            ("input_tokens", json!(usage.input_tokens)),
            ("output_tokens", json!(usage.output_tokens)),
            ("unpriced_calls", json!(usage.unpriced_calls)),
        ] {
            cells.push((name.to_owned(), value));
        }
        cells
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
