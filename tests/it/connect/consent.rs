use crate::support::{EDITOR, Form, Gate, Seen};

#[tokio::test]
async fn c13_a_no_goes_to_the_app_and_leaves_nothing() {
    let gate = Gate::new("consent_no").await;
    let browser = gate.browser();
    for (to, status) in [("http://127.0.0.1:5/cb?a=b", 303), (EDITOR, 200)] {
        let form = browser.open(to, "&state=xyz").await;
        let seen = browser.press("deny", &form).await;
        assert_eq!(seen.status, status, "{seen:?}");
        assert_eq!(seen.sent("error").as_deref(), Some("access_denied"));
        assert_eq!(seen.sent("state").as_deref(), Some("xyz"));
        assert_eq!(seen.sent("access_token"), None);
        assert!(!seen.body.contains("is connected"));
        assert_eq!(browser.press("allow", &form).await.status, 403, "it is answered");
    }
    let page = browser.get("/").await;
    assert!(page.body.contains("You have no keys"), "{}", page.body);
    assert!(gate.audit().await.iter().any(|(action, _)| action == "connect.denied"));
}

#[tokio::test]
async fn c15_k20_of_two_clicks_one_makes_a_key() {
    let gate = Gate::new("consent_twice").await;
    let browser = gate.browser();
    let form = browser.open("http://127.0.0.1:5/cb", "").await;
    let (one, two) = tokio::join!(browser.press("allow", &form), browser.press("allow", &form));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 403]);
    assert_eq!(browser.get("/").await.body.matches("class=\"stop\"").count(), 1);
}

#[tokio::test]
async fn c1_a_form_that_no_page_of_ours_sent_does_nothing() {
    let gate = Gate::new("consent_csrf").await;
    let browser = gate.browser();
    let form = browser.open("http://127.0.0.1:5/cb", "").await;
    for site in ["cross-site", "same-site"] {
        let sent = browser.form("allow", &form).header("sec-fetch-site", site);
        assert_eq!(Seen::of(sent).await.status, 403, "{site}");
    }
    // With the handle, without the binding cookie.
    let stranger = gate.browser_of("ada").await;
    assert_eq!(stranger.press("allow", &form).await.status, 403);
    let forged = Form { handle: "forged".into(), ..form.clone() };
    assert_eq!(browser.press("allow", &forged).await.status, 403);
    // Under `no-referrer` browsers send `Origin: null`, and that is fine.
    let own = browser.form("allow", &form).header("origin", "null");
    let own = own.header("sec-fetch-site", "same-origin");
    assert_eq!(Seen::of(own).await.status, 303);
}

#[tokio::test]
async fn c2_hidden_fields_that_were_changed_change_nothing() {
    let gate = Gate::new("consent_hidden").await;
    let browser = gate.browser();
    let form = browser.open("http://127.0.0.1:5/cb", "&state=mine").await;
    let fields = [
        ("request", &*form.handle),
        ("user", &*form.user),
        ("answer", "allow"),
        ("redirect_uri", "https://evil.example/"),
        ("state", "other"),
        ("lifetime", "365d"),
        ("app", "evil"),
    ];
    let seen = browser.post(&form.action, &fields).await;
    assert!(seen.location.as_deref().unwrap().starts_with("http://127.0.0.1:5/cb?"));
    assert_eq!(seen.sent("state").as_deref(), Some("mine"));
    assert_eq!(seen.sent("expires_in").as_deref(), Some("2592000"), "the longest that is offered");
}

#[tokio::test]
async fn the_person_may_choose_a_shorter_life() {
    let gate = Gate::new("consent_lifetime").await;
    let browser = gate.browser();
    let form = browser.open("http://127.0.0.1:5/cb", "").await;
    assert!(
        form.page.contains("<option value=\"24h\" selected>")
            || form.page.contains("<option value=\"1d\" selected>")
    );
    let fields = |lifetime| {
        [
            ("request", form.handle.clone()),
            ("user", form.user.clone()),
            ("answer", "allow".into()),
            ("lifetime", lifetime),
        ]
    };
    let send = |lifetime: &str| {
        browser.client.post(format!("{}{}", gate.url, form.action)).form(&fields(lifetime.into()))
    };
    assert_eq!(Seen::of(send("soon")).await.status, 400);
    let seen = Seen::of(send("1h")).await;
    assert_eq!(seen.sent("expires_in").as_deref(), Some("3600"));
}

