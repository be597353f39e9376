use crate::support::{Gate, database};
use gatekey::{
    model::{Charge, ChargeId, KeyId, Labels, NanoDollars, Timestamp, Tokens, Units, UserId},
    store::{
        Error, Operation, Store, Tx,
        usage::{RecordUsage, UsageOfKey},
    },
};
use serde_json::json;

struct Run(&'static str);

impl Operation for Run {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run(self.0, ()).await
    }
}

struct Two(&'static str, &'static str);

impl Operation for Two {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run(self.0, ()).await?;
        tx.run(self.1, ()).await
    }
}

struct Panics;

impl Operation for Panics {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run("INSERT INTO local_accounts VALUES ('ghost', 'x', 1)", ()).await?;
        panic!("an operation of a test")
    }
}

struct Accounts;

impl Operation for Accounts {
    type Output = i64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, Error> {
        let (count,) = tx.one("SELECT COUNT(*) FROM local_accounts", ()).await?;
        Ok(count)
    }
}

const INSERT: &str = "INSERT INTO local_accounts VALUES ('ada', 'x', 1)";

#[tokio::test]
async fn an_operation_happens_wholly_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&database(folder.path(), "store_atomic").await).await.unwrap();
    let refused = store.write(Two(INSERT, INSERT)).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert!(store.write(Panics).await.is_err());
    assert!(store.write(Two(INSERT, "INSERT INTO nowhere VALUES (1)")).await.is_err());
    assert_eq!(store.read(Accounts).await.unwrap(), 0);
    store.write(Run(INSERT)).await.unwrap();
    assert_eq!(store.read(Accounts).await.unwrap(), 1);
}

#[tokio::test]
async fn a_read_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&database(folder.path(), "store_read").await).await.unwrap();
    assert!(store.read(Run(INSERT)).await.is_err());
    assert_eq!(store.read(Accounts).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_among_many_harms_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&database(folder.path(), "store_many").await).await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = store.clone();
        waiting.spawn(async move {
            let sql =
                format!("INSERT INTO local_accounts VALUES ('{}', 'x', 1)", number / 2).leak();
            store.write(Run(sql)).await.is_ok()
        });
    }
    let good = waiting.join_all().await.into_iter().filter(|good| *good).count();
    assert_eq!(good, 100, "of each pair one wins");
    assert_eq!(store.read(Accounts).await.unwrap(), 100);
}

#[tokio::test]
async fn a_second_opening_finds_the_tables_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path(), "store_twice").await;
    let store = Store::open(&url).await.unwrap();
    store.write(Run(INSERT)).await.unwrap();
    let again = Store::connect(&url).unwrap();
    assert!(again.migrate().await.unwrap().is_empty());
    assert_eq!(again.read(Accounts).await.unwrap(), 1);
}

#[tokio::test]
async fn a_migration_that_changed_or_that_we_do_not_know_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path(), "store_newer").await;
    let store = Store::open(&url).await.unwrap();
    store
        .write(Run("INSERT INTO ledger SELECT '9999_future', checksum FROM ledger WHERE name = '0001_start'"))
        .await
        .unwrap();
    let error = Store::open(&url).await.err().unwrap().to_string();
    assert!(error.contains("9999_future") && error.contains("newer"), "{error}");
    store.write(Run("DELETE FROM ledger WHERE name = '9999_future'")).await.unwrap();
    store
        .write(Run("UPDATE ledger SET name = '0000_other' WHERE name = '0001_start'"))
        .await
        .unwrap();
    assert!(Store::open(&url).await.is_err(), "the tables are there already");
}

#[tokio::test]
async fn two_servers_may_start_at_once_over_an_empty_database() {
    let gate = Gate::new("store_start").await;
    let twin = gate.twin().await;
    assert_eq!(twin.get("/health/readiness", "").await.status, 200);
}

#[tokio::test]
async fn a_call_that_is_written_twice_counts_once() {
    let gate = Gate::new("engine_batch").await;
    let key = gate.generate(json!({})).await;
    let id = KeyId::named(key["token_id"].as_str().unwrap());
    let charge = Charge {
        at: Timestamp(gate.now()),
        request: "r".into(),
        key: id.clone(),
        user: UserId::named("default_user_id"),
        team: None,
        app: String::new(),
        model: "gpt-4o".into(),
        route: "/v1/chat/completions".into(),
        tokens: Tokens { input: 7, output: 5, ..Tokens::default() },
        units: Units::default(),
        cost: Some(NanoDollars(3)),
        price: None,
        estimated: false,
        aborted: false,
        failed: false,
        ledgers: Vec::new(),
        labels: Labels::default(),
        answer: None,
    };
    let row = |count| (ChargeId::new(charge.at, count, 1), charge.clone());
    // The second batch overlaps the first, as a replay after a crash may.
    for batch in [vec![row(1), row(2)], vec![row(1), row(2)], vec![row(3), row(2)]] {
        gate.store.write(RecordUsage::new(batch, vec![])).await.unwrap();
    }
    let usage = gate.store.read(UsageOfKey(id)).await.unwrap();
    assert_eq!((usage.calls, usage.input_tokens, usage.output_tokens), (3, 21, 15));
    assert_eq!((usage.cost, usage.unpriced_calls), (NanoDollars(9), 0));
}
