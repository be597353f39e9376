//! `gatekey prices rerate`.
use super::{failure::Failure, opened::Opened, table};
use crate::{
    config::Config,
    model::{ChargeId, NanoDollars, Tariff, Timestamp},
    store::rerate::{Difference, NoteRerate, Rerate},
};
use clap::Args;
use std::{collections::BTreeMap, path::PathBuf};

/// Said on the way, so often.
const PROGRESS: i64 = 50_000;

#[derive(Args)]
pub(super) struct Verb {
    /// From this day on (2026-11-01), UTC
    #[arg(long, value_name = "DATE")]
    from: String,
    /// Only this [[model]]'s
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Write it; without this nothing is changed
    #[arg(long)]
    apply: bool,
}

impl Verb {
    pub(super) async fn run(self, file: Option<PathBuf>) -> Result<(), Failure> {
        let opened = Opened::open(file).await?;
        let at = Timestamp::parse(&self.from)
            .ok_or_else(|| Failure::usage("--from must be a date, such as 2026-11-01"))?;
        let tariffs = tariffs(&opened.config);
        if let Some(model) = self.model.as_ref().filter(|model| !tariffs.contains_key(*model)) {
            return Err(Failure::failed(format!("the settings have no [[model]] {model:?}")));
        }
        let rerate = Rerate {
            from: ChargeId::first_at(at),
            tariffs: tariffs.into(),
            model: self.model.clone(),
            apply: self.apply,
            at: opened.clock.now(),
        };
        if self.apply {
            self.note(&opened, format!("from {}: begun", self.from)).await?;
        }
        let by_model = self.all(&opened, rerate).await?;
        self.tell(&by_model);
        if self.apply {
            let all = by_model.values().fold(Difference::default(), |mut sum, of| {
                sum += *of;
                sum
            });
            let (changed, rows) = (all.changed, all.rows);
            let difference = signed(all.after - all.before);
            let detail = format!(
                "from {}: {changed} of {rows} calls, a difference of {difference}",
                self.from
            );
            self.note(&opened, detail).await?;
        }
        Ok(())
    }

    /// Batch by batch, telling how far it is.
    async fn all(
        &self,
        opened: &Opened,
        mut rerate: Rerate,
    ) -> Result<BTreeMap<String, Difference>, Failure> {
        let mut by_model: BTreeMap<String, Difference> = BTreeMap::new();
        let mut told = 0;
        loop {
            // A dry run only reads.
            let done = if self.apply {
                opened.store.write(rerate.clone()).await
            } else {
                opened.store.read(rerate.clone()).await
            };
            let done = match done {
                Ok(done) => done,
                Err(error) => {
                    self.tell(&by_model);
                    return Err(Failure::failed(format!(
                        "stopped: {error}; what is shown above stands, and the same command goes on"
                    )));
                }
            };
            for (model, difference) in done.by_model {
                *by_model.entry(model).or_default() += difference;
            }
            let rows = by_model.values().map(|of| of.rows).sum::<i64>();
            if rows - told >= PROGRESS {
                told = rows;
                eprintln!("{rows} calls looked at");
            }
            match done.next {
                Some(next) => rerate.from = next,
                None => return Ok(by_model),
            }
        }
    }

    async fn note(&self, opened: &Opened, detail: String) -> Result<(), Failure> {
        let (model, act) = (self.model.clone(), opened.act());
        Ok(opened.store.write(NoteRerate { detail, model, act }).await?)
    }

    fn tell(&self, by_model: &BTreeMap<String, Difference>) {
        let row = |(model, of): (&String, &Difference)| {
            let dollars = |nano: i64| NanoDollars(nano.max(0)).in_words();
            vec![
                model.clone(),
                of.rows.to_string(),
                of.changed.to_string(),
                dollars(of.before),
                dollars(of.after),
                signed(of.after - of.before),
            ]
        };
        let rows: Vec<_> = by_model.iter().map(row).collect();
        table::print(&["MODEL", "CALLS", "CHANGED", "COST", "COST NOW", "DIFFERENCE"], &rows);
        for (model, of) in by_model.iter().filter(|(_, of)| of.left > 0) {
            println!("{model} is in the settings no more: its {} calls stay as they are", of.left);
        }
        if by_model.is_empty() {
            println!("no calls since {}", self.from);
        } else if !self.apply {
            println!("nothing was written: --apply does");
        }
    }
}

fn signed(nano: i64) -> String {
    let text = NanoDollars(nano.saturating_abs()).in_words();
    if nano < 0 { format!("-{text}") } else { format!("+{text}") }
}

/// What each model costs by the settings of now.
fn tariffs(config: &Config) -> BTreeMap<String, Tariff> {
    config.models.iter().map(|model| (model.name.clone(), model.facts.tariff())).collect()
}