#[tokio::test]
async fn c3_k08_an_expired_page_starts_again_in_place() {
    let gate = Gate::new("consent_expired").await;
    let browser = gate.browser();
    let form = browser.open(EDITOR, "&state=kept").await;
    gate.turn(15 * 60 - 1);
    let page = format!("/connect/{}", form.handle);
    assert_eq!(browser.get(&page).await.status, 200, "not a second too early");
    gate.turn(1);
    for seen in [browser.get(&page).await, browser.press("allow", &form).await] {
        assert_eq!(seen.status, 410);
        assert!(seen.is_page() && seen.body.contains(&format!("action=\"{page}\"")), "{seen:?}");
    }
    assert_eq!(gate.browser().post(&page, &[]).await.status, 403, "another browser cannot");
    let fresh = browser.post(&page, &[]).await.location.unwrap();
    assert_ne!(fresh, page);
    let form = Form::read(&browser.get(&fresh).await);
    let seen = browser.press("allow", &form).await;
    assert_eq!(seen.sent("state").as_deref(), Some("kept"));
    assert!(seen.sent("access_token").is_some());
    assert_eq!(browser.post(&page, &[]).await.status, 403, "once");
}

#[tokio::test]
async fn c3_two_tabs_of_one_browser_do_not_part() {
    let gate = Gate::new("consent_tabs").await;
    let browser = gate.browser();
    let one = browser.open(EDITOR, "&state=1").await;
    let two = browser.open("cursor://a.b/cb", "&state=2").await;
    let seen = browser.press("allow", &one).await;
    assert_eq!(seen.sent("state").as_deref(), Some("1"));
    let seen = browser.press("allow", &two).await;
    assert_eq!(seen.sent("state").as_deref(), Some("2"));
}

#[tokio::test]
async fn u15_a_page_shown_to_one_account_is_not_answered_by_another() {
    let gate = Gate::new("consent_switch").await;
    let browser = gate.browser_of("ada").await;
    let form = browser.open(EDITOR, "").await;
    gate.idp.person("bob");
    assert_eq!(browser.walk("/sso/login?switch=true&return_to=/").await.status, 200);
    let seen = browser.press("allow", &form).await;
    assert_eq!(seen.status, 403);
    assert!(seen.body.contains("Somebody else is signed in"), "{seen:?}");
}

#[tokio::test]
async fn c4_what_an_app_says_of_itself_is_text() {
    let gate = Gate::new("consent_escape").await;
    let browser = gate.browser();
    let form = browser.open("https://a.example/cb?x='();alert(1)", "&state=%3Cscript%3E").await;
    assert!(!form.page.contains("<script"));
    gate.idp.claims(serde_json::json!({
        "sub": "eve", "name": "<b>Eve</b>", "email": "\u{202e}<img src=x>@acme.example"
    }));
    let page = gate.browser().walk("/sso/login?return_to=/").await;
    assert!(!page.body.contains("<img") && !page.body.contains("<b>Eve"), "{}", page.body);
}

#[tokio::test]
async fn a17_every_page_keeps_its_headers() {
    let gate = Gate::new("consent_headers").await;
    let browser = gate.browser_of("ada").await;
    let form = browser.open(EDITOR, "").await;
    let returned = browser.press("allow", &form).await;
    let consent = browser.open("cursor://a.b/c", "").await;
    let mut pages = vec![returned, browser.get(&format!("/connect/{}", consent.handle)).await];
    for path in ["/", "/login", "/logout", "/sso/callback?state=x", "/connect/unknown", "/setup/x"]
    {
        pages.push(browser.get(path).await);
    }
    let html = browser.client.get(format!("{}/nowhere", gate.url)).header("accept", "text/html");
    pages.push(Seen::of(html).await);
    for page in pages {
        assert!(page.is_page(), "{page:?}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"));
        assert!(!policy.contains("form-action"), "K20");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert!(!page.body.contains("<script") && !page.body.contains("src=\"http"), "C16");
    }
    assert_eq!(browser.get("/").await.header("cross-origin-opener-policy"), Some("same-origin"));
    assert_eq!(browser.get("/login").await.header("cross-origin-opener-policy"), None);
}
