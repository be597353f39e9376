use crate::support::{EDITOR, Gate, Seen};

#[tokio::test]
async fn the_account_page_lists_live_keys_and_ends_them() {
    let gate = Gate::new("page_end").await;
    let browser = gate.browser_of("ada").await;
    let form = browser.open(EDITOR, "").await;
    let key = browser.press("allow", &form).await.sent("access_token").unwrap();
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    let page = browser.get("/").await;
    assert!(page.body.contains("Roo Code") && page.body.contains(&key[key.len() - 4..]));
    assert!(!page.body.contains(&key), "a key is shown once");
    let part =
        |from: &str| page.body.split(from).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (action, token) = (part("action=\"/keys/"), part("name=\"token\" value=\""));
    let path = format!("/keys/{action}");

    let other = gate.browser_of("bob").await;
    let own = other.get("/").await;
    assert!(own.body.contains("You have no keys"));
    for (browser, token) in [(&browser, "forged"), (&other, token.as_str())] {
        assert_eq!(browser.post(&path, &[("token", token)]).await.status, 403);
    }
    let foreign = browser.client.post(format!("{}{path}", gate.url)).form(&[("token", &token)]);
    assert_eq!(Seen::of(foreign.header("sec-fetch-site", "cross-site")).await.status, 403);
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200, "nothing was ended");
    let seen = browser.post(&path, &[("token", &token)]).await;
    assert_eq!(seen.location.as_deref(), Some("/"));
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 401, "at the next call");
    assert_eq!(browser.post(&path, &[("token", &token)]).await.status, 303, "twice is once");
    assert!(browser.get("/").await.body.contains("You have no keys"));
}

#[tokio::test]
async fn another_persons_key_cannot_be_ended_by_its_id() {
    let gate = Gate::new("page_foreign").await;
    let key = gate.key_of("ada").await;
    let id = gate.get("/key/info", &key).await.json()["id"].as_str().unwrap().to_owned();
    let bob = gate.browser_of("bob").await;
    bob.json_key().await;
    let page = bob.get("/").await.body;
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    bob.post(&format!("/keys/{id}/end"), &[("token", token)]).await;
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
}
