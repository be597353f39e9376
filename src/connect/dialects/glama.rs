//! Glama, as old builds of Roo Code and Kilo Code speak it: a code comes back, and is traded for a key.
use crate::{
    connect::{Answer, BadCode, Journey, Redemption, Refusal, Settled, settled},
    model::{App, Asks, ConnectRequest, Consent, Dialect, OwnPath, Reply},
    web::{self, Browser, ClientAddress},
};
use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header},
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
    Ok(web::see_other(&format!("/connect/{}", handle.expose())))
}

async fn answer(State(journey): State<Journey>, answer: Answer) -> Result<Response, Refusal> {
    Ok(match journey.settle(GLAMA, answer).await? {
        Settled::CodeTo { to, code, app, by_hand } => {
            settled::deliver(&to.with(&[("code", code.expose())]), &app, by_hand)
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
    let Ok(Json(asked)) = body else {
        return refuse(StatusCode::BAD_REQUEST, "The body must be a JSON object with code");
    };
    if journey.serves(GLAMA).is_err() {
        return refuse(StatusCode::FORBIDDEN, "The admin has not allowed this (connect.dialects)");
    }
    let shown = Redemption { code: &asked.code, verifier: None, method: None, address };
    match journey.redeem(GLAMA, &shown).await {
        Ok(key) => web::no_store(Json(json!({"apiKey": key.secret.expose()})).into_response()),
        Err(BadCode::Unknown | BadCode::WrongProof | BadCode::WrongMethod) => {
            refuse(StatusCode::FORBIDDEN, "The code is wrong, used up or over")
        }
        Err(BadCode::TooManyKeys) => refuse(
            StatusCode::TOO_MANY_REQUESTS,
            "This app has as many live keys as it may have; end some first",
        ),
        Err(BadCode::TooOften(seconds)) => {
            let often = StatusCode::TOO_MANY_REQUESTS;
            later(refuse(often, "This was tried very often; wait a little"), seconds)
        }
        Err(BadCode::Trouble(error)) => {
            tracing::error!(%error, "a code could not be redeemed");
            later(refuse(StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment"), 2)
        }
    }
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let body = json!({"error": {"code": status.as_u16(), "message": message}});
    web::no_store((status, Json(body)).into_response())
}

fn later(mut response: Response, seconds: i64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
