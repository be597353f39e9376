//! LiteLLM's CLI, the classic half, as `lite login` speaks it.
use crate::support::{Door, Fault, Form, Gate, MASTER_KEY, Seen, Ticket};
use serde_json::{Value, json};

const CLI: Door = Door::Cli;

async fn teams(gate: &Gate, names: &[&str]) -> Vec<String> {
    let id = gate.people().await[0].user.id.to_string();
    let mut ids = Vec::new();
    for name in names {
        let body = json!({"team_alias": name, "members": [id]});
        let made = gate.manage("/team/new", MASTER_KEY, body).await.json();
        ids.push(made["team_id"].as_str().unwrap().to_owned());
    }
    ids
}

async fn poll(gate: &Gate, ticket: &Ticket, more: &str) -> Seen {
    let url = format!("{}/sso/cli/poll/{}{more}", gate.url, ticket.login_id);
    let request = gate.client.get(url);
    Seen::of(request.header("x-litellm-cli-poll-secret", &ticket.poll_secret)).await
}

#[tokio::test]
async fn a_terminal_starts_waits_and_gets_its_key_once() {
    let gate = Gate::new("cli_whole").await;
    let started = Seen::of(gate.client.post(format!("{}/sso/cli/start", gate.url))).await;
    let said = started.json();
    assert!(said["login_id"].as_str().unwrap().starts_with("cli-"));
    assert_eq!(said["expires_in"], 600);
    let code = said["user_code"].as_str().unwrap();
    assert!(code.len() == 9 && code.chars().nth(4) == Some('-'), "D5: {code}");
    assert!(said["poll_secret"].as_str().unwrap().len() >= 43, "T28");
    assert_eq!(started.header("cache-control"), Some("no-store"));

    let browser = gate.browser();
    let (form, ticket) = CLI.open(&gate, &browser).await;
    assert!(form.page.contains("LiteLLM CLI") && form.page.contains("Type the code"));
    assert_eq!(form.action, format!("/sso/cli/complete/{}", ticket.login_id));
    assert_eq!(poll(&gate, &ticket, "").await.json(), json!({"status": "pending"}));
    let done = CLI.press(&browser, &form, &ticket).await;
    assert!(done.status == 200 && done.body.contains("Go back to your terminal"), "{done:?}");
    let ready = poll(&gate, &ticket, "").await.json();
    assert_eq!((&ready["status"], &ready["teams"]), (&json!("ready"), &json!([])));
    assert_eq!(ready["team_id"], Value::Null);
    let key = ready["key"].as_str().unwrap();
    assert_eq!(gate.call(key, "gpt-4o").await.status, 200);
    let info = gate.get("/key/info", key).await.json()["info"].clone();
    assert_eq!(
        (&info["user_id"], &info["metadata"]["app"]),
        (&ready["user_id"], &json!("litellm-cli"))
    );
    let again = poll(&gate, &ticket, "").await;
    assert_eq!(
        (again.status, again.json()),
        (400, json!({"detail": "CLI login session not found or expired"}))
    );
    let link = format!("/sso/key/generate?source=litellm-cli&key={}", ticket.login_id);
    assert_eq!(
        browser.walk(&link).await.status,
        400,
        "the link is open until somebody has answered"
    );
}

