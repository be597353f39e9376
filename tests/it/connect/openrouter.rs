//! OpenRouter's sign-in, as its SDKs and the tools that know it speak it.
use crate::support::{Browser, Door, Form, Gate, MASTER_KEY, Seen, VERIFIER, challenge};
use serde_json::{Value, json};

async fn exchange(gate: &Gate, body: Value) -> Seen {
    Seen::of(gate.client.post(format!("{}/api/v1/auth/keys", gate.url)).json(&body)).await
}

async fn open(browser: &Browser, query: &str) -> Form {
    let seen = browser.walk(&format!("/auth?{query}")).await;
    assert_eq!(seen.status, 200, "{query}: {seen:?}");
    Form::read(&seen)
}

/// A key by OpenRouter's sign-in, whose app asks for a limit.
pub(crate) async fn key_with_limit(gate: &Gate, query: &str) -> String {
    let browser = gate.browser_of("ada").await;
    let form = open(&browser, &format!("callback_url=http://localhost:3000/cb&{query}")).await;
    let fields = [("request", form.handle.as_str()), ("user", &form.user), ("answer", "allow")];
    let code = browser.post(&form.action, &fields).await.sent("code").unwrap();
    let said = exchange(gate, json!({"code": code})).await.json();
    said["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_code_comes_back_beside_the_callback_s_own_query_and_becomes_a_key() {
    let gate = Gate::new("or_whole").await;
    let browser = gate.browser();
    let (form, ticket) = Door::OpenRouter.open(&gate, &browser).await;
    assert!(form.page.contains("A code for the key will be sent to"), "{}", form.page);
    let said = Door::OpenRouter.press(&browser, &form, &ticket).await;
    assert_eq!(said.status, 303, "A16");
    let to = said.location.clone().unwrap();
    assert!(
        to.starts_with("http://localhost:3000/cb?kept=1&code=gc-") && to.ends_with('#'),
        "{to}"
    );
    assert_eq!(said.sent("state"), None, "it knows no state");
    let code = said.sent("code").unwrap();
    let body = json!({"code": code, "code_verifier": VERIFIER, "code_challenge_method": "S256"});
    // An old key that its client sends along says nothing.
    let request = gate.client.post(format!("{}/api/v1/auth/keys", gate.url)).json(&body);
    let seen = Seen::of(request.bearer_auth("sk-or-old")).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    assert_eq!(seen.header("access-control-allow-origin"), Some("*"), "pages redeem codes too");
    let said = seen.json();
    let key = said["key"].as_str().unwrap();
    let info = gate.get("/key/info", key).await.json()["info"].clone();
    assert_eq!(info["user_id"], said["user_id"]);
    assert_eq!(info["metadata"]["redirect_uri"], "http://localhost:3000/cb");
}

#[tokio::test]
async fn both_methods_and_the_sdk_s_empty_fields_are_understood_and_no_other() {
    let gate = Gate::new("or_methods").await;
    let browser = gate.browser_of("ada").await;
    let to = "callback_url=http%3A%2F%2Flocalhost%3A3000%2Fcb";
    let code = async |more: &str| {
        let form = open(&browser, &format!("{to}{more}")).await;
        browser.press("allow", &form).await.sent("code").unwrap()
    };
    let s256 = format!("&code_challenge={}&code_challenge_method=S256", challenge());
    let plain = format!("&code_challenge={VERIFIER}");
    for (more, verifier, method) in [
        (s256.as_str(), json!(VERIFIER), json!("S256")),
        (s256.as_str(), json!(VERIFIER), json!(null)),
        (plain.as_str(), json!(VERIFIER), json!("plain")),
        ("", json!(null), json!(null)),
    ] {
        let body = json!({"code": code(more).await, "code_verifier": verifier,
            "code_challenge_method": method});
        assert_eq!(exchange(&gate, body).await.status, 200, "{more}");
    }
    let shape = async |status: u16, seen: Seen| {
        assert_eq!(seen.status, status, "{seen:?}");
        assert_eq!(seen.json()["error"]["code"], status, "an integer: {seen:?}");
        assert!(seen.json()["error"]["message"].is_string());
    };
    let with = async |method: &str, more: &str| {
        let body = json!({"code": code(more).await, "code_verifier": VERIFIER,
            "code_challenge_method": method});
        exchange(&gate, body).await
    };
    shape(400, with("plain", &s256).await).await;
    shape(400, with("s256", &s256).await).await;
    shape(400, exchange(&gate, json!({})).await).await;
    shape(403, exchange(&gate, json!({"code": "gc-unknown"})).await).await;
    let url = format!("{}/api/v1/auth/keys", gate.url);
    shape(400, Seen::of(gate.client.post(&url).body("not json")).await).await;
    shape(405, Seen::of(gate.client.get(&url)).await).await;
    shape(405, Seen::of(gate.client.put(&url)).await).await;
    let doubled = "{\"code\":\"a\",\"code\":\"b\"}";
    let twice = gate.client.post(&url).header("content-type", "application/json").body(doubled);
    shape(400, Seen::of(twice).await).await;
    let asked =
        gate.client.request(reqwest::Method::OPTIONS, &url).header("origin", "https://a.example");
    let preflight = Seen::of(asked.header("access-control-request-method", "POST")).await;
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("Content-Type"));
}

