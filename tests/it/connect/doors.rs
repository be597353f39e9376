//! What all ways in have in common, tried on all of them from one list.
use crate::support::{ALL_DIALECTS, Door, Form, Gate, MASTER_KEY, Seen, VERIFIER};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::HashSet;

pub(super) async fn gate(test: &str) -> Gate {
    let settings = format!("{ALL_DIALECTS}\nconnect.max_keys_per_app = 5000");
    Gate::with(test, &settings).await
}

pub(super) async fn keys(gate: &Gate) -> i64 {
    let seen = gate.get("/key/list", MASTER_KEY).await;
    seen.json()["total_count"].as_i64().unwrap_or_else(|| panic!("{seen:?}"))
}

#[tokio::test]
async fn every_way_in_ends_in_a_key_that_works_and_an_app_with_a_name() {
    let gate = gate("doors_all").await;
    let browser = gate.browser_of("ada").await;
    let mut apps = HashSet::new();
    for door in Door::ALL {
        let (form, ticket) = door.open(&gate, &browser).await;
        assert_eq!(keys(&gate).await, i64::try_from(apps.len()).unwrap(), "{door:?}: none before");
        let said = door.press(&browser, &form, &ticket).await;
        let key = door.take(&gate, &said, &ticket).await.unwrap();
        assert!(key.starts_with("sk-"), "{door:?}");
        assert_eq!(gate.call(&key, "gpt-4o").await.status, 200, "{door:?}");
        let info = gate.get("/key/info", &key).await.json()["info"].clone();
        assert_eq!(info["metadata"]["client_type"], "oauth_external_app", "{door:?}: {info}");
        apps.insert(format!("{door:?}"));
        assert!(!said.body.contains("was not connected"), "{door:?}: {said:?}");
    }
    let names = gate.audit().await;
    for dialect in ["link", "cli", "openrouter", "glama", "requesty"] {
        assert!(names.iter().any(|(action, detail)| action == "grant" && detail == dialect));
    }
}

#[tokio::test]
async fn a23_c1_c3_another_browser_a_forged_handle_and_another_site_get_nowhere() {
    let gate = gate("doors_foreign").await;
    let (ada, mallory) = (gate.browser_of("ada").await, gate.browser_of("mallory").await);
    for door in Door::ALL {
        let (form, ticket) = door.open(&gate, &mallory).await;
        let page = format!("/connect/{}", form.handle);
        assert_eq!(ada.get(&page).await.status, 403, "{door:?}");
        let refused = |seen: &Seen| (400..=403).contains(&seen.status);
        assert!(refused(&door.press(&ada, &form, &ticket).await), "{door:?}: another browser");
        for handle in ["forged".to_owned(), form.handle[1..].to_owned(), form.handle.to_uppercase()]
        {
            let other = Form { handle, ..form.clone() };
            assert!(refused(&door.press(&mallory, &other, &ticket).await), "{door:?}: forged");
        }
        for site in ["cross-site", "same-site"] {
            let to = format!("{}{}", gate.url, form.action);
            let sent = mallory.client.post(to).form(&door.fields(&form, &ticket));
            let seen = Seen::of(sent.header("sec-fetch-site", site)).await;
            assert_eq!(seen.status, 403, "{door:?}: {site}");
        }
        assert_eq!(keys(&gate).await, 0, "{door:?}");
        assert_eq!(
            door.press(&mallory, &form, &ticket).await.status / 100,
            2 + u16::from(matches!(door, Door::Link | Door::OpenRouter | Door::OpenRouterBearer)),
            "{door:?}: nothing was burned"
        );
        // Not collected: the next door must find none.
        let app = gate.people().await;
        for person in app {
            let body = json!({"user_ids": [person.user.id]});
            gate.manage("/user/block", MASTER_KEY, body.clone()).await;
            gate.manage("/user/unblock", MASTER_KEY, body).await;
        }
        let all = gate.get("/key/list?size=100", MASTER_KEY).await.json()["keys"].clone();
        let ids: Vec<_> = all.as_array().unwrap().iter().map(|key| key["id"].clone()).collect();
        if !ids.is_empty() {
            gate.manage("/key/delete", MASTER_KEY, json!({"keys": ids})).await;
        }
        gate.idp.person("mallory");
        mallory.walk("/sso/login?return_to=/").await;
        gate.idp.person("ada");
        ada.walk("/sso/login?return_to=/").await;
    }
}