#[tokio::test]
async fn who_is_in_several_teams_chooses_in_the_browser_or_in_the_terminal_by_name() {
    let gate = Gate::new("cli_teams").await;
    let browser = gate.browser_of("ada").await;
    let ids = teams(&gate, &["Data", "Web"]).await;
    let (form, ticket) = CLI.open(&gate, &browser).await;
    assert!(form.page.contains("choose in the terminal") && form.page.contains(">Web</option>"));
    CLI.press(&browser, &form, &ticket).await;
    let asked = poll(&gate, &ticket, "").await.json();
    assert_eq!(asked["requires_team_selection"], true);
    assert!(asked["key"].is_null() && asked["status"] == "ready", "{asked}");
    let details = asked["team_details"].as_array().unwrap();
    assert_eq!(details[0], json!({"team_id": ids[0], "team_alias": "Data"}), "K11");
    assert_eq!(poll(&gate, &ticket, "?team_id=team_of_others").await.status, 403);
    assert_eq!(poll(&gate, &ticket, "").await.json()["requires_team_selection"], true, "again");
    let ready = poll(&gate, &ticket, &format!("?team_id={}", ids[1])).await.json();
    assert_eq!(ready["team_id"], json!(ids[1]));
    let key = ready["key"].as_str().unwrap();
    assert_eq!(gate.get("/key/info", key).await.json()["info"]["team_id"], json!(ids[1]));

    // Chosen in the browser: the next poll has the key.
    let (form, ticket) = CLI.open(&gate, &browser).await;
    let mut fields = CLI.fields(&form, &ticket);
    fields.push(("team_id", &ids[0]));
    assert_eq!(browser.post(&form.action, &fields).await.status, 200);
    let ready = poll(&gate, &ticket, &format!("?team_id={}", ids[1])).await.json();
    assert_eq!(ready["team_id"], json!(ids[0]), "what the browser said counts");
    // In the only team there is nothing to choose.
    gate.manage("/team/delete", MASTER_KEY, json!({"team_ids": [ids[1]]})).await;
    let (form, ticket) = CLI.open(&gate, &browser).await;
    CLI.press(&browser, &form, &ticket).await;
    assert_eq!(poll(&gate, &ticket, "").await.json()["team_id"], json!(ids[0]));
}

#[tokio::test]
async fn the_fields_of_litellm_s_own_form_are_enough() {
    let gate = Gate::new("cli_form").await;
    let browser = gate.browser_of("ada").await;
    let (form, ticket) = CLI.open(&gate, &browser).await;
    let careless = ticket.user_code.to_lowercase().replace('-', " ");
    let fields = [("browser_complete_token", form.handle.as_str()), ("user_code", &careless)];
    let done = browser.post("/sso/cli/complete/cli-whatever", &fields).await;
    assert_eq!(done.status, 200, "the id in the path is not believed: {done:?}");
    assert_eq!(poll(&gate, &ticket, "").await.json()["status"], "ready");
}

#[tokio::test]
async fn d6_a_wrong_code_is_refused_and_after_five_the_terminal_must_start_again() {
    let gate = Gate::new("cli_code").await;
    let browser = gate.browser_of("ada").await;
    let (form, ticket) = CLI.open(&gate, &browser).await;
    let wrong = Ticket { user_code: "BBBB-BBBB".into(), ..ticket.clone() };
    for typed in [&wrong, &Ticket { user_code: String::new(), ..ticket.clone() }] {
        let seen = CLI.press(&browser, &form, typed).await;
        assert_eq!(
            (seen.status, seen.json()),
            (400, json!({"detail": "Invalid verification code"}))
        );
    }
    let page = browser.client.post(format!("{}{}", gate.url, form.action));
    let page = page.form(&CLI.fields(&form, &wrong)).header("accept", "text/html,*/*;q=0.8");
    let page = Seen::of(page).await;
    assert!(page.status == 400 && page.is_page() && page.body.contains("That is not the code"));
    assert!(page.body.contains(&format!("/connect/{}", form.handle)), "with a way back: {page:?}");
    assert_eq!(CLI.press(&browser, &form, &ticket).await.status, 200, "a few are forgiven");

    let (form, ticket) = CLI.open(&gate, &browser).await;
    let wrong = Ticket { user_code: "BBBB-BBBB".into(), ..ticket.clone() };
    for _ in 0..5 {
        assert_eq!(CLI.press(&browser, &form, &wrong).await.status, 400);
    }
    let seen = CLI.press(&browser, &form, &ticket).await;
    assert_eq!((seen.status, seen.json()), (400, json!({"detail": "CLI login is not ready"})));
    assert_eq!(poll(&gate, &ticket, "").await.status, 400, "and the terminal hears it");
}

