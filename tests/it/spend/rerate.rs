//! `gatekey prices rerate`: a price was wrong, and the books are reckoned again while the server runs.
use super::{logs, say, usage_of};
use crate::support::{Gate, MASTER_KEY, soon};
use serde_json::{Value, json};
use std::process::Command;

/// The models with that price of a million tokens in, and twice that out.
fn models(input: &str, output: &str) -> String {
    format!(
        "[[model]]\nname = \"priced\"\nupstream = \"openai\"\n[model.price]\ninput = \"{input}\"\noutput = \"{output}\"\n"
    )
}

/// The program over the same database, with those models.
fn rerate(gate: &Gate, models: &str, arguments: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "[server]\ndatabase = \"{}\"\nsecret = \"a secret of at least thirty-two bytes\"\njournal = \"off\"\n\
         [[upstream]]\nname = \"openai\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n{models}",
        gate.database()
    );
    std::fs::write(folder.path().join("gatekey.toml"), settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatekey"));
    command.args(["prices", "rerate"]).args(arguments).current_dir(folder.path()).env_clear();
    let ran = command.output().unwrap();
    let text = String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap();
    (ran.status.success(), text)
}

/// What each of a key's ledgers has spent, in nano-dollars.
async fn spent(gate: &Gate, key: &str) -> Vec<i64> {
    let info = gate.get("/key/info", key).await.json()["info"]["limits"].clone();
    #[expect(clippy::cast_possible_truncation, reason = "far from that")]
    let nano = |limit: &Value| (limit["spend"].as_f64().unwrap() * 1e9).round() as i64;
    info.as_array().unwrap().iter().map(nano).collect()
}

/// A key with a budget of everybody's, and one with none.
async fn keys(gate: &Gate) -> (String, String) {
    let post = async |path: &str, fields: Value| {
        let seen = gate.manage(path, MASTER_KEY, fields).await;
        assert_eq!(seen.status, 200, "{path}: {seen:?}");
        seen.json()
    };
    post("/user/new", json!({"user_id": "ada", "auto_create_key": false, "max_budget": 9})).await;
    post(
        "/team/new",
        json!({"team_id": "red", "max_budget": 8,
        "members_with_roles": [{"role": "user", "user_id": "ada"}]}),
    )
    .await;
    post("/budget/new", json!({"budget_id": "b", "max_budget": 7, "budget_duration": "monthly"}))
        .await;
    let fields = json!({"user_id": "ada", "team_id": "red", "budget_id": "b", "max_budget": 6,
        "budget_duration": "7d", "model_max_budget": {"priced": 5}});
    let made = post("/key/generate", fields).await;
    let other = gate.generate(json!({})).await;
    let key = |made: &Value| made["key"].as_str().unwrap().to_owned();
    (key(&made), key(&other))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_price_reaches_rows_sums_labels_and_budgets_at_once() {
    let (wrong, right) = (models("1", "2"), models("10", "20"));
    let gate = Gate::with("rerate", &wrong).await;
    let (key, other) = keys(&gate).await;
    let (key, other) = (key.as_str(), other.as_str());
    // 11 in and 7 out: 25 millionths of a dollar.
    for key in [key, key, other] {
        assert_eq!(say(&gate, key, "priced", "Hello", false).await.status, 200);
    }
    assert_eq!(say(&gate, key, "gpt-4o", "Hello", false).await.status, 403, "it has no price");
    assert_eq!(say(&gate, other, "gpt-4o", "Hello", false).await.status, 200);
    assert_eq!(usage_of(&gate, key).await["cost"], "0.00005");
    assert_eq!(spent(&gate, key).await, vec![50_000; 5]);

    let gate = gate.restarted_with(&right).await;
    let from = ["--from", "2027-01-15"];
    assert_eq!(gatekey::model::Timestamp(gate.now()).date(), "2027-01-15");
    let (good, said) = rerate(&gate, &right, &from);
    assert!(good && said.contains("nothing was written"), "{said}");
    assert!(said.contains("+$0.00068") && said.contains("priced"), "{said}");
    assert_eq!(usage_of(&gate, key).await["cost"], "0.00005", "a dry run");
    // Calls go on, with the new price.
    assert_eq!(say(&gate, key, "priced", "Hello", false).await.status, 200);
    assert_eq!(spent(&gate, key).await, vec![300_000; 5]);
    let (good, said) = rerate(&gate, &right, &[&from[..], &["--apply"]].concat());
    assert!(good && !said.contains("nothing was written"), "{said}");
    soon("the server has read it anew", async || spent(&gate, key).await == vec![750_000; 5]).await;
    assert_eq!(usage_of(&gate, key).await["cost"], "0.00075");
    let rows = logs(&gate, "&model=priced").await;
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["cost"] == "0.00025"), "{rows:?}");
    let version = &rows[0]["price_version"];
    assert!(rows.iter().all(|row| &row["price_version"] == version), "{rows:?}");
    // Twice is once, and what is not in the settings stays.
    let (good, said) =
        rerate(&gate, &right, &[&from[..], &["--apply", "--model", "priced"]].concat());
    assert!(good && said.contains("+$0"), "{said}");
    assert_eq!(usage_of(&gate, key).await["cost"], "0.00075");
    let (_, said) = rerate(&gate, &right, &from);
    assert!(said.contains("gpt-4o is in the settings no more: its 1 calls stay"), "{said}");
    let audit = gate.audit().await;
    let lines: Vec<&String> = audit
        .iter()
        .filter(|(action, _)| action == "prices.rerate")
        .map(|(_, said)| said)
        .collect();
    assert!(lines.iter().any(|said| said.contains("3 of 5 calls")), "{lines:?}");
    assert!(lines.iter().any(|said| said.contains("begun")), "{lines:?}");
    // Down again, over a restart: the books say so.
    let gate = gate.restarted_with(&wrong).await;
    assert!(rerate(&gate, &wrong, &[&from[..], &["--apply"]].concat()).0);
    soon("all is as it was", async || spent(&gate, key).await == vec![75_000; 5]).await;
    let gate = gate.restarted().await;
    assert_eq!(spent(&gate, key).await, vec![75_000; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_comes_later_prices_what_had_none_and_bad_input_is_told() {
    let gate = Gate::new("rerate_unpriced").await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    let body = json!({"model": "gpt-4o", "input": "x", "user": "u"});
    assert_eq!(gate.manage("/v1/embeddings", &key, body).await.status, 200);
    let before = usage_of(&gate, &key).await;
    assert_eq!((&before["cost"], &before["unpriced_calls"]), (&json!("0"), &json!(1)));
    let priced = models("1", "2").replace("\"priced\"", "\"gpt-4o\"");
    let (good, said) = rerate(&gate, &priced, &["--from", "2027-01-01", "--apply"]);
    assert!(good, "{said}");
    let after = usage_of(&gate, &key).await;
    assert_eq!((&after["cost"], &after["unpriced_calls"]), (&json!("0.000009"), &json!(0)));
    for (arguments, says) in [
        (&["--from", "yesterday"][..], "must be a date"),
        (&["--from", "2027-01-01", "--model", "nothing"], "no [[model]] \"nothing\""),
        (&[], "--from"),
    ] {
        let (good, said) = rerate(&gate, &priced, arguments);
        assert!(!good && said.contains(says), "{said}");
    }
    let (good, said) = rerate(&gate, &priced, &["--from", "2030-01-01"]);
    assert!(good && said.contains("no calls since"), "{said}");
}
