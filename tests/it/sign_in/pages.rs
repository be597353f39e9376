use crate::support::{EDITOR, Gate, LINK, Seen};

#[tokio::test]
async fn c12_after_signing_in_a_person_stays_here() {
    let gate = Gate::new("pages_return").await;
    for to in [
        "//evil",
        "/%5Cevil",
        "https:evil",
        "javascript:x",
        "/%09/evil",
        "https://evil.example/",
        "",
    ] {
        let browser = gate.browser();
        let mut seen = browser.get(&format!("/sso/login?return_to={to}")).await;
        seen = browser.get(&seen.location.unwrap()).await;
        seen = browser.get(&seen.location.unwrap()).await;
        assert_eq!(seen.location.as_deref(), Some("/"), "{to}");
    }
}

#[tokio::test]
async fn c10_c11_a_session_is_new_at_each_sign_in_and_the_old_one_dies() {
    let gate = Gate::new("pages_session").await;
    let browser = gate.browser();
    let session = async |seen: &Seen| {
        let set = seen.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap());
        set.filter_map(|c| c.strip_prefix("gatekey_session="))
            .map(|c| c.split(';').next().unwrap().to_owned())
            .next()
    };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let away = browser.get("/sso/login?return_to=/").await.location.unwrap();
        let back = browser.get(&away).await.location.unwrap();
        let seen = browser.get(&back).await;
        let cookies: Vec<_> = seen.headers.get_all("set-cookie").iter().collect();
        assert!(
            cookies.iter().all(|c| {
                let c = c.to_str().unwrap();
                c.contains("HttpOnly")
                    && c.contains("SameSite=Lax")
                    && c.contains("Path=/")
                    && !c.contains("Domain")
            }),
            "C11"
        );
        ids.push(session(&seen).await.unwrap());
    }
    assert_ne!(ids[0], ids[1]);
    for (id, status) in [(&ids[0], 303), (&ids[1], 200)] {
        let request = gate.client.get(&gate.url).header("cookie", format!("gatekey_session={id}"));
        assert_eq!(Seen::of(request).await.status, status);
    }
    // A fixed one is worth nothing.
    let request = gate.client.get(&gate.url).header("cookie", "gatekey_session=attackers-choice");
    assert_eq!(Seen::of(request).await.status, 303);
    gate.turn(12 * 3600);
    assert_eq!(browser.get("/").await.status, 303, "it ends with signin.session_lifetime");
}

#[tokio::test]
async fn k04_signing_out_ends_the_session_on_the_server_and_asks_which_account_next_time() {
    let gate = Gate::new("pages_logout").await;
    let browser = gate.browser_of("ada").await;
    assert_eq!(gate.idp.asked("prompt"), None);
    let page = browser.get("/logout").await;
    assert!(page.status == 200 && page.body.contains("Sign out"), "a link signs nobody out");
    let foreign =
        browser.client.post(format!("{}/logout", gate.url)).header("sec-fetch-site", "cross-site");
    assert_eq!(Seen::of(foreign).await.status, 403);
    assert_eq!(browser.get("/").await.status, 200);
    let seen = browser.post("/logout", &[]).await;
    assert_eq!(seen.location.as_deref(), Some("/login"));
    assert_eq!(browser.get("/").await.status, 303);
    assert!(browser.get("/login").await.body.contains("Continue with"));
    // K04: the provider would silently sign the same, wrong, account in again.
    assert_eq!(browser.walk("/sso/login?return_to=/").await.status, 200);
    assert_eq!(gate.idp.asked("prompt").as_deref(), Some("login"));
    browser.walk("/sso/login?return_to=/").await;
    assert_eq!(gate.idp.asked("prompt"), None, "the first sign-in only");
    browser.walk("/sso/login?return_to=/&switch=true").await;
    assert_eq!(gate.idp.asked("prompt").as_deref(), Some("login"));
    gate.idp.inner.state.lock().unwrap().extra_metadata =
        serde_json::json!({"prompt_values_supported": ["none", "select_account"]});
    gate.turn(3601);
    let form = browser.open(EDITOR, "").await;
    assert!(form.page.contains("Not you?") && form.page.contains("switch=true"));
    browser.walk("/sso/login?return_to=/&switch=true").await;
    assert_eq!(gate.idp.asked("prompt").as_deref(), Some("select_account"));
}

