//! `gatekey prices`.
use super::{failure::Failure, opened, rerate::Verb as Rerate, table};
use crate::{
    config::{Config, Model},
    model::{Facts, NanoDollars, PriceTable, PricedBy},
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;

/// So many letters in common make a name a likely one.
const ALIKE: usize = 5;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Each [[model]] of the settings with its price
    List(List),
    /// All that is known of one model: its price, what it takes and what it can
    ///
    /// MODEL is the name of a [[model]], or else a model of the table that ships with Gatekey. Prices are dollars
    /// for a million tokens; those that begin with per_ are dollars a unit. [model.price] in the settings replaces
    /// the table's price of that model as a whole.
    Show(Show),
    /// Reckon what calls cost again, with the prices of now
    ///
    /// After a price was wrong and has been corrected in the settings: the rows of the books since that day, the sums by
    /// day and label, and what budgets have spent in the windows that run. Shows the difference by model, and writes
    /// nothing without --apply. Calls go on meanwhile; restart the servers first, so that they know the new price.
    /// Rows older than `server.calls_kept` are gone, and their sums stay.
    Rerate(Rerate),
}

#[derive(Args)]
pub(super) struct List {
    /// One JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Show {
    /// The name that callers say, or the provider's own
    model: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Verb {
    pub(super) async fn run(self, file: Option<PathBuf>) -> Result<(), Failure> {
        if let Self::Rerate(rerate) = self {
            return rerate.run(file).await;
        }
        let config = opened::load(file)?;
        match self {
            Self::Rerate(_) => Ok(()),
            Self::List(list) => {
                list.run(&config);
                Ok(())
            }
            Self::Show(show) => show.run(&config),
        }
    }
}

impl List {
    fn run(self, config: &Config) {
        if self.json {
            let all: Vec<Value> =
                config.models.iter().map(|model| Found::configured(model).as_json()).collect();
            println!("{}", Value::Array(all));
            return;
        }
        let row = |model: &Model| {
            let found = Found::configured(model);
            let price = |part| found.part(part).unwrap_or_else(|| "unknown".into());
            let (input, output) = (price("input"), price("output"));
            vec![model.name.clone(), model.upstream_model.clone(), input, output, found.from()]
        };
        let rows: Vec<_> = config.models.iter().map(row).collect();
        if rows.is_empty() {
            println!("the settings have no [[model]]; `gatekey prices show NAME` asks the table");
            return;
        }
        table::print(&["MODEL", "UPSTREAM'S NAME", "$/M INPUT", "$/M OUTPUT", "PRICE FROM"], &rows);
    }
}

impl Show {
    fn run(self, config: &Config) -> Result<(), Failure> {
        let configured = config.models.iter().find(|model| model.name == self.model);
        let found = configured.map(Found::configured).or_else(|| Found::shipped(&self.model));
        let Some(found) = found else { return Err(unknown(&self.model)) };
        if self.json {
            println!("{}", found.as_json());
            return Ok(());
        }
        let mut lines = vec![("model", found.name.clone()), ("price from", found.from())];
        lines.extend(
            found
                .facts
                .price
                .named()
                .filter_map(|(name, price)| price.map(|price| (name, in_words(name, price)))),
        );
        let facts = &found.facts;
        for (name, number) in [
            ("context_length", facts.context_length),
            ("max_output_tokens", facts.max_output_tokens),
        ] {
            lines.extend(number.map(|number| (name, number.to_string())));
        }
        for (name, can) in [("vision", facts.vision), ("tools", facts.tools)] {
            lines.extend(can.map(|can| (name, if can { "yes" } else { "no" }.to_owned())));
        }
        for (name, value) in lines {
            println!("{name:<18} {value}");
        }
        Ok(())
    }
}

fn in_words(part: &str, price: NanoDollars) -> String {
    if part.starts_with("per_") {
        format!("${price}")
    } else {
        format!("${price} a million tokens")
    }
}

/// A model, and what is known of it.
struct Found {
    name: String,
    facts: Facts,
}

impl Found {
    fn configured(model: &Model) -> Self {
        Self { name: model.name.clone(), facts: model.facts.clone() }
    }

    /// Of the table, by its provider's name for it.
    fn shipped(name: &str) -> Option<Self> {
        let table = PriceTable::shipped();
        let (provider, name) = table.names().find(|(_, known)| *known == name)?;
        Some(Self { name: name.to_owned(), facts: table.of(provider, name)? })
    }

    fn part(&self, part: &str) -> Option<String> {
        let (_, price) = self.facts.price.named().find(|(name, _)| *name == part)?;
        price.map(|price| price.to_string())
    }

    fn from(&self) -> String {
        let table = PriceTable::shipped();
        match self.facts.priced_by {
            Some(PricedBy::Settings) => "the settings".into(),
            Some(PricedBy::Demo) => "built in".into(),
            Some(PricedBy::Table) => format!("table {} of {}", table.version, table.date),
            None => "nobody: it is unknown".into(),
        }
    }

    fn as_json(&self) -> Value {
        let facts = &self.facts;
        let by_table = facts.priced_by == Some(PricedBy::Table);
        let price: serde_json::Map<String, Value> = facts
            .price
            .named()
            .filter_map(|(name, price)| Some((name.to_owned(), json!(price?.to_string()))))
            .collect();
        json!({
            "model": self.name,
            "price_from": facts.priced_by.map(|by| match by {
                PricedBy::Settings => "settings",
                PricedBy::Table => "table",
                PricedBy::Demo => "demo",
            }),
            "price_version": facts.tariff().version,
            "price_date": by_table.then(|| &PriceTable::shipped().date),
            "price": price,
            "context_length": facts.context_length,
            "max_output_tokens": facts.max_output_tokens,
            "vision": facts.vision,
            "tools": facts.tools,
        })
    }
}

fn unknown(model: &str) -> Failure {
    let alike = |name: &str| model.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
    let mut near: Vec<&str> = PriceTable::shipped().names().map(|(_, name)| name).collect();
    near.retain(|name| alike(name) >= ALIKE);
    near.sort_by_key(|name| (std::cmp::Reverse(alike(name)), name.len()));
    near.truncate(5);
    let like =
        if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
    Failure::failed(format!(
        "{model:?} is neither a [[model]] of the settings nor in the table of prices{like}"
    ))
}
