use crate::support::{EDITOR, Gate};
use serde_json::json;

#[tokio::test]
async fn a_restart_loses_nothing() {
    let gate = Gate::new("restart").await;
    let browser = gate.browser_of("ada").await;
    let key = browser.json_key().await;
    for _ in 0..20 {
        assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    }
    let form = browser.open(EDITOR, "&state=kept").await;
    let ended = gate.key_of("bob").await;
    gate.manage("/key/delete", &ended, json!({"keys": [ended]})).await;
    let away = gate.browser();
    let to = away.get("/sso/login?return_to=/").await.location.unwrap();
    let back = away.get(&to).await.location.unwrap();

    let (old, gate) = (gate.url.clone(), gate.restarted().await);
    assert_eq!(
        gate.usage(&key).await,
        json!({"calls": 20, "input_tokens": 220, "output_tokens": 140})
    );
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    assert_eq!(gate.call(&ended, "gpt-4o").await.status, 401);
    // The same browsers, at the new port: cookies know no ports.
    let moved = |url: &str| url.replace(&old, &gate.url);
    let form = crate::support::Form { action: format!("{}{}", gate.url, form.action), ..form };
    let seen = browser.press("allow", &form).await;
    assert_eq!(seen.sent("state").as_deref(), Some("kept"), "{seen:?}");
    let seen = away.get(&moved(&back)).await;
    // The provider's answer names the old port; all but that holds.
    assert!(matches!(seen.status, 303 | 502 | 503), "{seen:?}");
}
