use super::Cli;
use crate::support::{Browser, EDITOR, LINK, Seen};
use serde_json::json;

/// A reset link that was used, and the key of somebody made by a script.
async fn people(cli: &Cli, browser: &Browser) -> (String, String) {
    let link = cli.run(&["user", "reset", "ada@acme.example"]).good();
    browser.get(&link).await;
    let seen = browser.post(&link, &[("password", "canary-new-password")]).await;
    assert_eq!(seen.status, 303, "{seen:?}");
    let made = reqwest::Client::new()
        .post(format!("{}/user/new", cli.url()))
        .bearer_auth("sk-the-master-key-of-these-tests")
        .json(&json!({"user_id": "bob", "metadata": {"note": "canary-metadata"}}));
    let key = Seen::of(made).await.json()["key"].as_str().unwrap().to_owned();
    (link.rsplit('/').next().unwrap().to_owned(), key)
}

/// Row O1: a run with every kind of secret in it, and then a look at all that was written.
#[tokio::test(flavor = "multi_thread")]
async fn o1_no_secret_gets_into_the_log() {
    let cli = Cli::new("cli_canary").await;
    let server = cli.serve().await;
    let password = "canary-password-of-ada";
    cli.fed(&["user", "add", "ada@acme.example"], password).good();
    let browser = Browser::new(&cli.url());
    browser.login("ada@acme.example", "canary-wrong-password", "/").await;
    let seen = browser.login("ada@acme.example", password, "/").await;
    let session =
        seen.headers["set-cookie"].to_str().unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
    let key = browser.json_key().await;
    let form = browser.open(EDITOR, "&state=canary-state").await;
    let second = browser.press("allow", &form).await.sent("access_token").unwrap();
    let client = reqwest::Client::new();
    let get = |path: String| Seen::of(client.get(format!("{}{path}", cli.url())).bearer_auth(&key));
    get(format!("/key/info?key={second}")).await;
    get(format!("/v1/models?api_key={second}")).await;
    get(format!("{LINK}&redirect_uri=https://canary-user:canary-pass@evil.example/")).await;
    get("/setup/canary-setup-token-of-many-characters".into()).await;
    get(format!("/key/{second}/regenerate")).await;
    get(format!("/v1/key//{second}")).await;
    Seen::of(client.get(cli.url()).bearer_auth("sk-canary-unknown-key")).await;
    let body = json!({"model": "demo", "messages": [{"role": "user", "content": "canary-prompt"}]});
    Seen::of(
        client.post(format!("{}/v1/chat/completions", cli.url())).bearer_auth(&key).json(&body),
    )
    .await;
    Seen::of(
        client
            .post(format!("{}/key/delete", cli.url()))
            .bearer_auth(&key)
            .json(&json!({"keys": [key]})),
    )
    .await;
    get("/v1/models".into()).await;
    get("/audit/logs?cursor=canary-cursor".into()).await;
    let (reset, third) = people(&cli, &browser).await;
    Cli::signal(&server, "-TERM");
    drop(server);
    let log = std::fs::read_to_string(cli.folder.path().join("log")).unwrap();
    assert!(log.contains("answered") && log.contains("signed in"), "the log speaks");
    let secrets = [
        key.as_str(),
        &key[3..],
        &second,
        &second[3..],
        &third,
        &reset,
        password,
        &session,
        &form.handle,
        "canary-",
        "sk-the-master-key",
        "a secret of at least",
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
