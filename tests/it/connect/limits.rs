use crate::support::{EDITOR, Form, Gate, LINK, Seen};

#[tokio::test]
async fn only_a_person_who_goes_there_gets_a_key_without_a_page() {
    let gate = Gate::new("limits_navigation").await;
    let browser = gate.browser_of("ada").await;
    let page = browser.get("/connect/link").await.location.unwrap();
    let answer = browser.get(&page).await.location.unwrap();
    let url = format!("{}{answer}", gate.url);
    let client = &browser.client;
    for odd in [
        client.get(&url).header("sec-fetch-dest", "image"),
        client.get(&url).header("sec-fetch-dest", "iframe"),
        client.get(&url).header("sec-fetch-mode", "cors"),
        client.get(&url).header("sec-fetch-mode", "no-cors"),
        client.get(&url).header("sec-purpose", "prefetch;prerender"),
        client.head(&url),
    ] {
        assert!(matches!(Seen::of(odd).await.status, 403 | 405));
    }
    let seen = browser.get(&answer).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(seen.header("x-frame-options"), Some("DENY"));
    assert_eq!(browser.get(&answer).await.status, 403, "once");
}

#[tokio::test]
async fn an_app_has_so_many_live_keys_and_no_more() {
    let gate = Gate::with("limits_cap", "connect.max_keys_per_app = 3").await;
    let browser = gate.browser_of("ada").await;
    for _ in 0..3 {
        let form = browser.open(EDITOR, "").await;
        assert_eq!(browser.press("allow", &form).await.status, 200);
    }
    let form = browser.open(EDITOR, "").await;
    let seen = browser.press("allow", &form).await;
    assert_eq!(seen.status, 429, "{seen:?}");
    assert!(seen.body.contains("href=\"/\""), "it links to the list");
    let other = browser.open("cursor://a.b/c", "").await;
    assert_eq!(browser.press("allow", &other).await.status, 200, "another app is not touched");
    // Room comes by itself, and the refused request was not used up.
    gate.turn(86_400);
    let browser = gate.browser_of("ada").await;
    let form = browser.open(EDITOR, "").await;
    assert_eq!(browser.press("allow", &form).await.status, 200);
}

#[tokio::test]
async fn of_many_approvals_at_once_none_passes_the_cap() {
    let gate = Gate::with("limits_race", "connect.max_keys_per_app = 5").await;
    let browser = gate.browser_of("ada").await;
    let mut forms = Vec::new();
    for _ in 0..16 {
        forms.push(browser.open(EDITOR, "").await);
    }
    let pressed = forms.iter().map(|form| browser.press("allow", form));
    let seen = futures_util::future::join_all(pressed).await;
    assert_eq!(seen.iter().filter(|seen| seen.status == 200).count(), 5);
    assert_eq!(seen.iter().filter(|seen| seen.status == 429).count(), 11);
}

#[tokio::test]
async fn a24_what_nobody_finishes_is_bounded_and_existing_sign_ins_go_on() {
    let gate = Gate::new("limits_pending").await;
    let browser = gate.browser_of("ada").await;
    let form = browser.open(EDITOR, "").await;
    let stranger = gate.browser();
    let mut refused = 0;
    for _ in 0..700 {
        let seen = stranger.get("/connect/link").await;
        refused += u32::from(seen.status == 429);
    }
    assert!(refused > 50, "{refused}");
    let seen = browser.press("allow", &form).await;
    assert_eq!(seen.status, 200, "who was there before is not touched");
    gate.turn(61);
    let seen = gate.browser().get("/connect/link").await;
    assert_eq!(seen.status, 303);
}

#[tokio::test]
async fn a_long_state_is_refused_and_a_strange_one_is_kept() {
    let gate = Gate::new("limits_state").await;
    let browser = gate.browser();
    let long = "x".repeat(4097);
    let to = "&redirect_uri=http%3A%2F%2Flocalhost%3A1%2Fcb";
    let seen = browser.get(&format!("{LINK}{to}&state={long}")).await;
    assert_eq!(seen.status, 400);
    let seen = browser.walk(&format!("{LINK}{to}&state=%0d%0aSet-Cookie:%20a=b%c3%a9")).await;
    let seen = browser.press("allow", &Form::read(&seen)).await;
    assert_eq!(seen.sent("state").as_deref(), Some("\r\nSet-Cookie: a=b\u{e9}"));
    assert!(!seen.headers.contains_key("set-cookie"));
}
