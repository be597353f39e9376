//! What operators are told by webhook: each once, signed, tried again until it has arrived.
use crate::{
    cli::Cli,
    spend::{PRICED, say},
    support::{Gate, MASTER_KEY, soon},
};
use aws_lc_rs::hmac;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

const KEY: [u8; 32] = *b"thirty-two bytes of a secret key";

/// Somebody who receives webhooks, and answers as it is told to.
#[derive(Clone)]
struct Hook {
    url: String,
    status: Arc<Mutex<u16>>,
    seen: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Hook {
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let hook = Self { url, status: Arc::new(Mutex::new(status)), seen: Arc::default() };
        let router = Router::new()
            .route("/hook", post(Self::receive))
            .route("/elsewhere", post(Self::receive))
            .with_state(hook.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        hook
    }

    async fn receive(State(hook): State<Self>, headers: HeaderMap, body: Bytes) -> Response {
        let status = *hook.status.lock().unwrap();
        hook.seen.lock().unwrap().push((headers, String::from_utf8(body.to_vec()).unwrap()));
        if status == 0 {
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
        let status = StatusCode::from_u16(status).unwrap();
        (status, [(header::LOCATION, "/elsewhere")]).into_response()
    }

    fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn settings(&self) -> String {
        let secret = BASE64_STANDARD.encode(KEY);
        let url = &self.url;
        format!("{PRICED}\n[alerts]\nurl = \"{url}\"\nsecret = \"whsec_{secret}\"\n")
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// All that came, checked as the specification says.
    fn told(&self) -> Vec<(String, Value)> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .map(|(headers, body)| {
                let header = |name: &str| headers[name].to_str().unwrap().to_owned();
                let id = header("webhook-id");
                let signed = format!("{id}.{}.{body}", header("webhook-timestamp"));
                let given = header("webhook-signature");
                let given = BASE64_STANDARD.decode(given.strip_prefix("v1,").unwrap()).unwrap();
                let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY);
                hmac::verify(&key, signed.as_bytes(), &given).unwrap();
                assert_eq!(header("content-type"), "application/json");
                (id, serde_json::from_str(body).unwrap())
            })
            .collect()
    }

    async fn soon(&self, count: usize) {
        soon(&format!("{count} came"), async || self.count() >= count).await;
    }
}

fn shares(told: &[(String, Value)]) -> Vec<(String, i64)> {
    let budgets = told.iter().filter(|(_, news)| news["type"] == "budget.threshold_reached");
    let share = |(_, news): &(String, Value)| {
        let data = &news["data"];
        (data["ledger"].as_str().unwrap().to_owned(), data["share"].as_i64().unwrap())
    };
    let mut shares: Vec<_> = budgets.map(share).collect();
    shares.sort();
    shares
}

/// A priced call costs 0.0000975.
async fn call(gate: &Gate, key: &str) {
    assert_eq!(say(gate, key, "priced", "Hello", false).await.status, 200);
}

#[tokio::test]
async fn a_budget_s_shares_are_told_each_once_a_window_and_signed() {
    let hook = Hook::start(200).await;
    let gate = Gate::with("alerts_budget", &hook.settings()).await;
    // Five calls: 0.24, 0.49, 0.73, 0.98, 1.22 of it.
    let fields = json!({"max_budget": 0.0004, "budget_duration": "daily", "key_alias": "nightly"});
    let made = gate.generate(fields).await;
    let key = made["key"].as_str().unwrap();
    let ledger = format!("key:{}", made["token_id"].as_str().unwrap());
    for _ in 0..3 {
        call(&gate, key).await;
    }
    hook.soon(1).await;
    assert_eq!(shares(&hook.told()), [(ledger.clone(), 50)]);
    for _ in 0..2 {
        call(&gate, key).await;
    }
    hook.soon(3).await;
    let all = [50, 80, 100].map(|share| (ledger.clone(), share));
    assert_eq!(shares(&hook.told()), all);
    let news = hook.told()[0].1.clone();
    assert_eq!(news["data"]["limit"], 0.0004);
    assert!(
        news["data"]["name"].as_str().unwrap().contains("nightly") && news["timestamp"].is_string()
    );
    assert!(!news.to_string().contains(key) && news["data"]["resets_at"].is_string());
    // What was told is told: by this server, after its restart, and by another.
    let gate = gate.restarted().await;
    let twin = gate.twin().await;
    for server in [&gate, &twin] {
        assert_eq!(say(server, key, "priced", "Hello", false).await.status, 422);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(hook.count(), 3);
    // A new day is a new window.
    gate.turn(86_400);
    for _ in 0..3 {
        call(&gate, key).await;
    }
    hook.soon(4).await;
    assert_eq!(shares(&hook.told()).len(), 4);
}

#[tokio::test]
async fn a_limit_that_is_lowered_or_topped_up_is_another_to_tell_of() {
    let hook = Hook::start(200).await;
    let gate = Gate::with("alerts_changed", &hook.settings()).await;
    let made = gate.generate(json!({"max_budget": 1})).await;
    let key = made["key"].as_str().unwrap();
    call(&gate, key).await;
    // Below what is spent: nothing more is let in, and that is told.
    let update = async |budget: f64| {
        let fields = json!({"key": key, "max_budget": budget});
        assert_eq!(gate.manage("/key/update", MASTER_KEY, fields).await.status, 200);
    };
    update(0.00009).await;
    assert_eq!(say(&gate, key, "priced", "Hello", false).await.status, 422);
    hook.soon(3).await;
    let of = |told: &[(String, Value)]| -> Vec<i64> {
        shares(told).into_iter().map(|(_, share)| share).collect()
    };
    assert_eq!(of(&hook.told()), [50, 80, 100]);
    update(0.0003).await;
    call(&gate, key).await;
    hook.soon(4).await;
    assert_eq!(of(&hook.told()[3..]), [50]);
}

#[tokio::test]
async fn what_does_not_arrive_is_tried_again_with_back_off_and_kept_over_a_restart() {
    let hook = Hook::start(500).await;
    let gate = Gate::with("alerts_again", &hook.settings()).await;
    let made = gate.generate(json!({"max_budget": 0.00015})).await;
    call(&gate, made["key"].as_str().unwrap()).await;
    hook.soon(1).await;
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(hook.count(), 1, "not before its time");
    let noted = || tokio::time::sleep(Duration::from_millis(300));
    gate.turn(5);
    hook.soon(2).await;
    noted().await;
    hook.answer(302);
    gate.turn(30);
    hook.soon(3).await;
    noted().await;
    let gate = gate.restarted().await;
    hook.answer(204);
    gate.turn(120);
    hook.soon(4).await;
    let told = hook.told();
    assert!(told.iter().all(|(id, news)| (id, news) == (&told[0].0, &told[0].1)), "the same news");
    let waiting = async || {
        let text = gate.get("/metrics", MASTER_KEY).await.body;
        text.contains("gatekey_alerts_waiting 0\n") && text.contains("outcome=\"sent\"} 1\n")
    };
    soon("none waits", waiting).await;
    gate.turn(100_000);
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(hook.count(), 4, "a redirect was not followed, and what arrived is not sent again");
}

#[tokio::test]
async fn a_target_that_is_gone_is_left_alone_until_the_next_start() {
    let hook = Hook::start(410).await;
    let gate = Gate::with("alerts_gone", &hook.settings()).await;
    let key =
        gate.generate(json!({"max_budget": 0.00015})).await["key"].as_str().unwrap().to_owned();
    call(&gate, &key).await;
    hook.soon(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.turn(100_000);
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(hook.count(), 1);
    hook.answer(200);
    let gate = gate.restarted().await;
    hook.soon(2).await;
    assert_eq!(hook.told()[0].0, hook.told()[1].0);
    drop(gate);
}

#[tokio::test]
async fn a_target_that_is_slow_or_nowhere_is_in_no_call_s_way() {
    let hook = Hook::start(0).await;
    let gate = Gate::with("alerts_slow", &hook.settings()).await;
    for _ in 0..20 {
        let made = gate.generate(json!({"max_budget": 0.00015})).await;
        let key = made["key"].as_str().unwrap();
        let whole = tokio::time::timeout(Duration::from_secs(5), call(&gate, key)).await;
        assert!(whole.is_ok());
    }
    hook.soon(1).await;
    let nowhere = hook.settings().replace(&hook.url, "http://127.0.0.1:9/hook");
    let gate = gate.restarted_with(&nowhere).await;
    let made = gate.generate(json!({"max_budget": 0.00015})).await;
    call(&gate, made["key"].as_str().unwrap()).await;
}

#[tokio::test]
async fn revoked_keys_dead_upstreams_and_a_full_queue_are_news_too() {
    let hook = Hook::start(200).await;
    let settings = format!("server.usage_queue = 16\n{}", hook.settings());
    let gate = Gate::with("alerts_news", &settings).await;
    gate.manage("/user/new", MASTER_KEY, json!({"user_id": "ada", "auto_create_key": false})).await;
    let made = gate.generate(json!({"user_id": "ada"})).await;
    let key = made["key"].as_str().unwrap();
    let kinds = || -> Vec<String> {
        hook.told().iter().map(|(_, news)| news["type"].as_str().unwrap().to_owned()).collect()
    };
    for _ in 0..4 {
        assert_eq!(gate.call(key, "gone").await.status, 502);
    }
    assert_eq!(gate.call(key, "gpt-4o").await.status, 200);
    for _ in 0..3 {
        assert_eq!(gate.call(key, "gone").await.status, 502);
    }
    hook.soon(1).await;
    assert_eq!(
        (kinds(), &hook.told()[0].1["data"]["upstream"]),
        (vec!["upstream.down".into()], &json!("nobody"))
    );
    let slow = (0..14).map(|_| say(&gate, key, "gpt-4o", "slow", false));
    futures_util::future::join_all(slow).await;
    hook.soon(2).await;
    assert_eq!(kinds()[1], "usage_queue.nearly_full");
    assert_eq!(gate.manage("/key/delete", MASTER_KEY, json!({"keys": [key]})).await.status, 200);
    for _ in 0..3 {
        assert_eq!(gate.call(key, "gpt-4o").await.status, 401);
    }
    hook.soon(3).await;
    let news = hook.told()[2].1.clone();
    assert_eq!(
        (&news["type"], &news["data"]["user_id"]),
        (&json!("key.used_after_revocation"), &json!("ada"))
    );
    assert!(!news.to_string().contains(key));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(hook.count(), 3, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn gatekey_alerts_test_sends_one_and_says_what_it_answered() {
    let hook = Hook::start(200).await;
    let cli = Cli::new("alerts_cli").await;
    let file = cli.folder.path().join("gatekey.toml");
    let plain = std::fs::read_to_string(&file).unwrap();
    let run = |more: &str| {
        std::fs::write(&file, format!("{plain}{more}\n")).unwrap();
        cli.run(&["alerts", "test"])
    };
    let settings = hook.settings().replace(PRICED, "");
    let said = run(&settings).good();
    assert!(said.contains("it answered 200 OK"), "{said}");
    assert_eq!(hook.told()[0].1["type"], "test");
    for (status, says) in [(302, "302 Found"), (410, "410 Gone"), (500, "500")] {
        hook.answer(status);
        let seen = run(&settings);
        assert_eq!((seen.code, seen.err.contains(says)), (Some(1), true), "{seen:?}");
    }
    assert_eq!(hook.count(), 4, "no redirect was followed");
    for (wrong, says) in [
        ("", "nobody to tell"),
        ("[alerts]\nurl = \"http://127.0.0.1:1/\"", "alerts.secret"),
        ("[alerts]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"whsec_abc\"", "24 to 64 bytes"),
        ("[alerts]\nat = [0, 50]", "alerts.at"),
        ("[alerts]\nat = [\"x\"]", "alerts.at"),
    ] {
        let seen = run(wrong);
        assert_eq!((seen.code, seen.err.contains(says)), (Some(2), true), "{wrong}: {seen:?}");
    }
}