#[tokio::test]
async fn k07_a_stale_cookie_of_the_same_name_makes_no_loop() {
    let gate = Gate::new("pages_stale").await;
    for stale_first in [true, false] {
        let jar = |own: &str, name: &str| {
            if stale_first {
                format!("{name}=stale; {name}={own}")
            } else {
                format!("{name}={own}; {name}=stale")
            }
        };
        let mut cookies = "gatekey_browser=stale; gatekey_session=stale".to_owned();
        let (mut path, mut browser_cookie, mut session) =
            ("/sso/login?return_to=/".to_owned(), None::<String>, None::<String>);
        let mut arrived = false;
        for _ in 0..12 {
            let url =
                if path.starts_with("http") { path.clone() } else { format!("{}{path}", gate.url) };
            let seen = Seen::of(gate.client.get(url).header("cookie", &cookies)).await;
            for set in seen.headers.get_all("set-cookie") {
                let (name, value) =
                    set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                match name {
                    "gatekey_browser" => browser_cookie = Some(value.to_owned()),
                    "gatekey_session" => session = Some(value.to_owned()),
                    _ => {}
                }
            }
            let part = |own: &Option<String>, name: &str| {
                own.as_ref().map_or(format!("{name}=stale"), |own| jar(own, name))
            };
            cookies = format!(
                "{}; {}",
                part(&browser_cookie, "gatekey_browser"),
                part(&session, "gatekey_session")
            );
            let Some(location) = seen.location.clone() else {
                assert_eq!(seen.status, 200, "{seen:?}");
                arrived = true;
                break;
            };
            path = location;
        }
        assert!(arrived, "stale first: {stale_first}");
    }
}

#[tokio::test]
async fn k08_reload_back_and_bookmark_lead_on() {
    let gate = Gate::new("pages_back").await;
    let browser = gate.browser();
    let away = browser.get("/sso/login?return_to=/").await.location.unwrap();
    let back = browser.get(&away).await.location.unwrap();
    assert_eq!(browser.get(&back).await.status, 303);
    for _ in 0..3 {
        let seen = browser.get(&back).await;
        assert!(seen.is_page() && seen.body.contains("href=\"/\""), "{seen:?}");
    }
    assert_eq!(browser.walk("/").await.status, 200, "whose button really continues");
    for path in ["/login", "/fallback/login", "/sso/login?oauth_flow=true", "/sso/login"] {
        let seen = browser.walk(path).await;
        assert_eq!(seen.status, 200, "{path}: {seen:?}");
    }
    // A JSON answer that is reloaded makes no second key.
    let mut path = LINK.to_owned();
    let mut last = String::new();
    while let Some(location) = browser.get(&path).await.location {
        last.clone_from(&location);
        path = location;
        if last.starts_with("/connect/link?request=") {
            break;
        }
    }
    assert_eq!(browser.get(&last).await.status, 200);
    let seen = browser.get(&last).await;
    assert!(seen.status == 403 && seen.is_page(), "{seen:?}");
    assert_eq!(browser.get("/").await.body.matches("class=\"stop\"").count(), 2);
}

