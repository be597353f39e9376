//! Requesty: the key itself comes back as `code`, in the query of the return address. Off unless the admin turns it
//! on, since an address is a poor place for a key; the consent page says so.
use crate::{
    connect::{Answer, Journey, Refusal, Settled, settled},
    model::{App, Asks, ConnectRequest, Consent, Dialect, OwnPath, Reply},
    web::{self, Browser, ClientAddress},
};
use axum::{Router, extract::State, response::Response, routing::post};

const REQUESTY: Dialect = Dialect("requesty");
const ANSWER_AT: &str = "/connect/requesty";

pub fn routes() -> Router<Journey> {
    Router::new().route(ANSWER_AT, post(answer))
}

/// `GET /oauth/authorize?callback_url=…`, which other dialects share.
pub(super) async fn entry(
    journey: &Journey,
    browser: &Browser,
    address: ClientAddress,
    callback: &str,
) -> Result<Response, Refusal> {
    journey.serves(REQUESTY)?;
    let to = journey.callback(callback)?;
    // Its clients cannot renew a key, so it starts from the longest.
    let longest = journey.settings.url_key_lifetime.unwrap_or(journey.settings.max_key_lifetime);
    let request = ConnectRequest {
        app: App::at(&to),
        reply: Reply::KeyInQuery { to, state: None },
        asks: Asks::living(longest.seconds(), longest.seconds()),
        consent: Consent::Strong,
        answer_at: OwnPath::fixed(ANSWER_AT),
        parent: None,
    };
    let handle = journey.begin(REQUESTY, browser, address, request).await?;
    Ok(web::see_other(&handle.page()))
}

async fn answer(State(journey): State<Journey>, answer: Answer) -> Result<Response, Refusal> {
    Ok(match journey.settle(REQUESTY, answer).await? {
        Settled::KeyTo { to, key, app, by_hand, .. } => {
            let base = format!("{}/v1", journey.site.base_url());
            let to = to.with(&[("code", key.secret.expose()), ("baseUrl", &base)]);
            settled::deliver_key(&to, &app, &key, by_hand)
        }
        other => other.plainly(),
    })
}
