use crate::support::{EDITOR, Form, Gate, Seen};

#[tokio::test]
async fn a23_another_browser_cannot_go_on_with_a_request() {
    let gate = Gate::new("abuse_browser").await;
    let victim = gate.browser_of("ada").await;
    let attacker = gate.browser_of("mallory").await;
    let form = attacker.open(EDITOR, "").await;
    let page = format!("/connect/{}", form.handle);
    let seen = victim.get(&page).await;
    assert_eq!(seen.status, 403, "{seen:?}");
    assert_eq!(victim.press("allow", &form).await.status, 403);
    assert_eq!(attacker.get(&page).await.status, 200, "nothing was burned");
}

#[tokio::test]
async fn an_outage_of_the_database_burns_nothing() {
    let gate = Gate::new("abuse_outage").await;
    let browser = gate.browser_of("ada").await;
    let form = browser.open(EDITOR, "").await;
    for table in ["grants", "keys", "requests"] {
        gate.lose(table).await;
        let seen = browser.press("allow", &form).await;
        assert!(seen.status >= 500 && seen.is_page(), "{table}: {seen:?}");
        assert!(!seen.body.contains(table), "the table's name is nobody's business");
        gate.find(table).await;
    }
    assert_eq!(browser.press("allow", &form).await.status, 200);
}

#[tokio::test]
async fn t29_nothing_usable_lies_in_the_database() {
    let gate = Gate::new("abuse_disk").await;
    let browser = gate.browser_of("ada").await;
    let form = browser.open(EDITOR, "&state=canary-state").await;
    let done = browser.open(EDITOR, "").await;
    let key = browser.press("allow", &done).await.sent("access_token").unwrap();
    let cookies: Vec<String> = {
        let seen = gate.browser().get("/connect/link").await;
        let set = seen.headers.get_all("set-cookie").iter();
        set.map(|c| c.to_str().unwrap().split(['=', ';']).nth(1).unwrap().to_owned()).collect()
    };
    gate.call(&key, "gpt-4o").await;
    let disk = gate.disk();
    let found = |secret: &str| memchr::memmem::find(&disk, secret.as_bytes()).is_some();
    assert!(!found(&key) && !found(&key[3..]) && !found(&form.handle));
    assert!(cookies.iter().all(|cookie| !found(cookie)));
    assert!(!found("idp-access-token") && !found("sk-provider-key-of-openai"));
}

#[tokio::test]
async fn a_request_is_settled_by_the_dialect_that_began_it_only() {
    let gate = Gate::new("abuse_dialect").await;
    let browser = gate.browser_of("ada").await;
    let form = browser.open(EDITOR, "").await;
    for path in
        ["/connect/other", "/auth", "/sso/cli/complete/x", &format!("/connect/{}", form.handle)]
    {
        let other = Form { action: path.into(), ..form.clone() };
        let seen = browser.press("allow", &other).await;
        assert!(seen.sent("access_token").is_none(), "{path}: {seen:?}");
    }
    assert_eq!(browser.press("allow", &form).await.status, 200);
}

#[tokio::test]
async fn k01_behind_a_proxy_every_absolute_address_begins_with_base_url() {
    let settings =
        "server.base_url = \"https://ai.acme.example\"\nserver.trusted_proxies = [\"127.0.0.1\"]";
    let gate = Gate::with("abuse_proxy", settings).await;
    let client = &gate.client;
    for host in ["ai.acme.example", "evil.example", "127.0.0.1:1"] {
        for path in
            ["/sso/login?return_to=/", "/sso/key/generate?response_type=oauth_token", "/login", "/"]
        {
            let request = client
                .get(format!("{}{path}", gate.url))
                .header("host", host)
                .header("x-forwarded-proto", "http")
                .header("x-forwarded-host", "evil.example");
            let seen = Seen::of(request).await;
            let Some(location) = seen.location else { continue };
            let own = location.starts_with('/') || location.starts_with("https://ai.acme.example/");
            assert!(own || location.starts_with(&gate.idp.url), "{host} {path}: {location}");
            if location.starts_with(&gate.idp.url) {
                assert!(location.contains(
                    "redirect_uri=https%3A%2F%2Fai.acme.example%2Fsso%2Fcallback%2Fcompany"
                ));
            }
            for cookie in seen.headers.get_all("set-cookie") {
                let cookie = cookie.to_str().unwrap();
                if cookie.contains("browser") {
                    assert!(
                        cookie.starts_with("__Host-") && cookie.contains("; Secure"),
                        "C11: {cookie}"
                    );
                }
            }
        }
    }
}
