//! OpenRouter: `/auth` hands out a code, `/api/v1/auth/keys` trades it for a key. What its tools read of a key is
//! `manage::openrouter`, of models `proxy::openrouter`.
use crate::{
    connect::{Answer, BadCode, Journey, Redemption, Refusal, Settled, settled},
    guard::{Caller, NoCaller},
    model::{
        App, Asks, Challenge, ConnectRequest, Consent, Dialect, Each, Limit, Method, NanoDollars,
        OwnPath, Reply, Timestamp,
    },
    web::{self, BadQuery, Browser, ClientAddress},
};
use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use derive_more::From;
use serde::Deserialize;
use serde_json::{Number, json};

const OPENROUTER: Dialect = Dialect("openrouter");
const LONGEST_LABEL: usize = 100;

pub fn routes() -> Router<Journey> {
    Router::new()
        .route("/auth", get(entry).post(answer))
        .route("/api/v1/auth/keys", post(exchange).options(preflight).fallback(wrong_method))
        .route("/api/v1/auth/keys/code", post(code).fallback(wrong_method))
}

/// What `/auth` takes; the others are ignored.
#[derive(Deserialize)]
struct Auth {
    callback_url: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<Method>,
    limit: Option<String>,
    usage_limit_type: Option<String>,
    expires_at: Option<String>,
    key_label: Option<String>,
}

async fn entry(
    State(journey): State<Journey>,
    browser: Browser,
    address: ClientAddress,
    uri: Uri,
) -> Result<Response, Refusal> {
    journey.serves(OPENROUTER)?;
    let request = ask(&journey, web::query(&uri)?)?;
    let handle = journey.begin(OPENROUTER, &browser, address, request).await?;
    Ok(browser.remember(web::see_other(&handle.page())))
}

fn ask(journey: &Journey, auth: Auth) -> Result<ConnectRequest, Refusal> {
    let to = auth.callback_url.map(|text| journey.callback(&text)).transpose()?;
    let challenge = challenge(auth.code_challenge, auth.code_challenge_method)?;
    let asks = Wish {
        limit: auth.limit,
        each: auth.usage_limit_type,
        ends_at: auth.expires_at,
        label: auth.key_label,
    }
    .asks(journey)?;
    let app = to.as_ref().map_or_else(App::by_code, App::at);
    let reply = match (to, challenge) {
        (Some(to), challenge) => Reply::Code { to, challenge },
        (None, Some(challenge)) => Reply::Display { challenge: Some(challenge) },
        (None, None) => {
            let text = "code_challenge is needed where there is no callback_url: the code is shown on a page, and must be worth nothing without its verifier.";
            return Err(BadQuery(text.into()).into());
        }
    };
    let (answer_at, consent) = (OwnPath::fixed("/auth"), Consent::Asked);
    Ok(ConnectRequest { app, reply, asks, consent, answer_at, parent: None })
}

/// RFC 7636 §4.3: without a method it is `plain`.
fn challenge(text: Option<String>, method: Option<Method>) -> Result<Option<Challenge>, BadQuery> {
    let Some(text) = text else {
        let alone = "code_challenge_method says nothing without code_challenge";
        return if method.is_some() { Err(BadQuery(alone.into())) } else { Ok(None) };
    };
    let made = Challenge::parse(method.unwrap_or(Method::Plain), &text);
    made.map(Some).map_err(|bad| BadQuery(bad.to_string().into()))
}

/// What an app asks of its key, as text.
struct Wish {
    limit: Option<String>,
    each: Option<String>,
    ends_at: Option<String>,
    label: Option<String>,
}

impl Wish {
    fn asks(self, journey: &Journey) -> Result<Asks, BadQuery> {
        // Its clients cannot renew a key, so it starts from the longest.
        let longest = journey.settings.max_key_lifetime.seconds();
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let ends_at = given(self.ends_at).map(|text| {
            let bad = BadQuery("expires_at must be a moment such as 2026-12-01T12:00:00Z".into());
            Timestamp::parse(&text).ok_or(bad)
        });
        let ends_at = ends_at.transpose()?;
        let left = ends_at.map_or(longest, |end| (end.0 - journey.clock.now().0).min(longest));
        if left <= 0 {
            return Err(BadQuery("expires_at is over already".into()));
        }
        let each = given(self.each).map(|text| {
            let bad = BadQuery("usage_limit_type must be daily, weekly or monthly".into());
            Each::parse(&text).ok_or(bad)
        });
        let each = each.transpose()?;
        let limit = given(self.limit).map(|text| {
            let bad = |not| BadQuery(format!("limit {not}").into());
            NanoDollars::parse(&text).map(|dollars| Limit { dollars, each }).map_err(bad)
        });
        let label = given(self.label);
        let good = |label: &String| {
            label.chars().count() <= LONGEST_LABEL && !label.contains(char::is_control)
        };
        if !label.iter().all(good) {
            let text = format!("key_label must have at most {LONGEST_LABEL} characters");
            return Err(BadQuery(text.into()));
        }
        // An end that is farther than the longest life does not bind.
        let ends_at = ends_at.filter(|_| left < longest);
        Ok(Asks { ends_at, label, limit: limit.transpose()?, ..Asks::living(left, left) })
    }
}

