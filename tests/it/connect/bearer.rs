use crate::support::{EDITOR, Form, Gate, LINK, MASTER_KEY, Seen};
use serde_json::json;

async fn beget(gate: &Gate, key: &str, more: &str) -> Seen {
    Seen::of(gate.client.get(format!("{}{LINK}{more}", gate.url)).bearer_auth(key)).await
}

#[tokio::test]
async fn a_live_key_begets_one_at_once_and_no_provider_is_asked() {
    let gate = Gate::new("bearer").await;
    let parent = gate.key_of("ada").await;
    gate.turn(3600);
    let seen = beget(&gate, &parent, "").await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.header("access-control-allow-origin"), Some("*"));
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    let child = seen.json()["access_token"].as_str().unwrap().to_owned();
    assert_ne!(child, parent);
    assert_eq!(seen.json()["expires_in"], 86_400);
    let info = async |key: &str| gate.get("/key/info", key).await.json()["info"].clone();
    let (of_parent, of_child) = (info(&parent).await, info(&child).await);
    assert_eq!(of_parent["user_id"], of_child["user_id"]);
    assert_eq!(of_parent["app"], of_child["app"]);
    // K12: the parent works until its own end.
    assert_eq!(gate.call(&parent, "gpt-4o").await.status, 200);
    // Ending one ends one.
    assert_eq!(gate.manage("/key/delete", &parent, json!({"keys": [parent]})).await.status, 200);
    assert_eq!(gate.call(&parent, "gpt-4o").await.status, 401);
    assert_eq!(gate.call(&child, "gpt-4o").await.status, 200);
}

#[tokio::test]
async fn keys_beget_keys_only_so_long_after_a_real_sign_in() {
    let gate = Gate::new("bearer_chain").await;
    let mut key = gate.key_of("ada").await;
    let day = 86_400;
    for _ in 0..6 {
        gate.turn(day - 60);
        let seen = beget(&gate, &key, "").await;
        assert_eq!(seen.status, 200, "{seen:?}");
        key = seen.json()["access_token"].as_str().unwrap().to_owned();
    }
    gate.turn(day - 60);
    let seen = beget(&gate, &key, "").await;
    let left = seen.json()["expires_in"].as_i64().unwrap();
    assert!(left <= 7 * 60, "the last child ends with connect.renew_within: {left}");
    gate.turn(left);
    let seen = beget(&gate, &key, "").await;
    assert!(matches!(seen.status, 401 | 403), "{seen:?}");
}

#[tokio::test]
async fn what_is_not_a_persons_live_key_begets_nothing() {
    let gate = Gate::new("bearer_refused").await;
    let parent = gate.key_of("ada").await;
    for (key, status, error) in [
        (MASTER_KEY, 403, "access_denied"),
        ("sk-unknown", 401, "invalid_token"),
        ("", 401, "invalid_token"),
    ] {
        let seen = beget(&gate, key, "").await;
        assert_eq!((seen.status, &seen.json()["error"]), (status, &json!(error)), "{key:?}");
        assert_eq!(seen.location, None);
        assert_eq!(seen.header("access-control-allow-origin"), Some("*"));
    }
    let head = gate.client.head(format!("{}{LINK}", gate.url)).bearer_auth(&parent);
    assert_eq!(head.send().await.unwrap().status(), 405);
    gate.turn(86_400);
    let seen = beget(&gate, &parent, "").await;
    assert_eq!((seen.status, &seen.json()["error"]), (401, &json!("invalid_token")));
    let ids = gate.get("/key/list?size=100", MASTER_KEY).await.json();
    assert_eq!(ids["total_count"], 1, "nothing was made");
}

#[tokio::test]
async fn a_child_reaches_no_further_than_its_parent() {
    let gate = Gate::new("bearer_models").await;
    let ada = gate.key_of("ada").await;
    let user = gate.get("/key/info", &ada).await.json()["info"]["user_id"].clone();
    let parent = gate.generate(json!({"user_id": user, "models": ["gpt-4o-mini"]})).await;
    let parent = parent["key"].as_str().unwrap();
    let child = beget(&gate, parent, "").await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(gate.call(&child, "gpt-4o").await.status, 403);
    assert_eq!(gate.call(&child, "gpt-4o-mini").await.status, 200);
    // A journey's key may not make keys by hand.
    assert_eq!(gate.manage("/key/generate", &child, json!({})).await.status, 403);
}

#[tokio::test]
async fn with_a_redirect_a_live_key_still_asks_for_consent_and_no_provider() {
    let gate = Gate::new("bearer_consent").await;
    let parent = gate.key_of("ada").await;
    let browser = gate.browser();
    let to: String = form_urlencoded::byte_serialize(EDITOR.as_bytes()).collect();
    let url = format!("{}{LINK}&redirect_uri={to}", gate.url);
    let seen = Seen::of(browser.client.get(url).bearer_auth(&parent)).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let form = Form::read(&seen);
    assert!(form.page.contains("ada@acme.example") && !form.page.contains("Not you?"));
    let seen = browser.press("allow", &form).await;
    let child = seen.sent("access_token").unwrap();
    assert_eq!(gate.call(&child, "gpt-4o").await.status, 200);
}

#[tokio::test]
async fn silent_minting_is_bounded() {
    let gate = Gate::new("bearer_limit").await;
    let parent = gate.key_of("ada").await;
    let mut refused = None;
    for _ in 0..40 {
        let seen = beget(&gate, &parent, "").await;
        if seen.status != 200 {
            refused = Some(seen);
            break;
        }
    }
    let seen = refused.expect("at most 30 a minute");
    assert_eq!((seen.status, &seen.json()["error"]), (429, &json!("temporarily_unavailable")));
    assert!(seen.header("retry-after").unwrap().parse::<i64>().unwrap() <= 60);
    gate.turn(61);
    assert_eq!(beget(&gate, &parent, "").await.status, 200);
}

#[tokio::test]
async fn a_key_that_was_just_revoked_elsewhere_makes_nothing_more() {
    let gate = Gate::new("bearer_revoked").await;
    let parent = gate.key_of("ada").await;
    let own = gate.generate(json!({})).await;
    let own = own["key"].as_str().unwrap();
    assert_eq!(gate.call(&parent, "gpt-4o").await.status, 200, "warm");
    assert_eq!(gate.get("/v1/models", own).await.status, 200, "warm");
    // By the store alone, as another server or a verb does it: this one has not heard of it yet.
    let keys = gate.get("/key/list", MASTER_KEY).await.json();
    for key in keys["keys"].as_array().unwrap() {
        let id = gatekey::model::KeyId::named(key["id"].as_str().unwrap());
        let which = gatekey::store::keys_end::Which::Id(id);
        gate.store
            .write(gatekey::store::keys_end::EndKeys { which, act: gate.act() })
            .await
            .unwrap();
    }
    let (child, made) =
        tokio::join!(beget(&gate, &parent, ""), gate.manage("/key/generate", own, json!({})));
    assert!(child.status == 401 && (400..=401).contains(&made.status), "{child:?} {made:?}");
    assert_eq!(gate.get("/key/list", MASTER_KEY).await.json()["total_count"], 0);
}

#[tokio::test]
async fn a_hand_made_keys_own_end_binds_what_it_begets() {
    let gate = Gate::new("bearer_short").await;
    let short = gate.generate(json!({"duration": "10m"})).await;
    let seen = beget(&gate, short["key"].as_str().unwrap(), "").await;
    assert_eq!(seen.json()["expires_in"], 600);
}
