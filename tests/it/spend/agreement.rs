//! What the upstream counted, what is booked, and what the budgets say, after many mixed calls over a slow database
//! and with a full queue. `GATEKEY_TEST_CALLS` says how many; `./test --long` makes a million.
use super::PRICED;
use crate::support::{Gate, MASTER_KEY, Slow, soon};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What a call is to do, by which route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Whole,
    /// The caller hangs up.
    Aborted,
    /// The upstream breaks off.
    Broken,
    /// The upstream says no: it has used nothing.
    Refused,
    /// It does not say what it used.
    Silent,
}

const MIX: [(&str, bool, &str, Kind); 12] = [
    ("priced", false, "Hello", Kind::Whole),
    ("priced", true, "Hello", Kind::Whole),
    ("claude-priced", false, "Hello", Kind::Whole),
    ("claude-priced", true, "Hello", Kind::Whole),
    ("priced", true, "endless", Kind::Aborted),
    ("priced", true, "Hello", Kind::Whole),
    ("claude-priced", true, "endless", Kind::Aborted),
    ("priced", true, "cut 3", Kind::Broken),
    ("claude-priced", true, "cut 4", Kind::Broken),
    ("priced", false, "quota", Kind::Refused),
    ("priced", true, "no usage", Kind::Silent),
    ("priced", false, "Hello", Kind::Whole),
];

/// How many there were of each kind, as the callers saw it.
#[derive(Default)]
struct Seen {
    kinds: [AtomicUsize; 5],
    /// Not let in: the queue was full for long.
    not_taken: AtomicUsize,
}

impl Seen {
    fn of(&self, kind: Kind) -> usize {
        self.kinds[kind as usize].load(Ordering::SeqCst)
    }

    async fn call(&self, gate: &Gate, key: &str, number: usize) {
        let (model, stream, words, kind) = MIX[number % MIX.len()];
        let path =
            if model.starts_with("claude") { "/v1/messages" } else { "/v1/chat/completions" };
        let body = json!({"model": model, "stream": stream, "max_tokens": 20,
            "messages": [{"role": "user", "content": words}]});
        let request = gate.client.post(format!("{}{path}", gate.url)).bearer_auth(key).json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        if status == 503 {
            self.not_taken.fetch_add(1, Ordering::SeqCst);
            return;
        }
        assert_eq!(status, if kind == Kind::Refused { 429 } else { 200 }, "{words}");
        if kind == Kind::Aborted {
            let mut events = answer.bytes_stream();
            events.next().await.unwrap().unwrap();
        } else {
            // What broke off ends in an event that says so.
            answer.bytes().await.unwrap();
        }
        self.kinds[kind as usize].fetch_add(1, Ordering::SeqCst);
    }
}

/// A dollar text as billionths, exactly.
fn nano(text: &Value) -> i64 {
    gatekey::model::NanoDollars::parse(text.as_str().unwrap()).unwrap().0
}

#[expect(clippy::cast_possible_truncation, reason = "sums of this test are far from that")]
fn rounded(dollars: &Value) -> i64 {
    (dollars.as_f64().unwrap() * 1e9).round() as i64
}

/// All rows: how many of each kind and what they cost, with the tokens of those that the upstream counted.
#[derive(Default, Debug)]
struct Rows {
    whole: usize,
    aborted: usize,
    failed: usize,
    estimated: usize,
    tokens: i64,
    cost: i64,
    by_model: BTreeMap<String, i64>,
}

