//! What the upstream counted, what is booked, and what the budgets say, after many mixed calls over a slow database
//! and with a full queue. `GATEKEY_TEST_CALLS` says how many; `./test --long` makes a million.
use super::PRICED;
use crate::support::{Gate, MASTER_KEY, Slow, soon};
use futures_util::StreamExt as _;
use reqwest::multipart::Form;
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

use Kind::{Aborted, Broken, Refused, Silent, Whole};

/// By which route, whether it streams, and what it is to do.
const MIX: [(&str, bool, &str, Kind); 33] = [
    ("chat/completions", false, "Hello", Whole),
    ("chat/completions", true, "Hello", Whole),
    ("messages", false, "Hello", Whole),
    ("messages", true, "Hello", Whole),
    ("chat/completions", true, "endless", Aborted),
    ("chat/completions", true, "Hello", Whole),
    ("messages", true, "endless", Aborted),
    ("chat/completions", true, "cut 3", Broken),
    ("messages", true, "cut 4", Broken),
    ("chat/completions", false, "quota", Refused),
    ("chat/completions", true, "no usage", Silent),
    ("responses", false, "Hello", Whole),
    ("responses", true, "Hello", Whole),
    ("responses", true, "endless", Aborted),
    ("responses", true, "cut 4", Broken),
    ("responses", true, "fails", Broken),
    ("responses", false, "quota", Refused),
    ("responses", true, "no usage", Silent),
    ("completions", false, "Hello", Whole),
    ("completions", true, "Hello", Whole),
    ("completions", true, "cut 2", Broken),
    ("embeddings", false, "Hello", Whole),
    ("embeddings", false, "no usage", Silent),
    ("images/generations", false, "Hello", Whole),
    ("images/generations", true, "Hello", Whole),
    ("images/generations", true, "cut 1", Broken),
    ("images/generations", false, "quota", Refused),
    ("audio/speech", false, "Hello", Whole),
    ("audio/transcriptions", false, "Hello", Whole),
    ("audio/transcriptions", false, "no usage", Silent),
    ("rerank", false, "Hello", Whole),
    ("rerank", false, "no usage", Silent),
    ("moderations", false, "Hello", Silent),
];

/// The model of a route, which member says what to do, and what the upstream counts of one whole answer: tokens, and
/// images, milliseconds, characters and searches.
fn of_route(path: &str) -> (&'static str, &'static str, (i64, [i64; 4])) {
    match path {
        "messages" => ("claude-priced", "messages", (18, [0; 4])),
        "chat/completions" => ("priced", "messages", (18, [0; 4])),
        "responses" => ("priced", "input", (18, [0; 4])),
        "completions" => ("priced", "prompt", (18, [0; 4])),
        "embeddings" => ("priced", "input", (9, [0; 4])),
        "images/generations" => ("priced", "prompt", (120, [1, 0, 0, 0])),
        "audio/speech" => ("voice", "input", (0, [0, 0, 5, 0])),
        "audio/transcriptions" => ("ear", "prompt", (0, [0, 3_000, 0, 0])),
        "rerank" => ("judge", "query", (0, [0, 0, 0, 2])),
        _ => ("priced", "input", (0, [0; 4])),
    }
}

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
        let (path, stream, words, kind) = MIX[number % MIX.len()];
        let (model, member, _) = of_route(path);
        let request = gate.client.post(format!("{}/v1/{path}", gate.url)).bearer_auth(key);
        let answer = if path == "audio/transcriptions" {
            let form = Form::new().text("model", model).text(member, words);
            request.multipart(form.part("file", crate::routes::file(crate::routes::wav()))).send()
        } else {
            let said = json!([{"role": "user", "content": words}]);
            let said = if member == "messages" { said } else { json!(words) };
            let mut body =
                json!({"model": model, "stream": stream, "max_tokens": 20, member: said});
            if path == "responses" {
                body["max_output_tokens"] = json!(20);
            }
            request.json(&body).send()
        };
        let answer = answer.await.unwrap();
        let status = answer.status().as_u16();
        if status == 503 {
            self.not_taken.fetch_add(1, Ordering::SeqCst);
            return;
        }
        assert_eq!(status, if kind == Kind::Refused { 429 } else { 200 }, "{path} {words}");
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
    units: [i64; 4],
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
                    let units = ["images", "audio_milliseconds", "characters", "search_units"];
                    for (sum, unit) in rows.units.iter_mut().zip(units) {
                        *sum += row[unit].as_i64().unwrap();
                    }
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

/// What the upstream counted, by route, whether it streamed, and what it was to do.
struct Counts(BTreeMap<(String, bool, String), usize>);

impl Counts {
    fn all(&self) -> usize {
        self.0.values().sum()
    }

    /// Each with its route, and what it was to do.
    fn places(&self) -> impl Iterator<Item = (&str, Kind, usize)> {
        self.0.iter().map(|((path, stream, words), count)| {
            let path = path.trim_start_matches("/v1/");
            let mix =
                MIX.iter().find(|mix| (mix.0, mix.1, mix.2) == (path, *stream, words.as_str()));
            (path, mix.unwrap_or_else(|| panic!("{path} {stream} {words}")).3, *count)
        })
    }

    fn counted(&self, kind: Kind) -> usize {
        self.places().filter(|(_, own, _)| *own == kind).map(|(.., count)| count).sum()
    }

    /// Tokens and units of all whole answers.
    fn used(&self) -> (i64, [i64; 4]) {
        let (mut tokens, mut units) = (0, [0; 4]);
        for (path, _, count) in self.places().filter(|(_, kind, _)| *kind == Whole) {
            let (of_tokens, of_units) = of_route(path).2;
            let count = i64::try_from(count).unwrap();
            tokens += of_tokens * count;
            units.iter_mut().zip(of_units).for_each(|(sum, unit)| *sum += unit * count);
        }
        (tokens, units)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_mixed_calls_leave_upstream_rows_sums_and_budgets_in_exact_agreement() {
    let asked = std::env::vars().find(|(name, _)| name == "GATEKEY_TEST_CALLS");
    let calls: usize = asked.map_or(2_000, |(_, calls)| calls.parse().unwrap());
    let settings = format!("server.usage_queue = 48\n{PRICED}\n{}", crate::routes::UNITS);
    let gate = Gate::with("spend_agreement", &settings).await;
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
    let upstream = Counts(gate.upstream.known.lock().unwrap().counts.clone());
    let counted = |kind: Kind| upstream.counted(kind);
    // The callers' count is the upstream's, call by call.
    for kind in [Whole, Aborted, Broken, Refused, Silent] {
        assert_eq!(counted(kind), seen.of(kind), "{kind:?}");
    }
    assert_eq!(upstream.all() + seen.not_taken.load(Ordering::SeqCst), calls);
    // And the rows', with the tokens and units of all that it counted.
    assert_eq!((rows.whole, rows.aborted), (counted(Whole), counted(Aborted)), "{rows:?}");
    assert_eq!(rows.failed, counted(Broken), "{rows:?}");
    assert_eq!((rows.tokens, rows.units), upstream.used(), "{rows:?}");
    assert!(rows.estimated >= counted(Silent), "{rows:?}");
    let booked = rows.whole + rows.aborted + rows.failed + counted(Silent);
    assert_eq!(booked + counted(Refused), upstream.all());
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
