//! What was allowed and not fetched yet: nothing that happens meanwhile lets it become a key that must not be.
use super::doors::keys;
use crate::support::{ALL_DIALECTS, Browser, Door, Form, Gate, MASTER_KEY, Seen, Ticket, VERIFIER};
use gatekey::{
    model::Timestamp,
    store::keys_end::{EndKeys, Which},
};
use serde_json::json;

const FETCHED: [Door; 4] = [Door::OpenRouter, Door::OpenRouterBearer, Door::Glama, Door::Cli];

async fn allowed(gate: &Gate, browser: &Browser, door: Door) -> (Seen, Ticket) {
    let (form, ticket) = door.open(gate, browser).await;
    (door.press(browser, &form, &ticket).await, ticket)
}

#[tokio::test]
async fn who_may_only_look_since_gets_no_key() {
    let gate = Gate::with("waiting_role", ALL_DIALECTS).await;
    gate.browser_of("ada").await;
    let id = gate.people().await[0].user.id.to_string();
    let role = async |role: &str| {
        let body = json!({"user_id": id, "user_role": role});
        assert_eq!(gate.manage("/user/update", MASTER_KEY, body).await.status, 200);
    };
    for door in FETCHED {
        let browser = gate.browser_of("ada").await;
        let (said, ticket) = allowed(&gate, &browser, door).await;
        let (form, other) = door.open(&gate, &browser).await;
        role("internal_user_viewer").await;
        let taken = door.take(&gate, &said, &ticket).await;
        assert!(matches!(taken, Err(400 | 403)), "{door:?}: {taken:?}");
        let late = door.press(&browser, &form, &other).await;
        assert!(matches!(late.status, 400 | 401 | 403), "{door:?}: {late:?}");
        assert_eq!(keys(&gate).await, 0, "{door:?}");
        role("internal_user").await;
    }
}

#[tokio::test]
async fn an_end_of_many_keys_ends_what_waits_as_well() {
    let gate = Gate::with("waiting_ends", ALL_DIALECTS).await;
    let browser = gate.browser_of("ada").await;
    let user = gate.people().await[0].user.id.clone();
    for door in FETCHED {
        let app = match door {
            Door::Cli => "litellm-cli",
            Door::Glama => "vscode://RooVeterinaryInc.roo-cline",
            _ => "loopback",
        };
        for which in [
            Which::User(user.clone()),
            Which::App(app.into()),
            Which::Before(Timestamp(gate.now() + 1)),
        ] {
            let (said, ticket) = allowed(&gate, &browser, door).await;
            gate.store.write(EndKeys { which, act: gate.act() }).await.unwrap();
            let taken = door.take(&gate, &said, &ticket).await;
            assert!(matches!(taken, Err(400 | 403)), "{door:?}: {taken:?}");
        }
        // Other people's, other apps' and later ones stay.
        let (said, ticket) = allowed(&gate, &browser, door).await;
        let which = Which::Before(Timestamp(gate.now()));
        gate.store.write(EndKeys { which, act: gate.act() }).await.unwrap();
        assert!(door.take(&gate, &said, &ticket).await.is_ok(), "{door:?}");
    }
}

#[tokio::test]
async fn a_dialect_that_was_switched_off_gives_nothing_to_whoever_waits() {
    let gate = Gate::with("waiting_off", ALL_DIALECTS).await;
    let browser = gate.browser_of("ada").await;
    let mut waits = Vec::new();
    for door in FETCHED {
        let said = allowed(&gate, &browser, door).await;
        let open: (Form, Ticket) = door.open(&gate, &browser).await;
        waits.push((door, said, open));
    }
    let gate = gate.restarted_with("connect.dialects = [\"link\"]").await;
    let browser = browser.moved(&gate.url);
    for (door, (said, ticket), (form, other)) in waits {
        let taken = door.take(&gate, &said, &ticket).await;
        assert_eq!(taken, Err(403), "{door:?}");
        let late = door.press(&browser, &form, &other).await;
        assert_eq!(late.status, 403, "{door:?}: {late:?}");
        assert!(late.body.contains("connect.dialects"), "{door:?}: {late:?}");
    }
    assert_eq!(keys(&gate).await, 0);
}

#[tokio::test]
async fn an_end_that_the_app_asked_for_and_that_has_come_is_no_key() {
    let gate = Gate::new("waiting_over").await;
    let browser = gate.browser_of("ada").await;
    let end = Timestamp(gate.now() + 60).rfc3339();
    let ask = format!("/auth?callback_url=http://localhost:3000/cb&expires_at={end}");
    let form = Form::read(&browser.walk(&ask).await);
    gate.turn(60);
    let late = browser.press("allow", &form).await;
    assert_eq!(late.status, 400, "{late:?}");
    assert!(late.is_page() && late.body.contains("has come"), "{late:?}");
    assert_eq!(keys(&gate).await, 0);
}

#[tokio::test]
async fn a_page_begun_anew_ends_no_later_than_its_terminal() {
    let gate = Gate::new("waiting_renewed").await;
    let browser = gate.browser_of("ada").await;
    let (form, _) = Door::Cli.open(&gate, &browser).await;
    gate.turn(600);
    let again = browser.post(&format!("/connect/{}", form.handle), &[]).await;
    assert!(
        again.status == 403 && again.body.contains("Start again there"),
        "nothing waits for it: {again:?}"
    );
}

#[tokio::test]
async fn t3_a_code_without_a_proof_ends_nothing_once_its_time_is_over() {
    let gate = Gate::with("waiting_late", ALL_DIALECTS).await;
    let browser = gate.browser_of("ada").await;
    for (door, after, alive) in
        [(Door::Glama, 91, true), (Door::OpenRouterBearer, 91, true), (Door::OpenRouter, 91, false)]
    {
        let (said, ticket) = allowed(&gate, &browser, door).await;
        let key = door.take(&gate, &said, &ticket).await.unwrap();
        gate.turn(after);
        let proof = (door == Door::OpenRouter).then_some(VERIFIER);
        assert_eq!(door.redeem(&gate, &said.sent("code").unwrap(), proof).await.status, 403);
        let left = gate.get("/key/info", &key).await.status;
        assert_eq!(left == 200, alive, "{door:?}");
    }
}