async fn answer(State(journey): State<Journey>, answer: Answer) -> Result<Response, Refusal> {
    Ok(match journey.settle(OPENROUTER, answer).await? {
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
    code_verifier: Option<String>,
    code_challenge_method: Option<Method>,
}

/// An `Authorization` header here says nothing: its clients send an old key with every request.
async fn exchange(
    State(journey): State<Journey>,
    address: ClientAddress,
    body: Result<Json<Exchange>, JsonRejection>,
) -> Response {
    let redeemed = async {
        journey.serves(OPENROUTER)?;
        let Json(asked) = body.map_err(|_| Error::Unreadable)?;
        let shown = Redemption {
            code: &asked.code,
            verifier: asked.code_verifier.as_deref(),
            method: asked.code_challenge_method,
            address,
        };
        Ok::<_, Error>(journey.redeem(OPENROUTER, &shown).await?)
    };
    let response = match redeemed.await {
        Ok(key) => Json(json!({"key": key.secret.expose(), "user_id": key.user})).into_response(),
        Err(error) => error.into_response(),
    };
    readable_anywhere(web::no_store(response))
}

/// Pages redeem their codes themselves.
async fn preflight() -> Response {
    readable_anywhere(StatusCode::NO_CONTENT.into_response())
}

fn readable_anywhere(mut response: Response) -> Response {
    const CORS: [(HeaderName, &str); 4] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Content-Type, Authorization, HTTP-Referer, X-Title",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    for (name, value) in CORS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Deserialize)]
struct CodeFor {
    code_challenge: Option<String>,
    code_challenge_method: Option<Method>,
    limit: Option<Number>,
    expires_at: Option<String>,
    key_label: Option<String>,
}

/// A live key asks for a code, for a key of its own kind: the rules of keys that beget keys.
async fn code(
    State(journey): State<Journey>,
    caller: Result<Caller, NoCaller>,
    address: ClientAddress,
    body: Result<Json<CodeFor>, JsonRejection>,
) -> Result<Response, Error> {
    journey.serves(OPENROUTER)?;
    let parent = caller?.key;
    let Json(wish) = body.map_err(|_| Error::Unreadable)?;
    let challenge = challenge(wish.code_challenge, wish.code_challenge_method);
    let challenge = challenge.map_err(Refusal::from)?;
    if wish.limit.is_some() {
        // A child is bound by its parent's limit, and has none of its own.
        let text = "limit cannot be asked for here: the key is bound by that of the key you use";
        return Err(Refusal::from(BadQuery(text.into())).into());
    }
    let asks = Wish { limit: None, each: None, ends_at: wish.expires_at, label: wish.key_label };
    let terms = asks.asks(&journey).map_err(Refusal::from)?.allow(None);
    let code = journey.beget_code(OPENROUTER, &parent, (challenge, terms), address).await?;
    let app = parent.app.clone().unwrap_or_else(|| App::by_code().id);
    let data = json!({
        "id": code.expose(),
        "app_id": crc32fast::hash(app.as_bytes()),
        "created_at": journey.clock.now().rfc3339(),
    });
    Ok(web::no_store(Json(json!({"data": data})).into_response()))
}

async fn wrong_method() -> Error {
    Error::NotPost
}

/// Read by a program: `{"error":{"code":<int>,"message"}}`.
#[derive(From)]
enum Error {
    NotPost,
    Unreadable,
    #[from]
    Caller(NoCaller),
    #[from]
    Code(BadCode),
    #[from]
    Journey(Refusal),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        const NO: StatusCode = StatusCode::FORBIDDEN;
        const OFTEN: StatusCode = StatusCode::TOO_MANY_REQUESTS;
        let mut wait = None;
        let (status, message) = match self {
            Self::Caller(none) => {
                let body =
                    json!({"error": {"code": none.status().as_u16(), "message": none.message()}});
                return none.dress((none.status(), Json(body)).into_response());
            }
            Self::NotPost => (StatusCode::METHOD_NOT_ALLOWED, "Only POST is served here".into()),
            Self::Unreadable => {
                let text = "The body must be a JSON object with code, and code_verifier where there was a \
                            code_challenge";
                (StatusCode::BAD_REQUEST, text.into())
            }
            Self::Code(BadCode::WrongMethod) => {
                (StatusCode::BAD_REQUEST, "Invalid code_challenge_method".to_owned())
            }
            Self::Code(BadCode::Unknown | BadCode::WrongProof) => {
                (NO, "Invalid code or code_verifier".into())
            }
            Self::Code(BadCode::TooManyKeys) | Self::Journey(Refusal::TooManyKeys) => {
                (OFTEN, "This app has as many live keys as it may have; end some first".into())
            }
            Self::Code(BadCode::TooOften(seconds)) | Self::Journey(Refusal::TooOften(seconds)) => {
                wait = Some(seconds);
                (OFTEN, "This was tried very often; wait a little".into())
            }
            Self::Code(BadCode::Trouble(error)) | Self::Journey(Refusal::Trouble(error)) => {
                tracing::error!(%error, "a code could not be redeemed");
                wait = Some(2);
                (StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment".into())
            }
            Self::Journey(Refusal::NotServed(setting)) => {
                (NO, format!("The admin has not allowed this ({setting})"))
            }
            Self::Journey(Refusal::Unreadable(BadQuery(why))) => {
                (StatusCode::BAD_REQUEST, why.into_owned())
            }
            Self::Journey(_) => (NO, "This key may not make another one".into()),
        };
        web::numbered_error(status, &message, wait)
    }
}