#[tokio::test]
async fn c15_of_two_clicks_one_counts_and_what_is_answered_is_answered() {
    let gate = gate("doors_clicks").await;
    let browser = gate.browser_of("ada").await;
    for (number, door) in Door::ALL.into_iter().enumerate() {
        let (form, ticket) = door.open(&gate, &browser).await;
        let clicks = (0..8).map(|_| door.press(&browser, &form, &ticket));
        let seen = join_all(clicks).await;
        let good: Vec<_> = seen.iter().filter(|seen| seen.status < 400).collect();
        assert_eq!(good.len(), 1, "{door:?}: {seen:?}");
        door.take(&gate, good[0], &ticket).await.unwrap();
        assert_eq!(keys(&gate).await, i64::try_from(number + 1).unwrap(), "{door:?}");
        assert!(door.press(&browser, &form, &ticket).await.status >= 400, "{door:?}: again");
    }
}

#[tokio::test]
async fn c13_a_no_leaves_nothing_and_nobody_waiting() {
    let gate = gate("doors_no").await;
    let browser = gate.browser_of("ada").await;
    for door in Door::ALL {
        let (form, ticket) = door.open(&gate, &browser).await;
        let mut fields = door.fields(&form, &ticket);
        fields.retain(|(name, _)| *name != "answer");
        fields.push(("answer", "deny"));
        let said = browser.post(&form.action, &fields).await;
        if door == Door::Cli {
            assert_eq!(door.poll(&gate, &ticket).await.status, 400, "the terminal hears it");
        } else {
            assert_eq!(said.sent("error").as_deref(), Some("access_denied"), "{door:?}: {said:?}");
            assert!(said.sent("code").is_none() && said.sent("access_token").is_none());
        }
        assert!(door.press(&browser, &form, &ticket).await.status >= 400, "{door:?}: answered");
    }
    assert_eq!(keys(&gate).await, 0);
}

#[tokio::test]
async fn c3_a_request_that_expired_is_not_answered() {
    let gate = gate("doors_expired").await;
    let browser = gate.browser_of("ada").await;
    for door in Door::ALL {
        let (form, ticket) = door.open(&gate, &browser).await;
        gate.turn(15 * 60);
        let seen = door.press(&browser, &form, &ticket).await;
        assert!(seen.status >= 400, "{door:?}: {seen:?}");
        let page = browser.get(&format!("/connect/{}", form.handle)).await;
        assert_eq!(page.status, 410, "{door:?}");
    }
    assert_eq!(keys(&gate).await, 0);
}

#[tokio::test]
async fn a24_what_is_begun_and_never_ended_is_bounded_at_every_door() {
    let gate = gate("doors_flood").await;
    for door in [Door::OpenRouterBearer, Door::Glama, Door::Requesty] {
        let (path, _) = door.begin(&gate).await;
        let browser = gate.browser();
        let mut refused = 0;
        for _ in 0..650 {
            refused += u32::from(browser.get(&path).await.status == 429);
        }
        assert_eq!(refused, 50, "{door:?}");
        gate.turn(61);
    }
    let mut refused = 0;
    for _ in 0..40 {
        let seen = Seen::of(gate.client.post(format!("{}/sso/cli/start", gate.url))).await;
        refused += u32::from(seen.status == 429 && seen.header("retry-after").is_some());
    }
    assert_eq!(refused, 10, "thirty a minute from one address (contract)");
}

