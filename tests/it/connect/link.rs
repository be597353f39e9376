use crate::support::{Browser, EDITOR, Gate, LINK};

#[tokio::test]
async fn the_public_steps_are_those_of_the_contract() {
    let gate = Gate::new("link_steps").await;
    let browser = gate.browser();
    let link = format!("{LINK}&redirect_uri=vscode%3A%2F%2Fa.b%2Fc&state=s%20t&other=dropped");
    let seen = browser.get(&link).await;
    assert_eq!(seen.status, 303);
    let login = seen.location.unwrap();
    assert_eq!(login, "/sso/login?oauth_flow=true&redirect_uri=vscode%3A%2F%2Fa.b%2Fc&state=s+t");
    let seen = browser.get(&login).await;
    assert_eq!(seen.status, 303);
    let connect = seen.location.unwrap();
    assert!(connect.starts_with("/connect/link?redirect_uri="), "{connect}");
    let seen = browser.get(&connect).await;
    let page = seen.location.unwrap();
    assert!(page.starts_with("/connect/"), "{page}");
    let seen = browser.get(&page).await;
    assert_eq!(seen.location.unwrap(), format!("/sso/login?return_to={page}"));
}

#[tokio::test]
async fn without_a_redirect_the_key_is_the_answer() {
    let gate = Gate::new("link_json").await;
    let browser = gate.browser();
    let seen = browser.walk(LINK).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let body = seen.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], "litellm:api");
    assert_eq!(body["expires_in"], 86_400);
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    assert_eq!(seen.header("pragma"), Some("no-cache"));
    let key = body["access_token"].as_str().unwrap();
    assert!(key.starts_with("sk-") && key.len() >= 46, "{key}");
    let info = gate.get("/key/info", key).await.json();
    let info = &info["info"];
    let alias = info["key_alias"].as_str().unwrap();
    assert!(alias.starts_with("oauth_session_") && alias.ends_with(&gate.now().to_string()));
    assert_eq!(info["app"], "json");
    assert_eq!(info["metadata"]["client_type"], "oauth_external_app");
    assert_eq!(info["user_email"], "ada@acme.example");
    assert_eq!(gate.call(key, "gpt-4o").await.status, 200);
}

#[tokio::test]
async fn c5_an_editor_gets_its_key_on_a_page_that_stays_useful() {
    let gate = Gate::new("link_editor").await;
    let browser = gate.browser();
    let form = browser.open(EDITOR, "&state=a%20%26b").await;
    assert!(form.page.contains("Roo Code") && form.page.contains("ada@acme.example"));
    assert!(form.page.contains("an extension of VS Code on this computer"));
    let seen = browser.press("allow", &form).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let key = seen.sent("access_token").unwrap();
    assert!(seen.sent_to().unwrap().starts_with(&format!("{EDITOR}?access_token=sk-")));
    assert!(!seen.sent_to().unwrap().ends_with('#'), "a19: never on a custom scheme");
    assert_eq!(seen.sent("state").as_deref(), Some("a &b"));
    assert_eq!(seen.sent("expires_in").as_deref(), Some("86400"));
    assert!(seen.body.contains(&format!("readonly value=\"{key}\"")), "it can be copied");
    assert!(seen.body.contains("Open it again"));
    let info = gate.get("/key/info", &key).await.json();
    assert_eq!(info["info"]["app"], "vscode://RooVeterinaryInc.roo-cline");
    assert_eq!(info["info"]["metadata"]["redirect_uri"], EDITOR);
}

#[tokio::test]
async fn a16_a19_a_web_address_gets_a_303_with_its_own_query_kept_and_an_empty_fragment() {
    let gate = Gate::new("link_web").await;
    let browser = gate.browser();
    let form = browser.open("https://ide.example/cb?window=7", "&state=%22%3E%3Cb%3E").await;
    assert!(form.page.contains("will be sent to the website"), "C5");
    let seen = browser.press("allow", &form).await;
    assert_eq!(seen.status, 303);
    let location = seen.location.as_deref().unwrap();
    assert!(location.starts_with("https://ide.example/cb?window=7&access_token=sk-"), "{location}");
    assert!(location.ends_with('#'));
    assert_eq!(seen.sent("state").as_deref(), Some("\"><b>"), "a14");
    assert_eq!(seen.header("referrer-policy"), Some("no-referrer"));
}

#[tokio::test]
async fn n1_n2_a_loopback_address_gets_its_key_at_exactly_its_port() {
    let gate = Gate::new("link_loopback").await;
    let browser = gate.browser();
    for to in ["http://127.0.0.1:51234/cb", "http://[::1]:51234/cb", "http://localhost:9/x?y=z"] {
        let form = browser.open(to, "").await;
        let seen = browser.press("allow", &form).await;
        assert_eq!(seen.status, 303);
        assert!(seen.location.unwrap().starts_with(to), "{to}");
    }
}

#[tokio::test]
async fn k09_the_answer_goes_back_to_the_very_editor_that_asked() {
    let gate = Gate::new("link_forks").await;
    let browser = gate.browser();
    for scheme in ["code-oss", "vscodium", "vscode-insiders", "cursor"] {
        let to = format!("{scheme}://RooVeterinaryInc.roo-cline/litellm");
        let form = browser.open(&to, "").await;
        let seen = browser.press("allow", &form).await;
        assert!(seen.sent_to().unwrap().starts_with(&to), "{seen:?}");
        assert!(seen.body.contains("readonly value=\"sk-"));
    }
    let web = "https://vscode.dev/redirect?x=1";
    let form = browser.open(web, "").await;
    assert!(browser.press("allow", &form).await.location.unwrap().starts_with(web));
}

