//! `gatekey explain`.
use super::{failure::Failure, opened, table};
use crate::world::Outbound;
use bytes::Bytes;
use clap::Args;
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Value, json};
use std::{io::Read as _, path::PathBuf, time::Duration};

#[derive(Args)]
pub(super) struct Explain {
    /// The id of a key, as `gatekey key list` shows it; - reads the key itself from standard input
    #[arg(value_name = "KEY_ID|-")]
    key: String,
    /// The name that callers say
    model: String,
    /// The path of the call, such as /v1/messages
    route: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) async fn run(self, file: Option<PathBuf>) -> Result<(), Failure> {
        let config = opened::load(file)?;
        let Some(master) = &config.server.master_key else {
            let text = "server.master_key is not set: it is what asks the running server";
            return Err(Failure::usage(text));
        };
        let key = if self.key == "-" { from_stdin()? } else { self.key };
        let mut listen = config.server.listen;
        if listen.ip().is_unspecified() {
            listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let body = json!({"key": key, "model": self.model, "route": self.route});
        let request = Request::post(format!("http://{listen}/key/explain"))
            .header(header::AUTHORIZATION, format!("Bearer {}", master.expose()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| Failure::failed(error.to_string()))?;
        let answer = Outbound::new().fetch(request, Duration::from_secs(10), 1 << 20).await;
        let answer = answer.map_err(|trouble| {
            let text = format!("the server at {listen} {trouble}: is `gatekey serve` running?");
            Failure::failed(text)
        })?;
        let said: Value = serde_json::from_slice(answer.body())
            .map_err(|_| Failure::failed(format!("{listen} is no Gatekey of this version")))?;
        if !answer.status().is_success() {
            let message = said["error"]["message"].as_str().unwrap_or("it refused to say");
            return Err(Failure::failed(message.to_owned()));
        }
        if self.json {
            println!("{said}");
        } else {
            show(&said);
        }
        Ok(())
    }
}

fn from_stdin() -> Result<String, Failure> {
    let mut key = String::new();
    let read = std::io::stdin().take(4096).read_to_string(&mut key);
    read.map_err(|error| Failure::failed(format!("standard input: {error}")))?;
    Ok(key.trim().to_owned())
}

fn show(said: &Value) {
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |rule: &Value| {
        let verdict = if rule["refuses"] == true { "REFUSES" } else { "ok" };
        let dollars = |member: &str| rule[member].as_f64().unwrap_or_default();
        let says = match (&rule["says"], dollars("reserved")) {
            (Value::String(says), _) => says.clone(),
            _ if rule["rule"] != "budget" => {
                format!("{} of {} used", text(&rule["used"]), text(&rule["limit"]))
            }
            (_, reserved) => {
                let spent = format!("${} of ${} spent", dollars("used"), dollars("limit"));
                if reserved > 0.0 { format!("{spent}, ${reserved} reserved") } else { spent }
            }
        };
        let resets = text(&rule["reset_at"]);
        vec![verdict.into(), text(&rule["rule"]), text(&rule["of"]), says, resets]
    };
    let rows: Vec<_> = said["rules"].as_array().into_iter().flatten().map(row).collect();
    table::print(&["", "RULE", "OF", "FIGURES", "RESETS"], &rows);
    let admitted = said["admitted"] == true;
    println!("{}", if admitted { "a call would be let in" } else { "a call would be refused" });
}
