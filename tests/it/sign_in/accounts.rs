use crate::support::{Gate, LINK, Seen};

#[tokio::test]
async fn a_local_account_signs_in_by_the_form_even_beside_a_provider() {
    let gate = Gate::new("accounts_form").await;
    gate.account("carol@acme.example").await;
    for path in ["/login", "/fallback/login"] {
        let browser = gate.browser();
        assert!(browser.get(path).await.body.contains("name=\"password\""));
        let fields = [
            ("username", "carol@acme.example"),
            ("password", "carol@acme.examplecarol@acme.example"),
        ];
        let seen = browser.post(path, &fields).await;
        assert_eq!(seen.location.as_deref(), Some("/"), "{seen:?}");
        assert!(browser.get("/").await.body.contains("carol@acme.example"));
    }
}

#[tokio::test]
async fn without_a_provider_the_link_leads_through_the_form() {
    let gate = Gate::with("accounts_link", "# no idp").await;
    gate.account("carol").await;
    let browser = gate.browser();
    let seen = browser.walk(LINK).await;
    let to =
        seen.body.split("name=\"return_to\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(to.starts_with("/connect/"), "{to}");
    let seen = browser.login("carol", "carolcarol", to).await;
    let seen = browser.walk(seen.location.as_deref().unwrap()).await;
    assert!(seen.json()["access_token"].as_str().unwrap().starts_with("sk-"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_one_answer() {
    let gate = Gate::new("accounts_wrong").await;
    gate.account("carol").await;
    let browser = gate.browser();
    let wrong = browser.login("carol", "wrong", "/").await;
    let unknown = browser.login("nobody", "wrong", "/").await;
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.body.replace("carol", "nobody"), unknown.body);
    assert!(browser.get("/").await.location.is_some());
    let foreign = [("username", "carol"), ("password", "carolcarol")];
    let request = browser.client.post(format!("{}/login", gate.url)).form(&foreign);
    let seen = Seen::of(request.header("sec-fetch-site", "cross-site")).await;
    assert_eq!(seen.status, 403, "login CSRF");
    assert_eq!(browser.post("/login", &[("username", "carol")]).await.status, 400);
    let long = "x".repeat(2000);
    assert_eq!(browser.login("carol", &long, "/").await.status, 401);
}

#[tokio::test]
async fn wrong_passwords_are_counted_by_account_and_address_and_right_ones_are_not() {
    let gate = Gate::new("accounts_throttle").await;
    gate.account("carol").await;
    gate.account("dave").await;
    let browser = gate.browser();
    for _ in 0..20 {
        assert_eq!(gate.browser().login("carol", "carolcarol", "/").await.status, 303);
    }
    for _ in 0..10 {
        assert_eq!(browser.login("carol", "wrong", "/").await.status, 401);
    }
    let seen = browser.login("carol", "carolcarol", "/").await;
    assert_eq!(seen.status, 429, "{seen:?}");
    let wait: i64 = seen.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait));
    assert_eq!(browser.login("dave", "davedave", "/").await.status, 303, "others are not touched");
    gate.turn(wait);
    assert_eq!(browser.login("carol", "carolcarol", "/").await.status, 303);
}

#[tokio::test]
async fn g8_an_address_is_taken_from_a_header_only_when_a_proxy_of_ours_says_it() {
    for (trusted, expected) in [("[]", 429), ("[\"127.0.0.1\"]", 401)] {
        let name = if trusted == "[]" { "accounts_xff" } else { "accounts_xff_trusted" };
        let gate = Gate::with(name, &format!("server.trusted_proxies = {trusted}")).await;
        gate.account("carol").await;
        let mut last = 0;
        for number in 0..12 {
            let fields = [("username", "carol"), ("password", "wrong")];
            let request = gate.client.post(format!("{}/login", gate.url)).form(&fields);
            let request = request
                .header("x-forwarded-for", format!("9.9.9.9, 203.0.113.{number}:51234, 127.0.0.1"));
            last = Seen::of(request).await.status;
        }
        assert_eq!(last, expected, "trusted: {trusted}");
    }
}

#[tokio::test]
async fn the_admin_of_the_configuration_signs_in_with_litellms_variables() {
    let settings =
        "# no idp\nsignin.admin_username = \"root\"\nsignin.admin_password = \"a long password\"";
    let gate = Gate::with("accounts_admin", settings).await;
    assert_eq!(gate.setup_path, None);
    assert_eq!(gate.browser().login("root", "a short password", "/").await.status, 401);
    assert_eq!(gate.browser().login("root", "a long password", "/").await.status, 303);
    let users = gate.people().await;
    assert_eq!(users[0].user.role.name(), "proxy_admin");
}

#[tokio::test]
async fn o11_the_first_account_is_made_by_one_link_once_within_an_hour() {
    let gate = Gate::with("accounts_setup", "# no idp").await;
    let path = gate.setup_path.clone().expect("nobody can sign in yet");
    let browser = gate.browser();
    assert_eq!(browser.get("/login").await.status, 503);
    assert_eq!(browser.get("/setup/forged").await.status, 404);
    assert_eq!(browser.get(&path).await.status, 200);
    let short = browser.post(&path, &[("username", "root"), ("password", "short")]).await;
    assert_eq!(short.status, 400);
    let made =
        browser.post(&path, &[("username", "root"), ("password", "long enough a word")]).await;
    assert_eq!(made.location.as_deref(), Some("/login"), "{made:?}");
    assert_eq!(browser.get(&path).await.status, 404, "once");
    let again =
        browser.post(&path, &[("username", "eve"), ("password", "long enough a word")]).await;
    assert_eq!(again.status, 404);
    assert_eq!(browser.login("root", "long enough a word", "/").await.status, 303);
    let gate = gate.restarted().await;
    assert_eq!(gate.setup_path, None);

    let late = Gate::with("accounts_setup_late", "# no idp").await;
    late.turn(3600);
    assert_eq!(late.browser().get(&late.setup_path.clone().unwrap()).await.status, 404);
}

#[tokio::test]
async fn the_fallback_page_always_has_a_form_and_failures_are_in_the_audit() {
    let gate = Gate::new("accounts_fallback").await;
    assert!(gate.browser().get("/fallback/login").await.body.contains("name=\"password\""));
    assert!(!gate.browser().get("/login").await.body.contains("name=\"password\""));
    gate.browser().login("nobody", "wrong", "/").await;
    assert!(gate.audit().await.iter().any(|(action, _)| action == "signin.failed"));
    let text = gate.client.post(format!("{}/login", gate.url)).body("x").send().await.unwrap();
    assert_eq!(text.status(), 400);
    assert!(text.headers().contains_key("content-security-policy"), "a17: a page too");
}