#[tokio::test]
async fn what_a_terminal_must_not_do_is_refused_in_litellm_s_words() {
    let gate = Gate::new("cli_refused").await;
    let browser = gate.browser_of("ada").await;
    let (form, ticket) = CLI.open(&gate, &browser).await;
    let detail = |seen: &Seen| seen.json()["detail"].as_str().unwrap().to_owned();
    let wrong = Ticket { poll_secret: "x".repeat(43), ..ticket.clone() };
    assert_eq!(poll(&gate, &wrong, "").await.status, 403);
    assert_eq!(
        poll(&gate, &Ticket { poll_secret: String::new(), ..ticket.clone() }, "").await.status,
        403
    );
    CLI.press(&browser, &form, &ticket).await;
    assert_eq!(poll(&gate, &wrong, "").await.status, 403, "ready or not");
    for id in ["cli-unknown", "unknown", "sk-x", "cli-"] {
        let unknown = Ticket { login_id: id.into(), ..ticket.clone() };
        assert_eq!(poll(&gate, &unknown, "").await.status, 400, "{id}");
    }
    for (link, says) in [
        ("", "Invalid CLI login session id"),
        ("&key=x", "Invalid CLI login session id"),
        ("&key=cli-a&key=cli-b", "Invalid CLI login session id"),
        ("&key=cli-unknown", "CLI login session not found or expired"),
        ("&key=sk-old", "Your litellm CLI is out of date"),
    ] {
        let seen = browser.get(&format!("/sso/key/generate?source=litellm-cli{link}")).await;
        assert_eq!((seen.status, detail(&seen).as_str()), (400, says), "{link}");
    }
    let forged = Form { handle: "forged".into(), ..form };
    assert_eq!(detail(&CLI.press(&browser, &forged, &ticket).await), "CLI login is not ready");
}

#[tokio::test]
async fn a_login_ends_with_its_time_and_a_page_no_later() {
    let gate = Gate::new("cli_expired").await;
    let browser = gate.browser_of("ada").await;
    let (form, ticket) = CLI.open(&gate, &browser).await;
    gate.turn(599);
    assert_eq!(poll(&gate, &ticket, "").await.json()["status"], "pending");
    gate.turn(1);
    assert_eq!(poll(&gate, &ticket, "").await.status, 400);
    let page = browser.get(&format!("/connect/{}", form.handle)).await;
    assert_eq!(page.status, 410, "a request ends with its poll");
    assert_eq!(CLI.press(&browser, &form, &ticket).await.status, 400);
    // Ready, and never fetched.
    let (form, ticket) = CLI.open(&gate, &browser).await;
    CLI.press(&browser, &form, &ticket).await;
    gate.turn(600);
    assert_eq!(poll(&gate, &ticket, "").await.status, 400);
}

#[tokio::test]
async fn an_outage_of_the_provider_leaves_the_terminal_waiting_and_the_link_open() {
    let gate = Gate::new("cli_outage").await;
    let (path, ticket) = CLI.begin(&gate).await;
    gate.idp.fault(Fault::Gone);
    let browser = gate.browser();
    assert_eq!(browser.walk(&path).await.status, 503);
    assert_eq!(poll(&gate, &ticket, "").await.json()["status"], "pending");
    gate.idp.fault(Fault::None);
    let form = Form::read(&browser.walk(&path).await);
    assert_eq!(CLI.press(&browser, &form, &ticket).await.status, 200);
    assert_eq!(poll(&gate, &ticket, "").await.json()["status"], "ready");
}

#[tokio::test]
async fn a_restart_between_any_two_steps_changes_nothing() {
    let gate = Gate::new("cli_restart").await;
    let browser = gate.browser_of("ada").await;
    let (form, ticket) = CLI.open(&gate, &browser).await;
    let gate = gate.restarted().await;
    let browser = browser.moved(&gate.url);
    assert_eq!(poll(&gate, &ticket, "").await.json()["status"], "pending");
    assert_eq!(CLI.press(&browser, &form, &ticket).await.status, 200);
    let gate = gate.restarted().await;
    let key = poll(&gate, &ticket, "").await.json()["key"].clone();
    assert_eq!(gate.call(key.as_str().unwrap(), "gpt-4o").await.status, 200);
}

#[tokio::test]
async fn one_terminal_asks_so_often_and_no_more_and_others_are_not_held_up() {
    let gate = Gate::new("cli_often").await;
    let (_, one) = CLI.begin(&gate).await;
    let (_, other) = CLI.begin(&gate).await;
    let mut refused = 0;
    for _ in 0..130 {
        let seen = poll(&gate, &one, "").await;
        refused += u32::from(seen.status == 429 && seen.header("retry-after").is_some());
    }
    assert_eq!(refused, 10);
    assert_eq!(poll(&gate, &other, "").await.status, 200);
}
