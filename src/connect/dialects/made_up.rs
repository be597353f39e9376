//! Notes, a made-up app: `/notes/connect` hands out a code, `/notes/token` trades it for a key.
use crate::{
    connect::{Answer, BadCode, Journey, Redemption, Refusal, Settled, settled},
    model::{App, Asks, Challenge, ConnectRequest, Consent, Dialect, Method, OwnPath, Reply},
    web::{self, BadQuery, Browser, ClientAddress},
};
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;

/// Its name in `connect.dialects`, and in the rows of what it began.
const NOTES: Dialect = Dialect("notes");

pub(super) fn routes() -> Router<Journey> {
    Router::new()
        .route("/notes/connect", get(entry).post(answer))
        .route("/notes/token", post(token))
}

/// Its request, parsed at the edge: a parameter that stands there twice is refused, one that is unknown ignored.
#[derive(Deserialize)]
struct Asked {
    send_to: String,
    challenge: String,
}

async fn entry(
    State(journey): State<Journey>,
    browser: Browser,
    address: ClientAddress,
    uri: Uri,
) -> Result<Response, Refusal> {
    journey.serves(NOTES)?;
    let asked: Asked = web::query(&uri)?;
    // From here on the address is proven: until now an error could only be a page.
    let to = journey.callback(&asked.send_to)?;
    let challenge = Challenge::parse(Method::S256, &asked.challenge)
        .map_err(|bad| BadQuery(bad.to_string().into()))?;
    let lifetime = journey.settings.key_lifetime.seconds();
    let request = ConnectRequest {
        app: App::at(&to),
        reply: Reply::Code { to, challenge: Some(challenge) },
        asks: Asks::living(lifetime, lifetime),
        consent: Consent::Asked,
        answer_at: OwnPath::fixed("/notes/connect"),
        parent: None,
    };
    let handle = journey.begin(NOTES, &browser, address, request).await?;
    Ok(browser.remember(web::see_other(&handle.page())))
}

/// The consent form comes here: the URL says whose request it is.
async fn answer(State(journey): State<Journey>, answer: Answer) -> Result<Response, Refusal> {
    Ok(match journey.settle(NOTES, answer).await? {
        Settled::CodeTo { to, code, until, app, by_hand } => {
            let to = to.with(&[("code", code.expose())]);
            settled::deliver(&to, (&app, until), by_hand)
        }
        other => other.plainly(),
    })
}

#[derive(Deserialize)]
struct Exchange {
    code: String,
    verifier: String,
}

/// The key is made here. A refusal is in this app's own words.
async fn token(
    State(journey): State<Journey>,
    address: ClientAddress,
    Json(asked): Json<Exchange>,
) -> Response {
    let verifier = Some(asked.verifier.as_str());
    let shown = Redemption { code: &asked.code, verifier, method: None, address };
    let (status, body) = match journey.redeem(NOTES, &shown).await {
        Ok(key) => (StatusCode::OK, json!({"key": key.secret.expose(), "seconds": key.seconds})),
        Err(BadCode::Trouble(_)) => (StatusCode::SERVICE_UNAVAILABLE, json!({"problem": "later"})),
        Err(_) => (StatusCode::FORBIDDEN, json!({"problem": "code"})),
    };
    web::no_store((status, Json(body)).into_response())
}