#[tokio::test]
async fn a6_a7_what_auth_cannot_take_is_a_page_in_words() {
    let gate = Gate::new("or_bad").await;
    let browser = gate.browser_of("ada").await;
    let to = "callback_url=http%3A%2F%2Flocalhost%3A3000%2Fcb";
    for query in [
        "",
        "code_challenge_method=S256",
        &format!("{to}&code_challenge=short&code_challenge_method=S256"),
        &format!("{to}&code_challenge={}&code_challenge_method=s256", challenge()),
        &format!("{to}&code_challenge={}&code_challenge_method=none", challenge()),
        &format!("{to}&code_challenge_method=S256"),
        &format!("{to}&code_challenge={}", "x".repeat(129)),
        &format!("{to}&limit=free"),
        &format!("{to}&limit=-1"),
        &format!("{to}&limit=5&usage_limit_type=yearly"),
        &format!("{to}&expires_at=tomorrow"),
        &format!("{to}&expires_at=2001-01-01T00:00:00Z"),
        &format!("{to}&key_label={}", "x".repeat(101)),
        &format!("{to}&key_label=a%0ab"),
        &format!("{to}&code_challenge=a&code_challenge=b"),
    ] {
        let seen = browser.get(&format!("/auth?{query}")).await;
        assert!(seen.status == 400 && seen.is_page(), "{query}: {seen:?}");
        assert!(seen.location.is_none(), "{query}");
    }
    let unknown = format!("{to}&spawn_agent=1&workspace_id=x&anything=%3Cb%3E");
    assert_eq!(
        browser.get(&format!("/auth?{unknown}")).await.status,
        303,
        "unknown ones are ignored"
    );
}

#[tokio::test]
async fn an_un_encoded_callback_is_understood_as_aider_sends_it() {
    let gate = Gate::new("or_aider").await;
    let browser = gate.browser_of("ada").await;
    let query = format!(
        "callback_url=http://localhost:8484/callback/aider&code_challenge={}&code_challenge_method=S256",
        challenge()
    );
    let form = open(&browser, &query).await;
    let said = browser.press("allow", &form).await;
    assert!(
        said.location.as_deref().unwrap().starts_with("http://localhost:8484/callback/aider?code=")
    );
    let body = json!({"code": said.sent("code"), "code_verifier": VERIFIER, "code_challenge_method": "S256"});
    assert_eq!(exchange(&gate, body).await.status, 200);
}

#[tokio::test]
async fn without_a_callback_the_code_is_shown_for_copying() {
    let gate = Gate::new("or_shown").await;
    let browser = gate.browser_of("ada").await;
    let form =
        open(&browser, &format!("code_challenge={}&code_challenge_method=S256", challenge())).await;
    assert!(form.page.contains("for you to copy to the app"));
    let said = browser.press("allow", &form).await;
    assert!(said.status == 200 && said.location.is_none(), "{said:?}");
    let (_, rest) = said.body.split_once("readonly value=\"").unwrap();
    let code = rest.split('"').next().unwrap();
    let body = json!({"code": code, "code_verifier": VERIFIER});
    let key = exchange(&gate, body).await.json()["key"].clone();
    assert_eq!(gate.call(key.as_str().unwrap(), "gpt-4o").await.status, 200);
    let form = open(&browser, &format!("code_challenge={VERIFIER}")).await;
    let said = browser.press("deny", &form).await;
    assert!(said.status == 200 && said.body.contains("Not connected"), "{said:?}");
}

#[tokio::test]
async fn k10_an_app_on_another_machine_gets_its_answer_by_hand_and_once() {
    let gate = Gate::new("or_by_hand").await;
    let browser = gate.browser_of("ada").await;
    let (form, _) = Door::OpenRouterBearer.open(&gate, &browser).await;
    assert!(form.page.contains("The app runs on another machine"));
    let said = browser.press("by-hand", &form).await;
    assert!(said.status == 200 && said.location.is_none(), "{said:?}");
    let (_, rest) = said.body.split_once("readonly value=\"").unwrap();
    let address = rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    assert!(address.starts_with("http://localhost:3000/cb?kept=1&code=gc-"), "{address}");
    let code = address.split("code=").nth(1).unwrap();
    assert_eq!(exchange(&gate, json!({"code": code})).await.status, 200);
    assert_eq!(exchange(&gate, json!({"code": code})).await.status, 403, "once");
    // The same on the link, where it is a key.
    let form = browser.open("http://127.0.0.1:5/cb", "").await;
    let said = browser.press("by-hand", &form).await;
    assert!(said.body.contains("access_token=sk-") && said.location.is_none(), "{said:?}");
    let form = browser.open("https://a.example/cb", "").await;
    assert!(
        !form.page.contains("runs on another machine"),
        "only where a computer of its own is meant"
    );
}

