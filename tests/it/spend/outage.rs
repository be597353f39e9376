//! The database stops in the middle of load, and comes back.
use super::PRICED;
use crate::support::{Gate, MASTER_KEY, Seen, Wire, soon};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// SQLite is a file and cannot stop: its tables go instead.
const TABLES: [&str; 2] = ["keys", "changes"];

async fn shut(gate: &Gate, wire: Option<&Wire>) {
    match wire {
        Some(wire) => wire.shut(),
        None => {
            for table in TABLES {
                gate.lose(table).await;
            }
        }
    }
}

async fn open(gate: &Gate, wire: Option<&Wire>) {
    match wire {
        Some(wire) => wire.open(),
        None => {
            for table in TABLES {
                gate.find(table).await;
            }
        }
    }
}

/// What callers were answered, and how long the slowest answer took.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    answers: Mutex<(Vec<u16>, Duration)>,
}

impl Load {
    async fn run(&self, client: reqwest::Client, url: String, key: String) {
        let body = json!({"model": "priced", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]});
        while !self.stop.load(Ordering::SeqCst) {
            let began = Instant::now();
            let request = client.post(&url).bearer_auth(&key).json(&body);
            let status = Seen::of(request).await.status;
            let mut answers = self.answers.lock().unwrap();
            answers.0.push(status);
            answers.1 = answers.1.max(began.elapsed());
        }
    }

    fn so_far(&self) -> usize {
        self.answers.lock().unwrap().0.len()
    }
}

fn is_soon(seen: &Seen) {
    assert_eq!(seen.status, 503, "never 401: {seen:?}");
    assert!(seen.header("retry-after").is_some(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stops_under_load_stops_no_known_key_and_nothing_is_booked_twice() {
    let (gate, wire) = Gate::behind("spend_outage", PRICED).await;
    let (gate, wire) = (&gate, wire.as_ref());
    let warm = gate.generate(json!({"max_budget": 5})).await["key"].as_str().unwrap().to_owned();
    let cold = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    let load = Arc::new(Load::default());
    let url = format!("{}/v1/chat/completions", gate.url);
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (load, client) = (load.clone(), gate.client.clone());
            let (url, key) = (url.clone(), warm.clone());
            tokio::spawn(async move { load.run(client, url, key).await })
        })
        .collect();
    soon("calls are answered", async || load.so_far() > 100).await;
    shut(gate, wire).await;
    let before = load.so_far();
    is_soon(&gate.call(&cold, "priced").await);
    is_soon(&gate.get("/v1/models", &cold).await);
    soon("known keys go on", async || load.so_far() > before + 300).await;
    if wire.is_some() {
        assert_eq!(gate.get("/health/readiness", "").await.status, 503);
    }
    load.stop.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    let (answers, slowest) = load.answers.lock().unwrap().clone();
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    // What a call waits for is the upstream, not the database.
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    // Memory counts for server.database_grace, ten minutes by default, and no longer.
    gate.turn(599);
    assert_eq!(gate.call(&warm, "priced").await.status, 200);
    gate.turn(60);
    is_soon(&gate.call(&warm, "priced").await);

    open(gate, wire).await;
    soon("it recovers alone", async || gate.call(&warm, "priced").await.status == 200).await;
    assert_eq!(gate.call(&cold, "priced").await.status, 200);
    let answered = gate.upstream.calls();
    soon("all is booked", async || booked(gate).await == answered).await;
    // Once.
    let rows = logs_of(gate, &warm).await;
    let used = gate.get("/key/info", &warm).await.json()["info"].clone();
    assert_eq!((rows.len() + 1, &used["usage"]["calls"]), (answered, &json!(rows.len())));
    let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| row["id"].to_string()).collect();
    assert_eq!(ids.len(), rows.len());
    assert_eq!(used["limits"][0]["spend"], used["spend"], "{used}");
}

async fn booked(gate: &Gate) -> usize {
    let days = gate.get("/user/daily/activity", MASTER_KEY).await.json();
    usize::try_from(days["metadata"]["api_requests"].as_u64().unwrap()).unwrap()
}

/// All of them: there may be more than a page has.
async fn logs_of(gate: &Gate, key: &str) -> Vec<Value> {
    let id = gate.get("/key/info", key).await.json()["id"].as_str().unwrap().to_owned();
    let mut rows: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/spend/logs?page_size=1000&key_id={id}{cursor}");
        let page = gate.get(&path, MASTER_KEY).await.json();
        rows.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}
