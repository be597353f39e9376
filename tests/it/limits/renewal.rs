//! A key gets a new secret: once for one `Idempotency-Key`, and with a grace for the old one (field report K25).
use super::{call, gate, info, key};
use crate::support::{Gate, MASTER_KEY, Seen};
use gatekey::model::Timestamp;
use serde_json::{Value, json};

async fn renew(gate: &Gate, by: &str, once: &str, body: Value) -> Seen {
    let request = gate.client.post(format!("{}/key/regenerate", gate.url)).bearer_auth(by);
    Seen::of(request.header("idempotency-key", once).json(&body)).await
}

fn secret(seen: &Seen) -> String {
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.json()["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn k25_the_same_idempotency_key_has_the_same_outcome() {
    let gate = gate("renewal_once").await;
    let made = gate.generate(json!({"key_alias": "job"})).await;
    let (old, id) = (made["key"].as_str().unwrap(), made["token_id"].clone());
    let body = json!({"key": id});
    let first = renew(&gate, MASTER_KEY, "retry-1", body.clone()).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let new = secret(&first);
    for _ in 0..2 {
        let again = renew(&gate, MASTER_KEY, "retry-1", body.clone()).await;
        assert_eq!(secret(&again), new);
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.json()["token_id"], id);
    }
    let gate = gate.restarted().await;
    assert_eq!(secret(&renew(&gate, MASTER_KEY, "retry-1", body.clone()).await), new);
    assert_eq!((call(&gate, &new, 5).await.status, call(&gate, old, 5).await.status), (200, 401));
    // Of many at once there is one outcome too.
    let many = (0..8).map(|_| renew(&gate, MASTER_KEY, "retry-2", body.clone()));
    let many: Vec<_> = futures_util::future::join_all(many).await.iter().map(secret).collect();
    assert!(many.iter().all(|one| *one == many[0] && *one != new));
    let lines = gate.get("/audit/logs?action=key.regenerate", MASTER_KEY).await.json();
    assert_eq!(lines["audit_logs"].as_array().unwrap().len(), 2, "{lines}");
    // What it made is gone; it said something else; it is somebody else's.
    let replaced = renew(&gate, MASTER_KEY, "retry-1", body.clone()).await;
    assert_eq!(replaced.status, 409, "{replaced:?}");
    let other = json!({"key": id, "key_alias": "other"});
    assert_eq!(renew(&gate, MASTER_KEY, "retry-2", other).await.status, 422);
    let another = gate.generate(json!({})).await;
    let another = json!({"key": another["token_id"]});
    assert_ne!(secret(&renew(&gate, MASTER_KEY, "retry-2", another).await), many[0]);
    for bad in ["", &"x".repeat(256)] {
        assert_eq!(renew(&gate, MASTER_KEY, bad, body.clone()).await.status, 400);
    }
    let plain = gate.manage("/key/regenerate", MASTER_KEY, body.clone()).await;
    assert_ne!(secret(&plain), secret(&gate.manage("/key/regenerate", MASTER_KEY, body).await));
}

#[tokio::test]
async fn k25_the_old_secret_works_through_its_grace_and_no_longer() {
    let gate = gate("renewal_grace").await;
    let made = gate.generate(json!({"rpm_limit": 100})).await;
    let (first, id) = (made["key"].as_str().unwrap(), made["token_id"].clone());
    assert_eq!(call(&gate, first, 5).await.status, 200);
    let body = json!({"key": id, "grace_period": "1h"});
    let renewed = gate.manage("/key/regenerate", MASTER_KEY, body).await;
    let second = secret(&renewed);
    assert_eq!(renewed.json()["grace_ends_at"], Timestamp(gate.now() + 3600).rfc3339());
    assert_eq!(call(&gate, first, 5).await.status, 200);
    assert_eq!(call(&gate, &second, 5).await.status, 200);
    let shown = info(&gate, first).await;
    assert_eq!(shown["grace_ends_at"], Timestamp(gate.now() + 3600).rfc3339());
    assert_eq!((&shown["token"], &shown["usage"]["calls"]), (&id, &json!(3)));
    gate.turn(3599);
    assert_eq!(call(&gate, first, 5).await.status, 200);
    gate.turn(1);
    assert_eq!(call(&gate, first, 5).await.status, 401);
    assert_eq!(call(&gate, &second, 5).await.status, 200);
    assert_eq!(info(&gate, &second).await["grace_ends_at"], Value::Null);
    // A block and an end count for the old one too, and a second renewal ends the first one's grace.
    let third = secret(
        &gate.manage("/key/regenerate", MASTER_KEY, json!({"key": id, "grace_period": "1d"})).await,
    );
    let fourth =
        gate.manage("/key/regenerate", MASTER_KEY, json!({"key": id, "grace_period": "1d"})).await;
    assert_eq!(call(&gate, &second, 5).await.status, 401);
    assert_eq!(call(&gate, &third, 5).await.status, 200);
    gate.manage("/key/block", MASTER_KEY, json!({"key": id})).await;
    assert_eq!(call(&gate, &third, 5).await.status, 401);
    gate.manage("/key/unblock", MASTER_KEY, json!({"key": id})).await;
    assert_eq!(call(&gate, &third, 5).await.status, 200);
    gate.manage("/key/delete", MASTER_KEY, json!({"keys": [id]})).await;
    for dead in [&third, &secret(&fourth)] {
        assert_eq!(call(&gate, dead, 5).await.status, 401);
    }
}

#[tokio::test]
async fn a_key_may_renew_itself_and_ask_again_while_its_grace_lasts() {
    let gate = gate("renewal_self").await;
    gate.manage("/user/new", MASTER_KEY, json!({"user_id": "ada", "auto_create_key": false})).await;
    let own = key(&gate, json!({"user_id": "ada"})).await;
    let body = json!({"grace_period": "60s"});
    let new = secret(&renew(&gate, &own, "mine", body.clone()).await);
    assert_eq!(secret(&renew(&gate, &own, "mine", body.clone()).await), new, "its answer was lost");
    let more = renew(&gate, &own, "another", body.clone()).await;
    assert_eq!(more.status, 403, "the old secret renews nothing: {more:?}");
    gate.turn(60);
    assert_eq!(renew(&gate, &own, "mine", body).await.status, 401);
    assert_eq!(call(&gate, &new, 5).await.status, 200);
    for bad in [json!("31d"), json!("soon"), json!(60), json!("-1h")] {
        let refused = gate.manage("/key/regenerate", &new, json!({"grace_period": bad})).await;
        assert_eq!(refused.status, 400, "{bad}");
        assert!(refused.body.contains("grace_period"), "{}", refused.body);
    }
}
