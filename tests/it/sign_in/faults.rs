use crate::support::{Fault, Gate};

#[tokio::test]
async fn u2_u3_u4_a_token_that_does_not_hold_signs_nobody_in() {
    let gate = Gate::new("idp_tokens").await;
    for fault in [
        Fault::BadSignature,
        Fault::WrongNonce,
        Fault::WrongIssuer,
        Fault::WrongAudience,
        Fault::Expired,
        Fault::TextExpiry,
        Fault::NoExpiry,
        Fault::FromTheFuture,
        Fault::UnknownKid,
        Fault::Unsigned,
        Fault::SharedSecret,
        Fault::WrongAtHash,
        Fault::OtherUserinfo,
    ] {
        gate.idp.fault(fault);
        let browser = gate.browser();
        let seen = browser.walk("/sso/login?return_to=/").await;
        assert_eq!(seen.status, 502, "{fault:?}: {seen:?}");
        assert!(seen.is_page() && seen.body.contains("Try again"), "{fault:?}");
        assert!(browser.get("/").await.location.is_some(), "{fault:?}: nobody is signed in");
    }
    gate.idp.fault(Fault::None);
    assert_eq!(gate.browser().walk("/sso/login?return_to=/").await.status, 200);
}

#[tokio::test]
async fn u12_an_outage_locks_nobody_out_who_is_in() {
    let gate = Gate::new("idp_outage").await;
    let (browser, key) = (gate.browser_of("ada").await, gate.key_of("ada").await);
    for fault in [Fault::Down, Fault::Gone] {
        gate.turn(3700);
        gate.idp.fault(fault);
        let seen = gate.browser().walk("/sso/login?return_to=/").await;
        let expected = if fault == Fault::Gone { 502..=503 } else { 503..=503 };
        assert!(expected.contains(&seen.status) || seen.status == 200, "{fault:?}: {seen:?}");
        assert!(!seen.body.contains("secret words"), "U10");
        assert_eq!(browser.get("/").await.status, 200);
        assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    }
    gate.idp.fault(Fault::None);
    assert_eq!(gate.browser().walk("/sso/login?return_to=/").await.status, 200);
}

#[tokio::test]
async fn a_provider_that_never_was_there_is_said_so_and_tried_again() {
    let gate = Gate::new("idp_gone").await;
    gate.idp.fault(Fault::Gone);
    let browser = gate.browser();
    let seen = browser.walk("/sso/login?return_to=/").await;
    assert_eq!(seen.status, 503, "{seen:?}");
    assert!(seen.body.contains("You are not locked out"));
    gate.idp.fault(Fault::None);
    let seen = browser.walk("/sso/login?idp=company&return_to=/").await;
    assert_eq!(seen.status, 200, "it recovers by itself");
}

#[tokio::test]
async fn a_slow_provider_is_given_up_on() {
    let gate = Gate::new("idp_slow").await;
    gate.idp.fault(Fault::Slow);
    let began = tokio::time::Instant::now();
    let seen = gate.browser().walk("/sso/login?return_to=/").await;
    assert_eq!(seen.status, 503, "{seen:?}");
    assert!(began.elapsed().as_secs() < 20);
}

#[tokio::test]
async fn u10_a_no_at_the_provider_is_said_in_our_words_with_two_ways_on() {
    let gate = Gate::new("idp_denied").await;
    gate.idp.fault(Fault::Denies);
    let browser = gate.browser();
    let to = "&redirect_uri=https%3A%2F%2Fa.example%2Fcb&state=s";
    let seen = browser.walk(&format!("{}{to}", crate::support::LINK)).await;
    assert_eq!(seen.status, 403, "{seen:?}");
    assert!(!seen.body.contains("alert(1)") && seen.body.contains("Try again"));
    // The app hears of it by the person's own click, and not before.
    let leave = seen.body.split("href=\"").find(|part| part.contains("/leave\"")).unwrap();
    let leave = leave.split('"').next().unwrap();
    let page = browser.get(leave).await;
    let handle = page.body.split("name=\"request\" value=\"").nth(1).unwrap();
    let handle = handle.split('"').next().unwrap();
    let seen = browser.post("/connect/link", &[("request", handle), ("answer", "deny")]).await;
    assert_eq!(seen.location.as_deref(), Some("https://a.example/cb?error=access_denied&state=s#"));
}

#[tokio::test]
async fn u4_a_new_key_is_fetched_and_forged_kids_do_not_become_a_stream_of_requests() {
    let gate = Gate::new("idp_rotation").await;
    gate.browser_of("ada").await;
    gate.idp.inner.state.lock().unwrap().key = 1;
    gate.turn(60);
    gate.browser_of("ada").await;
    let reads = || gate.idp.inner.state.lock().unwrap().jwks_reads;
    let before = reads();
    assert_eq!(before, 2);
    gate.idp.fault(Fault::UnknownKid);
    for _ in 0..20 {
        assert_eq!(gate.browser().walk("/sso/login?return_to=/").await.status, 502);
    }
    assert!(reads() <= before + 1, "{} reads", reads() - before);
}

