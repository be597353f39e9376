//! Requesty and Glama, as the extensions that know them speak.
use crate::support::{ALL_DIALECTS, Door, Gate, Seen};
use serde_json::json;

#[tokio::test]
async fn requesty_gets_the_key_in_its_address_after_a_plain_warning() {
    let gate = Gate::with("requesty", ALL_DIALECTS).await;
    let browser = gate.browser_of("ada").await;
    // Roo Code, Zoo Code and Cline differ in the publisher alone.
    for extension in
        ["RooVeterinaryInc.roo-cline", "ZooCodeOrganization.zoo-code", "saoudrizwan.claude-dev"]
    {
        let to = format!("/oauth/authorize?callback_url=vscode://{extension}/requesty");
        let seen = browser.walk(&to).await;
        assert!(seen.body.contains("This app takes the key in an address"), "{seen:?}");
        let form = crate::support::Form::read(&seen);
        let said = browser.press("allow", &form).await;
        let url = said.sent_to().unwrap();
        assert!(url.starts_with(&format!("vscode://{extension}/requesty?code=sk-")), "{url}");
        assert_eq!(said.sent("baseUrl"), Some(format!("{}/v1", gate.url)));
        assert_eq!(said.header("cache-control"), Some("no-store"));
        assert_eq!(said.header("referrer-policy"), Some("no-referrer"));
        let key = said.sent("code").unwrap();
        assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    }
}

#[tokio::test]
async fn requesty_is_off_unless_the_admin_turns_it_on() {
    let gate = Gate::new("requesty_off").await;
    let browser = gate.browser_of("ada").await;
    let seen = browser.get("/oauth/authorize?callback_url=vscode://a.b/requesty").await;
    assert!(seen.status == 403 && seen.body.contains("connect.dialects"), "{seen:?}");
    assert_eq!(
        browser.get("/auth?callback_url=http://localhost:1/").await.status,
        303,
        "openrouter is on"
    );
}

#[tokio::test]
async fn glama_trades_its_code_for_a_key() {
    let gate = Gate::new("glama").await;
    let browser = gate.browser_of("ada").await;
    let (form, ticket) = Door::Glama.open(&gate, &browser).await;
    assert!(form.page.contains("Roo Code") && form.page.contains("A code for the key"));
    let said = Door::Glama.press(&browser, &form, &ticket).await;
    assert!(said.body.contains("is connected"), "{said:?}");
    let url = said.sent_to().unwrap();
    assert!(url.starts_with("vscode://RooVeterinaryInc.roo-cline/glama?code=gc-"), "{url}");
    let seen = Door::Glama.redeem(&gate, &said.sent("code").unwrap(), None).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert!(seen.json()["apiKey"].as_str().unwrap().starts_with("sk-"));
    let at = format!("{}/api/gateway/v1/auth/exchange-code", gate.url);
    for body in ["", "{}", "[]", "{\"code\":1}"] {
        let request = gate.client.post(&at).header("content-type", "application/json").body(body);
        let seen = Seen::of(request).await;
        assert_eq!((seen.status, &seen.json()["error"]["code"]), (400, &json!(400)), "{body}");
    }
    assert_eq!(Seen::of(gate.client.get(&at)).await.status, 405);
}
