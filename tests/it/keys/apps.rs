//! Connected apps: one list, whatever way an app came in by; and the end of one.
use crate::support::{ALL_DIALECTS, Browser, Door, Form, Gate, MASTER_KEY, Seen, soon};
use serde_json::{Value, json};

async fn list(browser: &Browser) -> Value {
    let request = browser.client.get(format!("{}/apps", browser.base));
    let seen = Seen::of(request.header("accept", "application/json")).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    seen.json()["apps"].clone()
}

async fn page(browser: &Browser) -> Seen {
    let request = browser.client.get(format!("{}/apps", browser.base));
    Seen::of(request.header("accept", "text/html,*/*;q=0.8")).await
}

async fn delete(browser: &Browser, id: &str) -> u16 {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    Seen::of(browser.client.delete(format!("{}/apps/{id}", browser.base))).await.status
}

fn find<'a>(apps: &'a Value, id: &str) -> &'a Value {
    let found = apps.as_array().unwrap().iter().find(|app| app["id"] == id);
    found.unwrap_or_else(|| panic!("{id} in {apps:#}"))
}

async fn key(gate: &Gate, browser: &Browser, door: Door) -> String {
    let (form, ticket) = door.open(gate, browser).await;
    let said = door.press(browser, &form, &ticket).await;
    door.take(gate, &said, &ticket).await.unwrap()
}

#[tokio::test]
async fn one_list_has_every_app_whatever_way_it_came_in_by() {
    let gate = Gate::with("apps_list", ALL_DIALECTS).await;
    let browser = gate.browser_of("ada").await;
    let glama = key(&gate, &browser, Door::Glama).await;
    key(&gate, &browser, Door::Requesty).await;
    key(&gate, &browser, Door::Cli).await;
    key(&gate, &browser, Door::Link).await;
    for _ in 0..3 {
        assert_eq!(gate.call(&glama, "gpt-4o").await.status, 200);
    }
    gate.turn(2 * 86_400);
    let browser = gate.browser_of("ada").await;
    let apps = list(&browser).await;
    assert_eq!(apps.as_array().unwrap().len(), 3, "{apps:#}");
    let roo = find(&apps, "vscode://RooVeterinaryInc.roo-cline");
    assert_eq!((&roo["name"], &roo["host"]), (&json!("Roo Code"), &json!("VS Code")));
    assert_eq!(roo["dialects"], json!(["glama", "requesty"]), "one app, two ways");
    assert_eq!(roo["keys"].as_array().unwrap().len(), 2);
    let used = &roo["last_30d"];
    assert_eq!(used["calls"], 3);
    assert!(used["input_tokens"].as_i64() > Some(0) && used["output_tokens"].as_i64() > Some(0));
    for name in ["granted_at", "last_used_at"] {
        assert!(roo[name].as_str().unwrap().ends_with('Z'), "{name}: {roo}");
    }
    let first = &roo["keys"][0];
    assert!(first["id"].as_str().unwrap().starts_with("key_") && first["alias"].is_string());
    assert!(first["created_at"].is_string() && first["expires_at"].is_string());
    assert_eq!(find(&apps, "litellm-cli")["host"], "a terminal");
    assert_eq!(find(&apps, "loopback")["last_used_at"], Value::Null);

    let html = page(&browser).await;
    for says in [
        "Roo Code",
        ">glama</span>",
        ">requesty</span>",
        "3 calls",
        "<svg",
        "role=\"img\"",
        "tokens in 30 days, most of it on",
    ] {
        assert!(html.body.contains(says), "{says} in {}", html.body);
    }
    assert!(!html.body.contains(&glama), "no secret");
    gate.turn(29 * 86_400);
    let ada = gate.browser_of("ada").await;
    assert_eq!(
        find(&list(&ada).await, "vscode://RooVeterinaryInc.roo-cline")["last_30d"]["calls"],
        0
    );
}

#[tokio::test]
async fn ending_an_app_ends_its_grant_its_codes_its_polls_and_its_keys_at_once() {
    let gate = Gate::with("apps_end", ALL_DIALECTS).await;
    let browser = gate.browser_of("ada").await;
    let other = key(&gate, &browser, Door::Requesty).await;
    let twin = gate.twin().await;
    for (door, id) in [(Door::OpenRouter, "loopback"), (Door::Cli, "litellm-cli")] {
        let live = key(&gate, &browser, door).await;
        assert_eq!(twin.call(&live, "gpt-4o").await.status, 200, "in another's memory too");
        let (form, ticket) = door.open(&gate, &browser).await;
        let waits = door.press(&browser, &form, &ticket).await;
        assert_eq!(delete(&browser, id).await, 204, "{door:?}");
        assert_eq!(gate.call(&live, "gpt-4o").await.status, 401, "{door:?}: at the next call");
        let late = door.take(&gate, &waits, &ticket).await;
        assert!(
            matches!(late, Err(400 | 403)),
            "{door:?}: what was allowed is not any more: {late:?}"
        );
        soon("elsewhere", async || twin.call(&live, "gpt-4o").await.status == 401).await;
        assert_eq!(delete(&browser, id).await, 404, "{door:?}: it is gone");
        assert!(list(&browser).await.as_array().unwrap().iter().all(|app| app["id"] != id));
    }
    assert_eq!(gate.call(&other, "gpt-4o").await.status, 200, "no other app");
    assert!(
        gate.audit()
            .await
            .iter()
            .any(|(action, detail)| action == "app.end" && detail == "1 keys, 1 waiting")
    );
    // And by the page's own button.
    let html = page(&browser).await;
    let (_, rest) = html.body.split_once("name=\"token\" value=\"").unwrap();
    let token = rest.split('"').next().unwrap();
    let app = "vscode://RooVeterinaryInc.roo-cline";
    assert_eq!(browser.post("/apps/end", &[("token", "forged"), ("app", app)]).await.status, 403);
    let ended =
        browser.post("/apps/end", &[("token", token), ("app", app), ("back", "/apps")]).await;
    assert_eq!(ended.location.as_deref(), Some("/apps"));
    assert_eq!(gate.call(&other, "gpt-4o").await.status, 401);
    assert!(page(&browser).await.body.contains("No app is connected"));
}