#[tokio::test]
async fn what_the_app_asks_of_its_key_is_shown_kept_and_only_ever_lowered() {
    let gate = Gate::new("or_asks").await;
    let browser = gate.browser_of("ada").await;
    let end = gatekey::model::Timestamp(gate.now() + 5 * 86_400 + 7);
    let query = format!(
        "callback_url=http://localhost:3000/cb&limit=12.5&usage_limit_type=monthly&key_label=%3Ci%3Emy+laptop&expires_at={}",
        end.rfc3339()
    );
    let key = async |lifetime: &str| {
        let form = open(&browser, &query).await;
        let end = format!("until {}", end.in_words());
        for says in
            ["value=\"12.5\"", "<option value=\"monthly\" selected>", "&#60;i&#62;my laptop", &end]
        {
            assert!(form.page.contains(says), "{says} in {}", form.page);
        }
        assert!(!form.page.contains("30 days"), "no longer than it asks");
        let fields = [
            ("request", form.handle.as_str()),
            ("user", &form.user),
            ("answer", "allow"),
            ("lifetime", lifetime),
        ];
        let code = browser.post(&form.action, &fields).await.sent("code").unwrap();
        gate.turn(60);
        let said = exchange(&gate, json!({"code": code})).await.json();
        let key = said["key"].as_str().unwrap().to_owned();
        gate.get("/key/info", &key).await.json()["info"].clone()
    };
    let info = key("").await;
    assert_eq!(
        (&info["key_alias"], &info["expires"]),
        (&json!("<i>my laptop"), &json!(end.rfc3339()))
    );
    assert_eq!(key("365d").await["expires"], json!(end.rfc3339()), "a form cannot raise it");
    let short = key("1h").await;
    assert_eq!(short["expires"], json!(gatekey::model::Timestamp(gate.now() + 3600).rfc3339()));
    // Nothing asked: the longest there is, since its clients cannot renew.
    let form = open(&browser, "callback_url=http://localhost:3000/cb").await;
    assert!(form.page.contains("<option value=\"30d\" selected>"), "{}", form.page);
}

#[tokio::test]
async fn a_live_key_gets_a_code_for_a_key_of_its_kind_and_a_dead_one_nothing() {
    let gate = Gate::new("or_code").await;
    let parent = gate.key_of("ada").await;
    let ask = async |key: &str, body: Value| {
        let request = gate.client.post(format!("{}/api/v1/auth/keys/code", gate.url)).json(&body);
        Seen::of(request.bearer_auth(key)).await
    };
    let body = json!({"callback_url": "https://a.example/cb", "code_challenge": challenge(),
        "code_challenge_method": "S256", "key_label": "child"});
    let said = ask(&parent, body.clone()).await;
    assert_eq!(said.status, 200, "{said:?}");
    let data = said.json()["data"].clone();
    assert!(data["app_id"].is_u64() && data["created_at"].is_string(), "{data}");
    let shown = json!({"code": data["id"], "code_verifier": VERIFIER});
    let child = exchange(&gate, shown).await.json()["key"].clone();
    let child = child.as_str().unwrap();
    let (own, theirs) = (
        gate.get("/key/info", child).await.json()["info"].clone(),
        gate.get("/key/info", &parent).await.json()["info"].clone(),
    );
    assert_eq!(
        (&own["user_id"], &own["metadata"]["app"]),
        (&theirs["user_id"], &theirs["metadata"]["app"])
    );
    assert_eq!(own["key_alias"], "child");
    let mut limited = body.clone();
    limited["limit"] = json!(5.5);
    let refused = ask(&parent, limited).await;
    assert!(refused.status == 400 && refused.body.contains("limit"), "{refused:?}");
    for key in [MASTER_KEY, "sk-unknown"] {
        let seen = ask(key, body.clone()).await;
        assert!(matches!(seen.status, 401 | 403), "{seen:?}");
        assert_eq!(seen.json()["error"]["code"], seen.status);
    }
    // A code of a key that has ended since is worth nothing.
    let code = ask(&parent, body).await.json()["data"]["id"].clone();
    gate.manage("/key/delete", MASTER_KEY, json!({"keys": [theirs["token_id"].as_str().unwrap_or(theirs["id"].as_str().unwrap_or_default())]})).await;
    let shown = json!({"code": code, "code_verifier": VERIFIER});
    assert_eq!(exchange(&gate, shown).await.status, 403);
}
