//! A proxy in front says who it is, in headers.
use crate::support::{Browser, Gate, Seen};

const SETTINGS: &str = r#"
# no idp
server.trusted_proxies = ["127.0.0.1"]
[[idp]]
name = "front"
kind = "header"
from = ["FROM"]
user_header = "X-Auth-User"
email_header = "X-Auth-Email"
name_header = "X-Auth-Name"
groups_header = "X-Auth-Groups"
[[team]]
name = "data"
groups = ["eng data"]
"#;

async fn gate(test: &str, from: &str) -> Gate {
    Gate::with(test, &SETTINGS.replace("FROM", from)).await
}

async fn enter(browser: &Browser, headers: &[(&str, &str)]) -> Seen {
    let mut request = browser.client.get(format!("{}/sso/login?return_to=/", browser.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Seen::of(request).await
}

#[tokio::test]
async fn headers_of_the_listed_proxy_sign_in_and_make_a_session_only() {
    let gate = gate("header_good", "127.0.0.1/32").await;
    let browser = gate.browser();
    let headers = [
        ("x-auth-user", "ada"),
        ("x-auth-email", "ada@acme.example"),
        ("x-auth-name", "Ada L"),
        ("x-auth-groups", "eng web, eng data"),
    ];
    let seen = enter(&browser, &headers).await;
    assert_eq!(seen.location.as_deref(), Some("/"), "{seen:?}");
    let page = browser.get("/").await.body;
    assert!(page.contains("ada@acme.example") && page.contains("data") && page.contains("front"));
    let key = browser.json_key().await;
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    // Anywhere else headers say nothing.
    let request = gate.client.get(format!("{}/", gate.url)).header("x-auth-user", "ada");
    assert!(Seen::of(request).await.location.is_some(), "not signed in");
    let request = gate.client.get(format!("{}/key/info", gate.url)).header("x-auth-user", "ada");
    assert_eq!(Seen::of(request).await.status, 401);
}

#[tokio::test]
async fn g8_headers_from_elsewhere_sign_nobody_in_whatever_x_forwarded_for_says() {
    let gate = gate("header_spoof", "10.9.9.9/32").await;
    let spoofs = [
        vec![("x-auth-user", "ada")],
        vec![("x-auth-user", "ada"), ("x-forwarded-for", "10.9.9.9")],
        vec![("x-auth-user", "ada"), ("x-forwarded-for", "10.9.9.9, 127.0.0.1")],
        vec![("x-auth-user", "ada"), ("x-real-ip", "10.9.9.9"), ("forwarded", "for=10.9.9.9")],
    ];
    for headers in spoofs {
        let browser = gate.browser();
        let seen = enter(&browser, &headers).await;
        assert!(seen.status == 403 && seen.is_page(), "{headers:?}: {seen:?}");
        assert!(browser.get("/").await.location.is_some());
    }
    assert!(gate.people().await.is_empty());
}

#[tokio::test]
async fn g7_a_header_that_is_missing_doubled_smuggled_or_no_text_names_nobody() {
    let gate = gate("header_odd", "127.0.0.1").await;
    for headers in [
        vec![],
        vec![("x-auth-user", "")],
        vec![("x-auth-user", "  ")],
        vec![("x-auth-user", "ada"), ("x-auth-user", "root")],
        vec![("x_auth_user", "root")],
        vec![("x-auth-email", "ada@acme.example")],
        vec![("x-auth-user", "ada"), ("x-auth-groups", "a"), ("x-auth-groups", "eng data")],
    ] {
        let seen = enter(&gate.browser(), &headers).await;
        assert_eq!(seen.status, 403, "{headers:?}: {seen:?}");
    }
    let request = || gate.client.get(format!("{}/sso/login?return_to=/", gate.url));
    let odd = reqwest::header::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    assert_eq!(Seen::of(request().header("x-auth-user", odd)).await.status, 403);
    let scripted = request().header("x-auth-user", "ada").header("sec-fetch-mode", "no-cors");
    assert_eq!(Seen::of(scripted).await.status, 403, "an image signs nobody in");
    assert!(gate.people().await.is_empty());
}

#[tokio::test]
async fn a_header_that_says_nothing_of_groups_leaves_them_and_an_empty_one_takes_them() {
    let gate = gate("header_groups", "127.0.0.1").await;
    let sign_in = async |groups: Option<&str>| {
        let browser = gate.browser();
        let mut headers = vec![("x-auth-user", "ada")];
        headers.extend(groups.map(|groups| ("x-auth-groups", groups)));
        assert_eq!(enter(&browser, &headers).await.status, 303);
        browser.get("/").await.body.contains(">data<")
    };
    assert!(sign_in(Some("eng data")).await);
    assert!(sign_in(None).await, "unknown");
    assert!(!sign_in(Some("")).await, "none");
}
