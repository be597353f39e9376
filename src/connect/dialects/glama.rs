//! Glama, as old builds of Roo Code and Kilo Code speak it: a code comes back, and is traded for a key.
use crate::{
    connect::{Answer, BadCode, Journey, Redemption, Refusal, Settled, settled},
    model::{App, Asks, ConnectRequest, Consent, Dialect, OwnPath, Reply},
    web::{self, Browser, ClientAddress},
};
use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::json;

const GLAMA: Dialect = Dialect("glama");
const ANSWER_AT: &str = "/connect/glama";

pub fn routes() -> Router<Journey> {
    Router::new()
        .route(ANSWER_AT, post(answer))
        .route("/api/gateway/v1/auth/exchange-code", post(exchange))
}

/// Its callbacks end so; by this it is told from the others at `/oauth/authorize`.
pub(super) fn is_meant(callback: &str) -> bool {
    callback.split('?').next().unwrap_or_default().ends_with("/glama")
}

pub(super) async fn entry(
    journey: &Journey,
    browser: &Browser,
    address: ClientAddress,
    callback: &str,
) -> Result<Response, Refusal> {
    journey.serves(GLAMA)?;
    let to = journey.callback(callback)?;
    // Its clients cannot renew a key, so it starts from the longest.
    let longest = journey.settings.max_key_lifetime.seconds();
    let request = ConnectRequest {
        app: App::at(&to),
        reply: Reply::Code { to, challenge: None },
        asks: Asks::living(longest, longest),
        consent: Consent::Asked,
        answer_at: OwnPath::fixed(ANSWER_AT),
        parent: None,
    };
    let handle = journey.begin(GLAMA, browser, address, request).await?;
    Ok(web::see_other(&handle.page()))
}

async fn answer(State(journey): State<Journey>, answer: Answer) -> Result<Response, Refusal> {
    Ok(match journey.settle(GLAMA, answer).await? {
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
}

async fn exchange(
    State(journey): State<Journey>,
    address: ClientAddress,
    body: Result<Json<Exchange>, JsonRejection>,
) -> Response {
    const OFTEN: StatusCode = StatusCode::TOO_MANY_REQUESTS;
    let refuse = web::numbered_error;
    let Ok(Json(asked)) = body else {
        return refuse(StatusCode::BAD_REQUEST, "The body must be a JSON object with code", None);
    };
    if journey.serves(GLAMA).is_err() {
        let text = "The admin has not allowed this (connect.dialects)";
        return refuse(StatusCode::FORBIDDEN, text, None);
    }
    let shown = Redemption { code: &asked.code, verifier: None, method: None, address };
    match journey.redeem(GLAMA, &shown).await {
        Ok(key) => web::no_store(Json(json!({"apiKey": key.secret.expose()})).into_response()),
        Err(BadCode::Unknown | BadCode::WrongProof | BadCode::WrongMethod) => {
            refuse(StatusCode::FORBIDDEN, "The code is wrong, used up or over", None)
        }
        Err(BadCode::TooManyKeys) => {
            refuse(OFTEN, "This app has as many live keys as it may have; end some first", None)
        }
        Err(BadCode::TooOften(seconds)) => {
            refuse(OFTEN, "This was tried very often; wait a little", Some(seconds))
        }
        Err(BadCode::Trouble(error)) => {
            tracing::error!(%error, "a code could not be redeemed");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment", Some(2))
        }
    }
}
