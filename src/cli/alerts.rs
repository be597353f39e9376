//! `gatekey alerts`.
use super::{failure::Failure, opened};
use crate::{
    alerts::{Outcome, send},
    model::{Alert, AlertKind},
    world::{Clock, Entropy, Outbound},
};
use clap::Subcommand;
use serde_json::json;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Send one alert of the type "test" to alerts.url, now and once, and say what it answered
    ///
    /// Signed as all others are (Standard Webhooks 1.0). Nothing is kept, and nothing is tried again.
    Test,
}

impl Verb {
    pub(super) async fn run(self, file: Option<PathBuf>) -> Result<(), Failure> {
        let Self::Test = self;
        let config = opened::load(file)?;
        let Some(alerts) = &config.alerts else {
            return Err(Failure::usage("[alerts] has no url: there is nobody to tell"));
        };
        let (now, number) = (Clock::system().now(), Entropy::system().draw());
        let alert = Alert {
            kind: AlertKind::Test,
            once: format!("test {} {number:?}", now.0),
            at: now,
            data: json!({"text": "Gatekey can reach you."}),
        };
        let (id, body) = (alert.id(), alert.body());
        match send(&Outbound::new(), alerts, (&id, &body), now).await {
            Outcome::Arrived(status) => {
                println!("{id} has arrived at {}: it answered {status}", alerts.url);
                Ok(())
            }
            other => {
                Err(Failure::failed(format!("{id} did not arrive at {}: {other}", alerts.url)))
            }
        }
    }
}