#[tokio::test]
async fn an_app_is_its_person_s_and_only_by_a_key_that_no_app_got() {
    let gate = Gate::with("apps_whose", ALL_DIALECTS).await;
    let (ada, bob) = (gate.browser_of("ada").await, gate.browser_of("bob").await);
    let app = key(&gate, &ada, Door::OpenRouter).await;
    assert_eq!(list(&bob).await, json!([]));
    assert_eq!(delete(&bob, "loopback").await, 404, "another's");
    let people = gate.people().await;
    let id = people.iter().find(|p| p.user.name.as_deref() == Some("ada")).unwrap().user.id.clone();
    let own = gate.generate(json!({"user_id": id})).await["key"].clone();
    let own = own.as_str().unwrap();
    let seen = gate.get("/apps", own).await;
    assert_eq!(seen.json()["apps"][0]["id"], "loopback", "{seen:?}");
    for (key, status) in [(app.as_str(), 403), ("sk-unknown", 401), (MASTER_KEY, 403)] {
        assert_eq!(gate.get("/apps", key).await.status, status, "{key}");
        let request = gate.client.delete(format!("{}/apps/loopback", gate.url)).bearer_auth(key);
        assert_eq!(Seen::of(request).await.status, status, "{key}");
    }
    let nobody = Seen::of(gate.client.get(format!("{}/apps", gate.url))).await;
    assert_eq!(nobody.status, 401);
    assert_eq!(page(&gate.browser()).await.location.as_deref(), Some("/sso/login?return_to=/apps"));
    let foreign = ada.client.delete(format!("{}/apps/loopback", gate.url));
    let foreign = Seen::of(foreign.header("sec-fetch-site", "cross-site")).await;
    assert_eq!(foreign.status, 403, "C1");
    let request = gate.client.delete(format!("{}/apps/loopback", gate.url)).bearer_auth(own);
    assert_eq!(Seen::of(request).await.status, 204);
    assert_eq!(gate.call(&app, "gpt-4o").await.status, 401);
    for id in ["%00", "nothing", "vscode:%2F%2F..%2F"] {
        let seen = Seen::of(ada.client.delete(format!("{}/apps/{id}", gate.url))).await;
        assert_eq!(seen.status, 404, "{id}");
    }
}

#[tokio::test]
async fn the_connect_page_starts_a_deep_link_and_says_what_is_connected() {
    let gate = Gate::new("apps_connect").await;
    let browser = gate.browser_of("ada").await;
    let cards = browser.get("/connect").await;
    for says in [
        "Roo Code",
        "Zoo Code",
        "Cline",
        "LiteLLM CLI",
        "OpenRouter SDKs",
        "Anything else",
        "/api/v1",
    ] {
        assert!(cards.body.contains(says), "{says} in {}", cards.body);
    }
    let (_, rest) = cards.body.split_once("href=\"/auth?").unwrap();
    let path = format!("/auth?{}", rest.split('"').next().unwrap());
    let form = Form::read(&browser.walk(&path).await);
    assert!(form.page.contains("Roo Code"), "{}", form.page);
    let said = browser.press("allow", &form).await;
    let url = said.sent_to().unwrap();
    assert!(url.starts_with("vscode://RooVeterinaryInc.roo-cline/openrouter?code=gc-"), "{url}");
    // As Roo Code redeems it: at the origin of its base URL, without a proof.
    let code = json!({"code": said.sent("code")});
    let seen =
        Seen::of(gate.client.post(format!("{}/api/v1/auth/keys", gate.url)).json(&code)).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert!(browser.get("/connect").await.body.contains("connected today"));
    gate.turn(3 * 86_400);
    let ada = gate.browser_of("ada").await;
    assert!(ada.get("/connect").await.body.contains("connected, key 3 days old"));
    assert_eq!(
        gate.browser().get("/connect").await.location.as_deref(),
        Some("/sso/login?return_to=/connect")
    );
    assert!(cards.body.contains("off: the admin has not allowed it"), "Cline's way is Requesty's");
    let gate = Gate::with("apps_connect_off", "connect.dialects = [\"link\"]").await;
    let off = gate.browser_of("ada").await.get("/connect").await.body;
    assert!(off.contains("connect.dialects") && !off.contains("href=\"/auth?"), "{off}");
}