#[tokio::test]
async fn what_the_link_refuses_it_refuses_as_json_and_never_by_redirect() {
    let gate = Gate::new("link_refusals").await;
    let browser = gate.browser();
    for (query, error) in [
        ("response_type=token", "unsupported_response_type"),
        ("response_type=", "unsupported_response_type"),
        ("response_type=oauth_token&redirect_uri=javascript:alert(1)", "invalid_request"),
        ("response_type=oauth_token&redirect_uri=", "invalid_request"),
        ("response_type=oauth_token&redirect_uri=http://evil.example/", "invalid_request"),
        (
            "response_type=oauth_token&redirect_uri=http://localhost/&redirect_uri=http://localhost/",
            "invalid_request",
        ),
        ("response_type=oauth_token&state=a&state=b", "invalid_request"),
        ("response_type=oauth_token&redirect_uri=myapp:/cb", "invalid_request"),
        ("response_type=oauth_token&redirect_uri=https://good@evil.example/", "invalid_request"),
    ] {
        let seen = browser.get(&format!("/sso/key/generate?{query}")).await;
        assert_eq!((seen.status, &seen.location), (400, &None), "{query}");
        assert_eq!(seen.json()["error"], error, "{query}");
        assert!(
            !seen.body.contains("alert(1)") && !seen.body.contains("evil.example"),
            "not echoed"
        );
    }
    // The same words, further on the way.
    for path in ["/sso/login?oauth_flow=true&", "/connect/link?"] {
        let seen = browser.get(&format!("{path}redirect_uri=javascript:alert(1)")).await;
        assert_eq!((seen.status, &seen.location), (400, &None), "{path}");
    }
    let seen = browser.get("/sso/key/generate").await;
    assert_eq!(seen.location.as_deref(), Some("/login"));
    for path in ["/ui", "/ui/", "/ui/old/page"] {
        assert_eq!(browser.get(path).await.location.as_deref(), Some("/"), "{path}");
    }
    let seen = browser.get("/sso/login?oauth_flow=false").await;
    assert!(seen.location.unwrap().starts_with(&gate.idp.url), "only true begins the flow");
    for own in ["access_token=x", "x=y&code=z", "state=x"] {
        let to = form_urlencoded::byte_serialize(format!("http://localhost/?{own}").as_bytes())
            .collect::<String>();
        let seen = browser.get(&format!("{LINK}&redirect_uri={to}&state=s")).await;
        assert_eq!(seen.status, 400, "a18: {own}");
    }
}

#[tokio::test]
async fn a_web_address_that_policy_does_not_serve_gets_a_page_that_names_the_setting() {
    let gate = Gate::with("link_listed", "connect.web_redirects = \"listed\"").await;
    let to = "&redirect_uri=https%3A%2F%2Fa.example%2Fcb";
    let seen = gate.browser().walk(&format!("{LINK}{to}")).await;
    assert_eq!(seen.status, 403);
    assert!(seen.is_page() && seen.body.contains("connect.redirect_allowlist"), "{seen:?}");

    let gate = Gate::with("link_off", "connect.dialects = []").await;
    let seen = gate.browser().walk(LINK).await;
    assert_eq!(seen.status, 403);
    assert!(seen.body.contains("connect.dialects"), "{seen:?}");
}

#[tokio::test]
async fn cors_lets_the_listed_origin_read_and_answers_preflights() {
    let gate = Gate::with("link_cors", "connect.allowed_origins = [\"https://app.example\"]").await;
    let paths = ["/sso/key/generate", "/sso/login", "/sso/callback", "/connect/link"];
    for (origin, allowed) in [("https://app.example", true), ("https://evil.example", false)] {
        for path in paths {
            let url = format!("{}{path}", gate.url);
            let request = gate.client.request(reqwest::Method::OPTIONS, url);
            let seen = request.header("origin", origin).send().await.unwrap();
            assert!(seen.status().is_success(), "{path}");
            let headers = seen.headers();
            assert_eq!(headers.contains_key("access-control-allow-origin"), allowed, "{path}");
            assert_eq!(headers["vary"], "Origin");
            assert!(!headers.contains_key("access-control-allow-credentials"));
        }
    }
    let gate = Gate::new("link_cors_any").await;
    let url = format!("{}{LINK}&redirect_uri=x:y", gate.url);
    let seen = gate.client.get(url).header("origin", "https://a.example").send().await.unwrap();
    assert_eq!(seen.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn a_browser_that_is_signed_in_needs_no_provider() {
    let gate = Gate::new("link_session").await;
    let browser = gate.browser_of("ada").await;
    let redeemed = || gate.idp.inner.state.lock().unwrap().redeemed;
    let before = redeemed();
    let first = browser.json_key().await;
    let second = browser.json_key().await;
    assert_ne!(first, second, "people have two machines");
    let form = browser.open(EDITOR, "").await;
    assert!(browser.press("allow", &form).await.sent("access_token").is_some());
    assert_eq!(redeemed(), before);
    for key in [first, second] {
        assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    }
}

#[tokio::test]
async fn a_login_in_another_browser_is_another_user() {
    let gate = Gate::new("link_two").await;
    let (ada, bob) = (gate.key_of("ada").await, gate.key_of("bob").await);
    let id = async |key: &str| gate.get("/key/info", key).await.json()["info"]["user_id"].clone();
    assert_ne!(id(&ada).await, id(&bob).await);
    let _: &Browser = &gate.browser();
}
