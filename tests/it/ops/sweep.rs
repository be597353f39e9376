use crate::support::{Door, EDITOR, Gate, Seen, soon};
use gatekey::{
    model::{Lifetime, Timestamp},
    store::{Error, Operation, Tx, sweep::Sweep},
};
use serde_json::json;

struct Rows;

impl Operation for Rows {
    type Output = Vec<i64>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<i64>, Error> {
        let (a, b, c, d): (i64, i64, i64, i64) = tx
            .one(
                "SELECT (SELECT COUNT(*) FROM sessions), (SELECT COUNT(*) FROM signins),
                        (SELECT COUNT(*) FROM requests), (SELECT COUNT(*) FROM keys)",
                (),
            )
            .await?;
        Ok(vec![a, b, c, d])
    }
}

fn sweep_at(now: i64) -> Sweep {
    Sweep { at: Timestamp(now), calls_kept: Lifetime::days(90) }
}

#[tokio::test]
async fn o2_expired_rows_go_and_live_ones_stay() {
    let gate = Gate::new("sweep").await;
    let browser = gate.browser_of("ada").await;
    browser.json_key().await;
    browser.open(EDITOR, "").await;
    gate.browser().get("/sso/login?return_to=/").await;
    let sweep = async || gate.store.write(sweep_at(gate.now())).await.unwrap();
    assert_eq!(sweep().await, 0);
    assert_eq!(gate.store.read(Rows).await.unwrap(), [1, 1, 1, 1]);
    gate.turn(3600);
    sweep().await;
    assert_eq!(gate.store.read(Rows).await.unwrap(), [1, 1, 1, 1], "late ones are led on");
    gate.turn(3600 + 16 * 60);
    sweep().await;
    assert_eq!(gate.store.read(Rows).await.unwrap(), [1, 0, 0, 1], "and not for ever");
    gate.turn(23 * 3600);
    sweep().await;
    assert_eq!(
        gate.store.read(Rows).await.unwrap(),
        [0, 0, 0, 1],
        "an expired key is told from an unknown"
    );
    gate.turn(8 * 86_400);
    sweep().await;
    assert_eq!(gate.store.read(Rows).await.unwrap(), [0, 0, 0, 0]);
}

struct Waiting;

impl Operation for Waiting {
    type Output = Vec<i64>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<i64>, Error> {
        let (a, b, c, d): (i64, i64, i64, i64) = tx
            .one(
                "SELECT (SELECT COUNT(*) FROM codes), (SELECT COUNT(*) FROM spent_codes),
                        (SELECT COUNT(*) FROM polls), (SELECT COUNT(*) FROM ready_polls)",
                (),
            )
            .await?;
        Ok(vec![a, b, c, d])
    }
}

#[tokio::test]
async fn o2_codes_and_polls_that_nobody_fetched_go_and_tombstones_stay_a_while() {
    let gate = Gate::new("sweep_codes").await;
    let browser = gate.browser_of("ada").await;
    for door in [Door::OpenRouter, Door::Cli] {
        // One is fetched, one waits to be; and one terminal waits for its person.
        let (form, ticket) = door.open(&gate, &browser).await;
        let said = door.press(&browser, &form, &ticket).await;
        door.take(&gate, &said, &ticket).await.unwrap();
        let (form, ticket) = door.open(&gate, &browser).await;
        door.press(&browser, &form, &ticket).await;
        door.begin(&gate).await;
    }
    let waiting = async || gate.store.read(Waiting).await.unwrap();
    let sweep = async || gate.store.write(sweep_at(gate.now())).await.unwrap();
    assert_eq!(waiting().await, [1, 1, 1, 1]);
    gate.turn(599);
    sweep().await;
    assert_eq!(waiting().await, [1, 1, 1, 1]);
    gate.turn(1);
    sweep().await;
    assert_eq!(waiting().await, [0, 1, 0, 0]);
    gate.turn(90 * 86_400);
    sweep().await;
    assert_eq!(waiting().await, [0, 0, 0, 0]);
}

struct OfCalls;

impl Operation for OfCalls {
    /// Answers that are known, sums by label, alerts.
    type Output = (i64, i64, i64);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.one(
            "SELECT (SELECT COUNT(*) FROM answers), (SELECT COUNT(*) FROM label_usage),
                    (SELECT COUNT(*) FROM alerts)",
            (),
        )
        .await
    }
}

#[tokio::test]
async fn o2_answers_labels_and_alerts_go_when_nothing_asks_for_them_any_more() {
    let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
    let settings = format!(
        "{}\n[alerts]\nurl = \"http://127.0.0.1:9/\"\nsecret = \"{secret}\"\nat = [1]\n",
        crate::routes::UNITS
    );
    let gate = Gate::with("sweep_calls", &settings).await;
    let made = gate.generate(json!({"max_budget": 0.0002})).await;
    let body = json!({"model": "tokens", "input": "Hello", "user": "u"});
    let request = gate.client.post(format!("{}/v1/responses", gate.url));
    let request =
        request.bearer_auth(made["key"].as_str().unwrap()).header("x-gatekey-tags", "a,b");
    assert_eq!(Seen::of(request.json(&body)).await.status, 200);
    let rows = async || gate.store.read(OfCalls).await.unwrap();
    soon("all of it is kept", async || rows().await == (1, 3, 1)).await;
    for (days, left) in [(30, (1, 3, 1)), (2, (0, 3, 1)), (368, (0, 3, 0)), (2, (0, 0, 0))] {
        gate.turn(days * 86_400);
        gate.store.write(sweep_at(gate.now())).await.unwrap();
        assert_eq!(rows().await, left, "{days} days more");
    }
}
