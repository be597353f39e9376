//! The ways in, each as its own client goes them: what they have in common is tried on all of them alike.
use super::{Browser, Form, Gate, LINK, Seen};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Link,
    Cli,
    /// With a challenge.
    OpenRouter,
    /// Without: the code is a bearer secret.
    OpenRouterBearer,
    Glama,
    Requesty,
}

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const ALL_DIALECTS: &str =
    "connect.dialects = [\"link\", \"cli\", \"openrouter\", \"glama\", \"requesty\"]";

/// What the app keeps until its key is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ticket {
    pub(crate) login_id: String,
    pub(crate) poll_secret: String,
    pub(crate) user_code: String,
}

pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

impl Door {
    pub(crate) const ALL: [Self; 6] = [
        Self::Link,
        Self::Cli,
        Self::OpenRouter,
        Self::OpenRouterBearer,
        Self::Glama,
        Self::Requesty,
    ];

    /// Where a key is made by redeeming.
    pub(crate) const CODES: [Self; 3] = [Self::OpenRouter, Self::OpenRouterBearer, Self::Glama];

    /// The app begins: what it keeps, and the page it sends the person to.
    pub(crate) async fn begin(self, gate: &Gate) -> (String, Ticket) {
        let glama = "vscode%3A%2F%2FRooVeterinaryInc.roo-cline%2Fglama";
        let requesty = "vscode%3A%2F%2FRooVeterinaryInc.roo-cline%2Frequesty";
        let loopback = "http%3A%2F%2Flocalhost%3A3000%2Fcb%3Fkept%3D1";
        let path = match self {
            Self::Link => format!("{LINK}&redirect_uri={loopback}"),
            Self::Cli => {
                let started =
                    Seen::of(gate.client.post(format!("{}/sso/cli/start", gate.url))).await;
                assert_eq!(started.status, 200, "{started:?}");
                let said = started.json();
                let text = |name: &str| said[name].as_str().unwrap().to_owned();
                let ticket = Ticket {
                    login_id: text("login_id"),
                    poll_secret: text("poll_secret"),
                    user_code: text("user_code"),
                };
                let path = format!("/sso/key/generate?source=litellm-cli&key={}", ticket.login_id);
                return (path, ticket);
            }
            Self::OpenRouter => format!(
                "/auth?callback_url={loopback}&code_challenge={}&code_challenge_method=S256",
                challenge()
            ),
            Self::OpenRouterBearer => format!("/auth?callback_url={loopback}"),
            Self::Glama => format!("/oauth/authorize?callback_url={glama}"),
            Self::Requesty => format!("/oauth/authorize?callback_url={requesty}"),
        };
        (path, Ticket::default())
    }

    /// To the form that waits for an answer.
    pub(crate) async fn open(self, gate: &Gate, browser: &Browser) -> (Form, Ticket) {
        let (path, ticket) = self.begin(gate).await;
        let seen = browser.walk(&path).await;
        assert_eq!(seen.status, 200, "{self:?}: {seen:?}");
        (Form::read(&seen), ticket)
    }

    pub(crate) async fn press(self, browser: &Browser, form: &Form, ticket: &Ticket) -> Seen {
        browser.post(&form.action, &self.fields(form, ticket)).await
    }

    pub(crate) fn fields<'a>(
        self,
        form: &'a Form,
        ticket: &'a Ticket,
    ) -> Vec<(&'static str, &'a str)> {
        let mut fields = vec![("user", &*form.user), ("answer", "allow")];
        if self == Self::Cli {
            fields.push(("browser_complete_token", &form.handle));
            fields.push(("user_code", &ticket.user_code));
        } else {
            fields.push(("request", &form.handle));
        }
        fields
    }

    /// The app takes what is its, after the person said yes: its key, or the status of its refusal.
    pub(crate) async fn take(
        self,
        gate: &Gate,
        said: &Seen,
        ticket: &Ticket,
    ) -> Result<String, u16> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        match self {
            Self::Link => Ok(said.sent("access_token").unwrap()),
            Self::Requesty => Ok(said.sent("code").unwrap()),
            Self::Cli => {
                let seen = self.poll(gate, ticket).await;
                if seen.status == 200 { Ok(text(&seen.json()["key"])) } else { Err(seen.status) }
            }
            Self::OpenRouter | Self::OpenRouterBearer | Self::Glama => {
                let seen = self.redeem(gate, &said.sent("code").unwrap(), self.proof()).await;
                let name = if self == Self::Glama { "apiKey" } else { "key" };
                if seen.status == 200 { Ok(text(&seen.json()[name])) } else { Err(seen.status) }
            }
        }
    }

    pub(crate) fn proof(self) -> Option<&'static str> {
        (self == Self::OpenRouter).then_some(VERIFIER)
    }

    pub(crate) async fn poll(self, gate: &Gate, ticket: &Ticket) -> Seen {
        let url = format!("{}/sso/cli/poll/{}", gate.url, ticket.login_id);
        let request = gate.client.get(url);
        Seen::of(request.header("x-litellm-cli-poll-secret", &ticket.poll_secret)).await
    }

    /// Where a code is traded for a key.
    pub(crate) fn exchange(self) -> &'static str {
        match self {
            Self::Glama => "/api/gateway/v1/auth/exchange-code",
            _ => "/api/v1/auth/keys",
        }
    }

    pub(crate) async fn redeem(self, gate: &Gate, code: &str, verifier: Option<&str>) -> Seen {
        let mut body = json!({"code": code});
        if let Some(verifier) = verifier {
            body["code_verifier"] = json!(verifier);
        }
        let url = format!("{}{}", gate.url, self.exchange());
        Seen::of(gate.client.post(url).json(&body)).await
    }
}