async fn rows(gate: &Gate) -> Rows {
    let (mut rows, mut cursor) = (Rows::default(), String::new());
    loop {
        let page =
            gate.get(&format!("/spend/logs?page_size=1000{cursor}"), MASTER_KEY).await.json();
        for row in page["data"].as_array().unwrap() {
            let estimated = row["estimated"] == true;
            rows.estimated += usize::from(estimated);
            match row["status"].as_str().unwrap() {
                "aborted" => rows.aborted += 1,
                "failure" => rows.failed += 1,
                _ if estimated => {}
                _ => {
                    rows.whole += 1;
                    rows.tokens += row["total_tokens"].as_i64().unwrap();
                }
            }
            rows.cost += nano(&row["cost"]);
            let model = row["model"].as_str().unwrap().to_owned();
            *rows.by_model.entry(model).or_default() += nano(&row["cost"]);
        }
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}

/// A key on which everything counts: its own budget, a model's, a named one, the person's, the team's, the member's.
async fn bound_key(gate: &Gate) -> String {
    let post = async |path: &str, fields: Value| {
        let seen = gate.manage(path, MASTER_KEY, fields).await;
        assert_eq!(seen.status, 200, "{path}: {seen:?}");
        seen.json()
    };
    let limits = json!({"user_id": "ada", "auto_create_key": false, "max_budget": 90_000});
    post("/user/new", limits).await;
    let members = json!([{"role": "user", "user_id": "ada"}]);
    let team = json!({"team_id": "red", "max_budget": 80_000, "members_with_roles": members});
    post("/team/new", team).await;
    let member = json!({"team_id": "red", "user_id": "ada", "max_budget_in_team": 70_000});
    post("/team/member_update", member).await;
    post(
        "/budget/new",
        json!({"budget_id": "b", "max_budget": 60_000, "budget_duration": "monthly"}),
    )
    .await;
    let key = json!({"user_id": "ada", "team_id": "red", "budget_id": "b", "max_budget": 50_000,
        "model_max_budget": {"priced": 40_000}});
    post("/key/generate", key).await["key"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_mixed_calls_leave_upstream_rows_sums_and_budgets_in_exact_agreement() {
    let asked = std::env::vars().find(|(name, _)| name == "GATEKEY_TEST_CALLS");
    let calls: usize = asked.map_or(2_000, |(_, calls)| calls.parse().unwrap());
    let gate = Gate::with("spend_agreement", &format!("server.usage_queue = 48\n{PRICED}")).await;
    gate.upstream.known.lock().unwrap().only_counts = true;
    let key = bound_key(&gate).await;
    let (seen, slow) = (Arc::new(Seen::default()), Slow::database(&gate));
    futures_util::stream::iter(0..calls)
        .for_each_concurrent(64, |number| {
            let (gate, key, seen) = (&gate, key.as_str(), seen.clone());
            async move { seen.call(gate, key, number).await }
        })
        .await;
    let held = slow.stop().await;
    assert!(held > 2, "the database was slow {held} times");
    soon("all have ended", async || {
        let info = gate.get("/key/info", &key).await.json()["info"].clone();
        info["limits"].as_array().unwrap().iter().all(|limit| limit["running"] == 0)
    })
    .await;

    let (rows, info) =
        (rows(&gate).await, gate.get("/key/info", &key).await.json()["info"].clone());
    let counts = gate.upstream.known.lock().unwrap().counts.clone();
    let upstream = |words: &str| -> usize {
        counts.iter().filter(|((_, _, said), _)| said == words).map(|(_, count)| count).sum()
    };
    // The callers' count is the upstream's, call by call.
    assert_eq!(upstream("Hello"), seen.of(Kind::Whole));
    assert_eq!(upstream("endless"), seen.of(Kind::Aborted));
    assert_eq!(upstream("cut 3") + upstream("cut 4"), seen.of(Kind::Broken));
    assert_eq!(counts.values().sum::<usize>() + seen.not_taken.load(Ordering::SeqCst), calls);
    // And the rows', with the tokens of all that it counted.
    assert_eq!((rows.whole, rows.aborted), (upstream("Hello"), upstream("endless")), "{rows:?}");
    assert_eq!(rows.failed, upstream("cut 3") + upstream("cut 4"), "{rows:?}");
    assert_eq!(rows.tokens, 18 * i64::try_from(upstream("Hello")).unwrap());
    assert!(rows.estimated >= upstream("no usage"), "{rows:?}");
    let booked = rows.whole + rows.aborted + rows.failed + upstream("no usage");
    assert_eq!(booked + upstream("quota"), counts.values().sum::<usize>());
    // Sums of the key, of the days, and every ledger.
    assert_eq!(info["usage"]["calls"], json!(booked));
    assert_eq!(nano(&info["usage"]["cost"]), rows.cost);
    let days = gate.get("/team/daily/activity?team_id=red", MASTER_KEY).await.json();
    assert_eq!(days["metadata"]["api_requests"], json!(booked));
    assert_eq!(rounded(&days["metadata"]["spend"]), rows.cost);
    let limits = info["limits"].as_array().unwrap();
    assert_eq!(limits.len(), 6);
    for limit in limits {
        let model = limit["model"].as_str();
        let spent = model.map_or(rows.cost, |model| rows.by_model[model]);
        assert_eq!((rounded(&limit["spend"]), &limit["reserved"]), (spent, &json!(0.0)), "{limit}");
    }
    // What the ledgers say is what is kept of them.
    let gate = gate.restarted().await;
    let again = gate.get("/key/info", &key).await.json()["info"]["limits"].clone();
    for (before, after) in limits.iter().zip(again.as_array().unwrap()) {
        assert_eq!((&before["ledger"], &before["spend"]), (&after["ledger"], &after["spend"]));
    }
    let not_taken = seen.not_taken.load(Ordering::SeqCst);
    eprintln!(
        "{calls} calls: {booked} booked, {not_taken} not taken, the database held {held} times, {} nano-dollars",
        rows.cost
    );
}