#[tokio::test]
async fn a_page_under_another_host_name_moves_home_once() {
    let gate = Gate::new("pages_host").await;
    let request = |host: &str| {
        gate.client.get(format!("{}/login?return_to=/", gate.url)).header("host", host)
    };
    let seen = Seen::of(request("other.example")).await;
    assert_eq!(seen.location, Some(format!("{}/login?return_to=/", gate.url)));
    for path in ["/", "/people", "/people/x", "/password", "/reset/x", "/oauth/authorize?x=y"] {
        let page = gate.client.get(format!("{}{path}", gate.url)).header("host", "other.example");
        assert_eq!(Seen::of(page).await.location, Some(format!("{}{path}", gate.url)));
    }
    let cookie = seen.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let seen = Seen::of(request("other.example").header("cookie", cookie)).await;
    assert_eq!(seen.status, 200, "a proxy that rewrites Host makes no loop");
    for (path, status) in [("/v1/models", 401), ("/sso/cli/poll/cli-x", 400)] {
        let call = gate.client.get(format!("{}{path}", gate.url)).header("host", "other.example");
        assert_eq!(Seen::of(call).await.status, status, "programs stay: {path}");
    }
    for header in ["authorization", "x-api-key", "x-litellm-api-key"] {
        let call = gate.client.get(format!("{}/apps", gate.url)).header("host", "other.example");
        let seen = Seen::of(call.header(header, "sk-unknown")).await;
        assert_eq!((seen.status, seen.location), (401, None), "{header}");
    }
}

#[tokio::test]
async fn several_providers_or_none_get_a_page_with_a_button_each() {
    let more = "[[idp]]\nname = \"second\"\nissuer = \"https://second.example\"\nclient_id = \"x\"";
    let gate = Gate::with("pages_several", more).await;
    let browser = gate.browser();
    let seen = browser.walk("/sso/login?return_to=/connect/x").await;
    assert_eq!(seen.status, 200);
    for name in ["company", "second"] {
        assert!(
            seen.body.contains(&format!("idp={name}&#38;return_to=%2Fconnect%2Fx")),
            "{}",
            seen.body
        );
    }
    let away = browser.get("/sso/login?idp=company").await.location.unwrap();
    assert!(away.starts_with(&gate.idp.url));
}

#[tokio::test]
async fn the_link_may_pick_a_provider() {
    let more = "[[idp]]\nname = \"second\"\nissuer = \"https://second.example\"\nclient_id = \"x\"";
    let gate = Gate::with("pages_pick", more).await;
    let seen = gate.browser().walk("/sso/login?oauth_flow=true&idp=company").await;
    assert!(seen.json()["access_token"].as_str().unwrap().starts_with("sk-"), "{seen:?}");
    let seen = gate.browser().walk("/sso/login?oauth_flow=true").await;
    assert!(seen.body.contains("Continue with"), "otherwise the person picks");
}

#[tokio::test]
async fn k08_whoever_is_refused_or_late_is_led_back_to_what_they_came_for() {
    let settings = "signin.allowed_email_domains = [\"acme.example\"]";
    let gate = Gate::with("pages_led", settings).await;
    gate.idp.claims(serde_json::json!({"sub": "x", "email": "x@other.example"}));
    let browser = gate.browser();
    let to = "&redirect_uri=https%3A%2F%2Fa.example%2Fcb";
    let seen = browser.walk(&format!("{LINK}{to}")).await;
    assert_eq!(seen.status, 403);
    let again = seen.body.split("href=\"").find(|part| part.contains("switch=true")).unwrap();
    let again = again.split('"').next().unwrap().replace("&#38;", "&");
    assert!(
        again.contains("return_to=%2Fconnect%2F") && seen.body.contains("/leave\""),
        "{}",
        seen.body
    );
    gate.idp.person("ada");
    let seen = browser.walk(&again).await;
    assert!(seen.body.contains("wants a key"), "the second account lands on consent: {seen:?}");

    let late = gate.browser();
    let seen = late.get(&format!("{LINK}{to}")).await;
    let mut path = seen.location.unwrap();
    while !path.starts_with(&gate.idp.url) {
        path = late.get(&path).await.location.unwrap();
    }
    let back = late.get(&path).await.location.unwrap();
    gate.turn(301);
    let seen = late.get(&back).await;
    assert!(seen.status == 410 && seen.body.contains("href=\"/connect/"), "{seen:?}");
}
