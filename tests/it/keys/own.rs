use crate::support::{Gate, MASTER_KEY};
use serde_json::{Value, json};

/// A key of this person that no app got.
async fn plain_key(gate: &Gate, user: &str, more: Value) -> String {
    let mut fields = json!({"user_id": user});
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    gate.generate(fields).await["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_that_an_app_got_reads_and_ends_itself_and_nothing_else() {
    let gate = Gate::new("own_journey").await;
    let browser = gate.browser_of("ada").await;
    let (key, other) = (browser.json_key().await, browser.json_key().await);
    let other_id = gate.get("/key/info", &other).await.json()["id"].clone();
    assert_eq!(gate.get("/key/info", &key).await.status, 200);
    assert_eq!(
        gate.get(&format!("/key/info?key={}", other_id.as_str().unwrap()), &key).await.status,
        404
    );
    for (path, body) in [
        ("/key/generate", json!({})),
        ("/key/update", json!({"key": key})),
        ("/key/regenerate", json!({})),
        ("/key/block", json!({"key": key})),
        ("/key/unblock", json!({"key": key})),
    ] {
        assert_eq!(gate.manage(path, &key, body).await.status, 403, "{path}");
    }
    assert_eq!(gate.get("/key/list", &key).await.status, 403);
    assert_eq!(gate.manage("/key/delete", &key, json!({"keys": [other_id]})).await.status, 404);
    assert_eq!(gate.manage("/key/delete", &key, json!({"keys": [key]})).await.status, 200);
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 401);
    assert_eq!(gate.call(&other, "gpt-4o").await.status, 200);
}

#[tokio::test]
async fn a_persons_own_key_makes_and_changes_keys_within_its_own_reach() {
    let gate = Gate::new("own_reach").await;
    let (carol, dave) = (gate.account("carol").await, gate.account("dave").await);
    let key =
        plain_key(&gate, carol.as_str(), json!({"duration": "2h", "models": ["gpt-*"]})).await;
    let make = async |fields: Value| gate.manage("/key/generate", &key, fields).await;
    let child = make(json!({"duration": "1h", "models": ["gpt-4o"]})).await;
    assert_eq!(child.status, 200, "{child:?}");
    assert_eq!(child.json()["user_id"], carol.as_str());
    let whole = make(json!({})).await.json();
    assert_eq!(whole["models"], json!(["gpt-*"]), "no list means: the same");
    assert_eq!(whole["expires"], gatekey::model::Timestamp(gate.now() + 7200).rfc3339());
    assert_eq!(make(json!({"duration": "3h"})).await.status, 400);
    assert_eq!(make(json!({"models": ["claude-x"]})).await.status, 400);
    assert_eq!(make(json!({"models": ["*"]})).await.status, 400);
    assert_eq!(make(json!({"user_id": dave.as_str()})).await.status, 403);

    let id = child.json()["id"].clone();
    let update = async |fields: Value| {
        let mut body = fields;
        body["key"] = id.clone();
        gate.manage("/key/update", &key, body).await.status
    };
    assert_eq!(update(json!({"key_alias": "renamed"})).await, 200);
    assert_eq!(update(json!({"duration": "3h"})).await, 400);
    assert_eq!(update(json!({"duration": null})).await, 400);
    assert_eq!(update(json!({"models": []})).await, 400);
    // A wider key of the same person is not this one's to change.
    let wide = gate.generate(json!({"user_id": carol.as_str()})).await;
    let body = json!({"key": wide["id"]});
    assert_eq!(gate.manage("/key/regenerate", &key, body.clone()).await.status, 403);
    assert_eq!(gate.manage("/key/update", &key, body.clone()).await.status, 403);
    assert_eq!(gate.manage("/key/block", &key, body).await.status, 403, "block is an admin's");
    // Others' keys do not exist.
    let others = gate.generate(json!({"user_id": dave.as_str()})).await;
    for path in ["/key/update", "/key/regenerate"] {
        assert_eq!(gate.manage(path, &key, json!({"key": others["id"]})).await.status, 404);
    }
    assert_eq!(gate.manage("/key/delete", &key, json!({"keys": [others["id"]]})).await.status, 404);
    let list = gate.get("/key/list?size=100", &key).await.json();
    let owners =
        list["keys"].as_array().unwrap().iter().map(|key| key["user_id"].as_str().unwrap());
    assert!(owners.clone().all(|owner| owner == carol.as_str()) && owners.count() == 4);
    let spied = gate.get(&format!("/key/list?user_id={dave}"), &key).await.json();
    assert!(spied["keys"].as_array().unwrap().iter().all(|key| key["user_id"] == carol.as_str()));
}

#[tokio::test]
async fn an_admins_own_key_manages_and_an_app_of_the_admin_does_not() {
    let gate = Gate::with("own_admin", "signin.admin_subject = \"ada\"").await;
    let app = gate.key_of("ada").await;
    let user =
        gate.get("/key/info", &app).await.json()["info"]["user_id"].as_str().unwrap().to_owned();
    let own = plain_key(&gate, &user, json!({})).await;
    assert_eq!(gate.get("/key/list", &own).await.status, 200);
    assert_eq!(gate.manage("/key/generate", &own, json!({"models": ["x"]})).await.status, 200);
    assert_eq!(gate.get("/key/list", &app).await.status, 403);
    // K22: an admin's key that is ended is refused like any other.
    assert_eq!(gate.manage("/key/delete", MASTER_KEY, json!({"keys": [own]})).await.status, 200);
    assert_eq!(gate.get("/key/list", &own).await.status, 401);
}