#[tokio::test]
async fn u3_an_answer_that_names_another_issuer_is_refused() {
    let gate = Gate::new("idp_iss").await;
    let browser = gate.browser();
    let away = browser.get("/sso/login?return_to=/").await.location.unwrap();
    let back = browser.get(&away).await.location.unwrap();
    let seen = browser.get(&format!("{back}&iss=https%3A%2F%2Fevil.example")).await;
    assert_eq!(seen.status, 502, "{seen:?}");
    // A provider that promises `iss` must send it.
    gate.idp.inner.state.lock().unwrap().extra_metadata =
        serde_json::json!({"authorization_response_iss_parameter_supported": true});
    gate.turn(3601);
    assert_eq!(gate.browser().walk("/sso/login?return_to=/").await.status, 502);
}

#[tokio::test]
async fn c8_c9_u1_an_answer_counts_once_in_its_own_browser_for_five_minutes() {
    let gate = Gate::new("idp_state").await;
    let (victim, attacker) = (gate.browser(), gate.browser());
    let away = attacker.get("/sso/login?return_to=/").await.location.unwrap();
    let back = attacker.get(&away).await.location.unwrap();
    let seen = victim.get(&back).await;
    assert_eq!(seen.status, 403, "login CSRF: {seen:?}");
    assert!(victim.get("/").await.location.is_some());
    assert_eq!(attacker.get(&back).await.status, 303, "nothing was burned");
    assert_eq!(attacker.get(&back).await.status, 410, "once");

    let away = victim.get("/sso/login?return_to=/").await.location.unwrap();
    let back = victim.get(&away).await.location.unwrap();
    gate.turn(5 * 60);
    assert_eq!(victim.get(&back).await.status, 410, "not after five minutes");
    for odd in ["", "?state=x", "?code=x", "?state=x&state=y&code=z"] {
        let seen = victim.get(&format!("/sso/callback/company{odd}")).await;
        assert_eq!(seen.status, 410, "{odd}");
        assert!(seen.is_page() && seen.body.contains("Continue"));
    }
    assert_eq!(victim.get("/sso/callback/other?state=x&code=y").await.status, 410);
}

#[tokio::test]
async fn state_nonce_and_challenge_are_fresh_and_s256() {
    let gate = Gate::new("idp_fresh").await;
    let browser = gate.browser();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let away = browser.get("/sso/login?return_to=/").await.location.unwrap();
        browser.get(&away).await;
        let asked = ["state", "nonce", "code_challenge"].map(|n| gate.idp.asked(n).unwrap());
        assert!(asked.iter().all(|value| value.len() == 43), "{asked:?}");
        assert_eq!(gate.idp.asked("code_challenge_method").as_deref(), Some("S256"));
        assert_eq!(gate.idp.asked("response_mode").as_deref(), Some("query"));
        seen.extend(asked);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 9);
}

#[tokio::test]
async fn u11_a_discovery_document_that_names_another_issuer_or_an_unsafe_endpoint_is_refused() {
    let gate = Gate::new("idp_discovery").await;
    for (member, value) in [
        ("issuer", "https://evil.example"),
        ("token_endpoint", "http://evil.example/token"),
        ("jwks_uri", "file:///etc/passwd"),
        ("authorization_endpoint", "http://127.0.0.1.evil.example/"),
    ] {
        gate.idp.inner.state.lock().unwrap().extra_metadata = serde_json::json!({member: value});
        let seen = gate.browser().get("/sso/login?return_to=/").await;
        assert_eq!((seen.status, &seen.location), (502, &None), "{member}: {seen:?}");
    }
    let huge = "x".repeat(600_000);
    gate.idp.inner.state.lock().unwrap().extra_metadata = serde_json::json!({"more": huge});
    let seen = gate.browser().get("/sso/login?return_to=/").await;
    assert_eq!(seen.status, 503, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waited_for_a_provider_that_failed_hears_it_together_and_not_in_turn() {
    let gate = Gate::new("idp_together").await;
    gate.idp.fault(Fault::Slow);
    let began = tokio::time::Instant::now();
    let many = (0..6).map(|_| {
        let browser = gate.browser();
        async move { browser.walk("/sso/login?return_to=/").await.status }
    });
    let heard = futures_util::future::join_all(many).await;
    assert!(heard.iter().all(|status| *status == 503), "{heard:?}");
    assert!(began.elapsed().as_secs() < 20, "one patience, not six");
    gate.idp.fault(Fault::None);
    assert_eq!(gate.browser().walk("/sso/login?return_to=/").await.status, 200, "none is stuck");
}
