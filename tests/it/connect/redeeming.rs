//! Codes and polls become keys: once, for whoever proves that they are theirs, on every way in that has them.
use super::doors::{gate, keys};
use crate::support::{Browser, Door, Gate, MASTER_KEY, VERIFIER, soon};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn t7_a_code_lives_as_long_as_its_proof_allows_and_not_a_second_more() {
    let gate = gate("doors_age").await;
    let browser = gate.browser_of("ada").await;
    for door in Door::CODES {
        let lives = if door == Door::OpenRouter { 600 } else { 90 };
        for (after, status) in [(lives - 1, 200), (lives, 403)] {
            let (form, ticket) = door.open(&gate, &browser).await;
            let code = door.press(&browser, &form, &ticket).await.sent("code").unwrap();
            gate.turn(after);
            let seen = door.redeem(&gate, &code, door.proof()).await;
            assert_eq!(seen.status, status, "{door:?} after {after}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn t2_t3_a_spent_code_that_comes_again_ends_what_it_gave_unless_it_lost_a_race() {
    let gate = gate("doors_replay").await;
    let browser = gate.browser_of("ada").await;
    for door in Door::CODES {
        let (form, ticket) = door.open(&gate, &browser).await;
        let said = door.press(&browser, &form, &ticket).await;
        let key = door.take(&gate, &said, &ticket).await.unwrap();
        let code = said.sent("code").unwrap();
        assert_eq!(door.redeem(&gate, &code, door.proof()).await.status, 403);
        assert_eq!(gate.call(&key, "gpt-4o").await.status, 200, "{door:?}: it lost a race");
        gate.turn(11);
        // With a wrong proof it ends nothing: anybody who saw the code could say it.
        let wrong = "x".repeat(43);
        assert_eq!(door.redeem(&gate, &code, Some(&wrong)).await.status, 403);
        let left = gate.call(&key, "gpt-4o").await.status;
        if door == Door::OpenRouter {
            assert_eq!(left, 200, "T3");
        }
        assert_eq!(door.redeem(&gate, &code, door.proof()).await.status, 403);
        soon("its key ends", async || gate.call(&key, "gpt-4o").await.status == 401).await;
        assert!(gate.audit().await.iter().any(|(action, _)| action == "code.replayed"));
    }
}

#[tokio::test]
async fn t5_t6_t26_what_is_not_exactly_the_code_and_its_proof_is_refused_and_five_burn_it() {
    let gate = gate("doors_wrong").await;
    let browser = gate.browser_of("ada").await;
    for door in Door::CODES {
        let fresh = async || {
            let (form, ticket) = door.open(&gate, &browser).await;
            door.press(&browser, &form, &ticket).await.sent("code").unwrap()
        };
        let code = fresh().await;
        for other in [
            code[..code.len() - 1].to_owned(),
            code.to_uppercase(),
            format!("{code} "),
            format!(" {code}"),
            code.replace("gc-", ""),
            "gc-".to_owned(),
            String::new(),
            "'; DROP TABLE codes; --".to_owned(),
        ] {
            let seen = door.redeem(&gate, &other, door.proof()).await;
            assert_eq!(seen.status, 403, "{door:?}: {other:?}");
        }
        if door == Door::Glama {
            assert_eq!(door.redeem(&gate, &code, None).await.status, 200, "nothing was burned");
            continue;
        }
        // A proof where none was promised, none where one was, a wrong one, what is none at all (downgrade).
        let wrong = "y".repeat(43);
        let bad: [Option<&str>; 4] = match door.proof() {
            Some(_) => [None, Some(&wrong), Some("short"), Some(&code)],
            None => [Some(VERIFIER), Some(&wrong), Some("short"), Some(&code)],
        };
        for proof in bad {
            let seen = door.redeem(&gate, &code, proof).await;
            assert_eq!(seen.status, 403, "{door:?}: {proof:?}");
        }
        assert_eq!(door.redeem(&gate, &code, door.proof()).await.status, 200, "a few are forgiven");
        let code = fresh().await;
        for _ in 0..5 {
            assert_eq!(door.redeem(&gate, &code, Some(&wrong)).await.status, 403);
        }
        let seen = door.redeem(&gate, &code, door.proof()).await;
        assert_eq!(seen.status, 403, "{door:?}: five wrong ones burn it");
    }
}

#[tokio::test]
async fn a_code_is_redeemed_where_it_was_made_for_and_nowhere_else() {
    let gate = gate("doors_elsewhere").await;
    let browser = gate.browser_of("ada").await;
    for (door, other) in
        [(Door::OpenRouterBearer, Door::Glama), (Door::Glama, Door::OpenRouterBearer)]
    {
        let (form, ticket) = door.open(&gate, &browser).await;
        let code = door.press(&browser, &form, &ticket).await.sent("code").unwrap();
        assert_eq!(other.redeem(&gate, &code, None).await.status, 403, "{other:?}");
        assert_eq!(door.redeem(&gate, &code, None).await.status, 200, "{door:?}");
    }
}

#[tokio::test]
async fn t25_an_outage_while_redeeming_burns_nothing() {
    let gate = gate("doors_outage").await;
    let browser = gate.browser_of("ada").await;
    for door in [Door::OpenRouter, Door::Glama, Door::Cli] {
        let (form, ticket) = door.open(&gate, &browser).await;
        let said = door.press(&browser, &form, &ticket).await;
        for table in ["keys", "grants"] {
            gate.lose(table).await;
            let refused = door.take(&gate, &said, &ticket).await;
            assert_eq!(refused, Err(503), "{door:?} without {table}");
            gate.find(table).await;
        }
        assert!(door.take(&gate, &said, &ticket).await.is_ok(), "{door:?}");
    }
}

#[tokio::test]
async fn o13_who_is_blocked_or_left_the_team_gets_no_key_for_what_was_allowed_before() {
    let gate = gate("doors_blocked").await;
    let browser = gate.browser_of("ada").await;
    let id = gate.people().await[0].user.id.to_string();
    for door in [Door::OpenRouter, Door::OpenRouterBearer, Door::Glama, Door::Cli] {
        let (form, ticket) = door.open(&gate, &browser).await;
        let said = door.press(&browser, &form, &ticket).await;
        gate.manage("/user/block", MASTER_KEY, json!({"user_ids": [id]})).await;
        let refused = door.take(&gate, &said, &ticket).await;
        assert!(matches!(refused, Err(400 | 403)), "{door:?}: {refused:?}");
        gate.manage("/user/unblock", MASTER_KEY, json!({"user_ids": [id]})).await;
        gate.idp.person("ada");
        browser.walk("/sso/login?return_to=/").await;
        assert_eq!(keys(&gate).await, 0, "{door:?}");
    }
}

/// Of 64 who present it at once, one gets the key.
async fn race(gate: &Gate, browser: &Browser, door: Door) {
    let (form, ticket) = door.open(gate, browser).await;
    let said = door.press(browser, &form, &ticket).await;
    let taken = join_all((0..64).map(|_| door.take(gate, &said, &ticket))).await;
    let winners = taken.iter().filter(|taken| taken.is_ok()).count();
    assert_eq!(winners, 1, "{door:?}: {taken:?}");
    gate.turn(61);
}

/// Two hundred rounds for each mechanism, ten for each dialect that shares it (issue).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t1_one_of_64_racing_redemptions_wins() {
    let gate = gate("doors_race_codes").await;
    let browser = gate.browser_of("ada").await;
    for (door, rounds) in [(Door::OpenRouter, 200), (Door::OpenRouterBearer, 10), (Door::Glama, 10)]
    {
        for _ in 0..rounds {
            race(&gate, &browser, door).await;
        }
    }
    assert_eq!(keys(&gate).await, 220);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t1_one_of_64_racing_polls_wins() {
    let gate = gate("doors_race_polls").await;
    let browser = gate.browser_of("ada").await;
    for _ in 0..200 {
        race(&gate, &browser, Door::Cli).await;
    }
    assert_eq!(keys(&gate).await, 200);
}

#[tokio::test]
async fn a_restart_between_yes_and_key_changes_nothing() {
    let mut gate = gate("doors_restart").await;
    let mut browser = gate.browser_of("ada").await;
    for door in Door::CODES {
        let (form, ticket) = door.open(&gate, &browser).await;
        gate = gate.restarted().await;
        browser = browser.moved(&gate.url);
        let said = door.press(&browser, &form, &ticket).await;
        gate = gate.restarted().await;
        browser = browser.moved(&gate.url);
        let key = door.take(&gate, &said, &ticket).await.unwrap();
        assert_eq!(gate.call(&key, "gpt-4o").await.status, 200, "{door:?}");
        assert_eq!(door.redeem(&gate, &said.sent("code").unwrap(), door.proof()).await.status, 403);
    }
}