#[tokio::test]
async fn t29_a17_nothing_usable_lies_in_the_database_and_every_page_keeps_its_headers() {
    let gate = gate("doors_disk").await;
    let browser = gate.browser_of("ada").await;
    let mut secrets = Vec::new();
    for door in Door::ALL {
        let (form, ticket) = door.open(&gate, &browser).await;
        secrets.extend([form.handle.clone(), ticket.poll_secret.clone(), ticket.user_code.clone()]);
        let said = door.press(&browser, &form, &ticket).await;
        assert_eq!(said.header("cache-control"), Some("no-store"), "{door:?}");
        assert_eq!(said.header("referrer-policy"), Some("no-referrer"), "{door:?}");
        secrets.extend(said.sent("code").filter(|_| door != Door::Requesty));
        secrets.push(door.take(&gate, &said, &ticket).await.unwrap());
    }
    secrets.push(VERIFIER.into());
    let disk = gate.disk();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        assert!(memchr::memmem::find(&disk, secret.as_bytes()).is_none(), "{secret} lies there");
    }
}

#[tokio::test]
async fn a_dialect_that_is_off_is_off_at_every_url_and_says_which_setting() {
    let gate = Gate::with("doors_off", "connect.dialects = [\"link\"]").await;
    let browser = gate.browser_of("ada").await;
    for path in [
        "/auth?callback_url=http%3A%2F%2Flocalhost%3A3000%2F",
        "/oauth/authorize?callback_url=vscode%3A%2F%2Fa.b%2Fglama",
        "/oauth/authorize?callback_url=vscode%3A%2F%2Fa.b%2Frequesty",
        "/sso/key/generate?source=litellm-cli&key=cli-x",
    ] {
        let seen = browser.get(path).await;
        assert!(seen.status == 403 && seen.body.contains("connect.dialects"), "{path}: {seen:?}");
    }
    let started = Seen::of(gate.client.post(format!("{}/sso/cli/start", gate.url))).await;
    assert!(started.status == 403 && started.body.contains("connect.dialects"), "{started:?}");
    for door in [Door::OpenRouter, Door::Glama] {
        let seen = door.redeem(&gate, "gc-x", None).await;
        assert!(seen.status == 403 && seen.body.contains("connect.dialects"), "{seen:?}");
    }
    let seen = browser.get("/oauth/authorize?client_id=x&response_type=code").await;
    assert!(seen.status == 501 && seen.is_page() && seen.body.contains("Not served yet"));
}

#[tokio::test]
async fn n4_n5_n8_n10_a4_a_callback_is_judged_like_the_link_s_and_never_redirected_to() {
    let gate = gate("doors_callbacks").await;
    let browser = gate.browser_of("ada").await;
    let bad = [
        "javascript:alert(1)",
        "http://192.168.0.1/cb",
        "http://127.0.0.1.evil.com/cb",
        "http://127.1/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "https://good@evil.example/cb",
        "https://a.example/cb#x",
        "VSCODE://a.b/cb",
        "ms-word:x",
        "https://a.example/cb?code=x",
        "//evil.example",
        "",
    ];
    for callback in bad {
        let callback: String = form_urlencoded::byte_serialize(callback.as_bytes()).collect();
        for path in ["/auth", "/oauth/authorize"] {
            let seen = browser.get(&format!("{path}?callback_url={callback}")).await;
            assert!(seen.status == 400 && seen.is_page(), "{path} {callback}: {seen:?}");
            assert!(seen.location.is_none() && !seen.body.contains("evil.example"), "{seen:?}");
        }
    }
    for path in ["/auth", "/oauth/authorize"] {
        let doubled =
            format!("{path}?callback_url=http://localhost:1/&callback_url=http://localhost:2/");
        assert_eq!(browser.get(&doubled).await.status, 400, "A4: {path}");
    }
    let settings = format!("{ALL_DIALECTS}\nconnect.web_redirects = \"off\"");
    let gate = Gate::with("doors_policy", &settings).await;
    for path in ["/auth", "/oauth/authorize"] {
        let seen = gate.browser().get(&format!("{path}?callback_url=https://a.example/cb")).await;
        assert!(seen.status == 403 && seen.body.contains("connect.web_redirects"), "{seen:?}");
    }
}
