//! A process that is killed has lost nothing of what it answered.
use crate::{
    cli::Cli,
    support::{MASTER_KEY, Seen, Upstream},
};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

async fn client_of(url: String, key: String, whole: Arc<AtomicUsize>, stop: Arc<AtomicBool>) {
    let client = reqwest::Client::new();
    let mut count = 0;
    while !stop.load(Ordering::SeqCst) {
        count += 1;
        let body = json!({"model": "gpt-4o-mini", "stream": count % 3 == 0,
            "messages": [{"role": "user", "content": "Hello"}]});
        let sent = client.post(format!("{url}/v1/chat/completions")).bearer_auth(&key).json(&body);
        let Ok(answer) = sent.send().await else { break };
        if answer.status() != 200 {
            break;
        }
        let Ok(text) = answer.text().await else { break };
        // Without its end an answer is none.
        if count % 3 != 0 || text.contains("[DONE]") {
            whole.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_ten_times_in_the_middle_of_load_has_lost_no_call_and_booked_none_twice() {
    let upstream = Upstream::start().await;
    let cli = Cli::new("spend_crash").await;
    cli.serve_models_of(&upstream.url);
    let (whole, mut key) = (Arc::new(AtomicUsize::new(0)), String::new());
    for round in 0..10 {
        let mut server = cli.serve().await;
        if key.is_empty() {
            let request = reqwest::Client::new().post(format!("{}/key/generate", cli.url()));
            let made = Seen::of(request.bearer_auth(MASTER_KEY).json(&json!({}))).await;
            key = made.json()["key"].as_str().unwrap().to_owned();
        }
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..8)
            .map(|_| tokio::spawn(client_of(cli.url(), key.clone(), whole.clone(), stop.clone())))
            .collect();
        let before = whole.load(Ordering::SeqCst);
        crate::support::soon("calls were answered", async || {
            whole.load(Ordering::SeqCst) > before + 40 + 13 * round
        })
        .await;
        server.0.kill().unwrap();
        server.0.wait().unwrap();
        stop.store(true, Ordering::SeqCst);
        for client in clients {
            client.await.unwrap();
        }
    }
    let _server = cli.serve().await;
    let get = async |path: &str| -> Value {
        let request = reqwest::Client::new().get(format!("{}{path}", cli.url()));
        Seen::of(request.bearer_auth(MASTER_KEY)).await.json()
    };
    let (mut rows, mut tokens, mut cursor) = (0, 0, String::new());
    loop {
        let page = get(&format!("/spend/logs?page_size=1000{cursor}")).await;
        for row in page["data"].as_array().unwrap() {
            rows += 1;
            tokens += row["total_tokens"].as_i64().unwrap();
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let (answered, asked) = (whole.load(Ordering::SeqCst), upstream.calls());
    // What the upstream answered when nobody was there to hear it any more is not known: eight each time.
    assert!(
        answered <= rows && rows <= asked && asked <= answered + 80,
        "{answered} {rows} {asked}"
    );
    let days = get("/user/daily/activity").await;
    assert_eq!(days["metadata"]["api_requests"].as_u64().unwrap(), rows as u64);
    assert_eq!(days["metadata"]["total_tokens"].as_i64().unwrap(), tokens);
    let said = cli.run(&["spend", "--by", "model", "--json"]).good();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["model"], &said["calls"]), (&json!("gpt-4o-mini"), &json!(rows)));
    let table = cli.run(&["spend", "--by", "team"]).good();
    assert!(table.starts_with("TEAM") && table.contains(&rows.to_string()), "{table}");
    assert_eq!(cli.run(&["spend", "--from", "tomorrow"]).code, Some(2));
}
