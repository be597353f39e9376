//! The LiteLLM SSO link: a key as JSON, or in the query of a return address.
//!
//! `/sso/key/generate` judges and sends the browser on to `/sso/login?oauth_flow=true…` (that is the
//! contract); from there it comes to `/connect/link`, which judges again and stores the request.
use crate::{
    connect::{Answer, IssuedKey, Journey, Refusal, Settled, settled},
    guard::{Caller, NoCaller},
    model::{App, Asks, ConnectRequest, Consent, Dialect, Link, LinkError, OwnPath, Parent, Reply},
    web::{self, Browser, ClientAddress, LinkCors},
};
use axum::{
    Json, Router,
    extract::{FromRequest as _, FromRequestParts as _, Request, State},
    http::{Method, StatusCode, header, request::Parts},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use derive_more::From;
use serde_json::json;

const LINK: Dialect = Dialect("link");
const ANSWER_AT: &str = "/connect/link";
const SCOPE: &str = "litellm:api";

pub fn routes(cors: LinkCors) -> Router<Journey> {
    // GET as well: without a redirect, consent is implied and no form is sent.
    Router::new()
        .route(ANSWER_AT, get(begin_or_answer).post(answer_form).options(LinkCors::preflight))
        .layer(middleware::from_fn_with_state(cors, LinkCors::layer))
}

/// `GET /sso/key/generate?response_type=oauth_token…`
pub(super) async fn entry(journey: Journey, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    match step(&journey, &mut parts).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn step(journey: &Journey, parts: &mut Parts) -> Result<Response, Error> {
    journey.serves(LINK)?;
    let link = Link::parse(&web::pairs(&parts.uri), true, &journey.settings.redirects)?;
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        let rest = link.query();
        let join = if rest.is_empty() { "" } else { "&" };
        return Ok(web::see_other(&format!("/sso/login?oauth_flow=true{join}{rest}")));
    }
    if parts.method != Method::GET {
        return Err(Error::MethodNotAllowed);
    }
    let caller = Caller::from_request_parts(parts, journey).await?;
    let Ok(address) = ClientAddress::from_request_parts(parts, journey).await;
    if link.to.is_none() {
        let key = journey.beget(LINK, &caller.key, address).await.map_err(Error::Bearer)?;
        return Ok(json_answer(&key));
    }
    if !caller.key.may_beget() {
        return Err(Error::Bearer(Refusal::Bound));
    }
    let Ok(browser) = Browser::from_request_parts(parts, journey).await;
    let parent = Parent { key: caller.key.id.clone(), user: caller.key.user.clone() };
    let request = ask(journey, link, Some(parent));
    let (shown, user) = (request.clone(), &caller.key.owner);
    let handle = journey.begin(LINK, &browser, address, request).await.map_err(Error::Bearer)?;
    let page = journey.consent(&shown, user, handle.expose()).await.map_err(Error::Bearer)?;
    Ok(browser.remember(page))
}

/// What the link asks for, as the journey understands it.
fn ask(journey: &Journey, link: Link, parent: Option<Parent>) -> ConnectRequest {
    let settings = &journey.settings;
    let seconds = match (&link.to, settings.url_key_lifetime) {
        (Some(_), Some(shorter)) => shorter,
        _ => settings.key_lifetime,
    };
    let longest = if settings.url_key_lifetime.is_some() && link.to.is_some() {
        seconds
    } else {
        settings.max_key_lifetime.max(seconds)
    };
    ConnectRequest {
        app: link.to.as_ref().map_or_else(App::json, App::at),
        consent: if link.to.is_some() { Consent::Asked } else { Consent::Implied },
        reply: match link.to {
            Some(to) => Reply::KeyInQuery { to, state: link.state },
            None => Reply::Json,
        },
        asks: Asks::living(seconds.seconds(), longest.seconds()),
        answer_at: OwnPath::fixed(ANSWER_AT),
        parent,
    }
}

/// A GET with a handle answers; one without begins.
async fn begin_or_answer(State(journey): State<Journey>, request: Request) -> Response {
    let is_answer = web::pairs(request.uri()).iter().any(|(name, _)| name == "request");
    let response = if is_answer {
        match Answer::from_request(request, &journey).await {
            Ok(answer) => settle(&journey, answer).await.map_err(Error::Silent),
            Err(refusal) => Err(Error::Silent(refusal)),
        }
    } else {
        let (mut parts, _) = request.into_parts();
        begin(&journey, &mut parts).await
    };
    response.unwrap_or_else(IntoResponse::into_response)
}

async fn begin(journey: &Journey, parts: &mut Parts) -> Result<Response, Error> {
    journey.serves(LINK)?;
    let pairs = web::pairs(&parts.uri);
    let link = Link::parse(&pairs, false, &journey.settings.redirects)?;
    // Which provider the link picked, for the page that sends the browser there.
    let idp = pairs.iter().find(|(name, _)| name == "idp").map(|(_, idp)| idp.as_str());
    let picked = idp.map(|idp| form_urlencoded::byte_serialize(idp.as_bytes()).collect::<String>());
    let picked = picked.map_or(String::new(), |idp| format!("?idp={idp}"));
    let Ok(browser) = Browser::from_request_parts(parts, journey).await;
    let Ok(address) = ClientAddress::from_request_parts(parts, journey).await;
    let request = ask(journey, link, None);
    let handle = journey.begin(LINK, &browser, address, request).await?;
    Ok(browser.remember(web::see_other(&format!("/connect/{}{picked}", handle.expose()))))
}

async fn answer_form(State(journey): State<Journey>, answer: Answer) -> Result<Response, Refusal> {
    settle(&journey, answer).await
}

async fn settle(journey: &Journey, answer: Answer) -> Result<Response, Refusal> {
    Ok(match journey.settle(LINK, answer).await? {
        Settled::KeyTo { to, state, key, app, by_hand } => {
            let (secret, seconds) = (key.secret.expose(), key.seconds.to_string());
            let mut query = vec![("access_token", secret), ("token_type", "Bearer")];
            query.extend([("expires_in", seconds.as_str()), ("scope", SCOPE)]);
            query.extend(state.as_deref().map(|state| ("state", state)));
            settled::deliver_key(&to.with(&query), &app, &key, by_hand)
        }
        Settled::Key(key) => json_answer(&key),
        other => other.plainly(),
    })
}

fn json_answer(key: &IssuedKey) -> Response {
    let body = json!({
        "access_token": key.secret.expose(),
        "token_type": "Bearer",
        "expires_in": key.seconds,
        "scope": SCOPE,
    });
    web::no_store(Json(body).into_response())
}

/// Read by whoever wrote the link, or by a program that sent a key.
#[derive(From)]
enum Error {
    #[from]
    Link(LinkError),
    #[from]
    Caller(NoCaller),
    #[from]
    Page(Refusal),
    /// A program reads it.
    #[from(skip)]
    Bearer(Refusal),
    /// Whoever fetched a key without a page.
    #[from(skip)]
    Silent(Refusal),
    MethodNotAllowed,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::Link(LinkError::UnsupportedResponseType) => web::oauth_error(
                StatusCode::BAD_REQUEST,
                "unsupported_response_type",
                "Unsupported response_type: what was sent is not known. Only 'oauth_token' is supported.",
            ),
            Self::Link(LinkError::InvalidRequest(why)) => {
                web::oauth_error(StatusCode::BAD_REQUEST, "invalid_request", &why)
            }
            Self::Link(LinkError::NotServed(setting)) => {
                Refusal::NotServed(setting).into_response()
            }
            Self::Caller(none) => refused_key(&none),
            Self::Bearer(refusal)
            | Self::Silent(refusal @ (Refusal::TooOften(_) | Refusal::TooManyKeys)) => {
                in_oauth_words(refusal)
            }
            Self::Page(refusal) | Self::Silent(refusal) => refusal.into_response(),
            Self::MethodNotAllowed => web::oauth_error(
                StatusCode::METHOD_NOT_ALLOWED,
                "invalid_request",
                "A key is made by GET only.",
            ),
        }
    }
}

fn refused_key(none: &NoCaller) -> Response {
    let error = match none.status() {
        StatusCode::UNAUTHORIZED => "invalid_token",
        StatusCode::BAD_REQUEST => "invalid_request",
        StatusCode::FORBIDDEN => "access_denied",
        _ => "temporarily_unavailable",
    };
    none.dress(web::oauth_error(none.status(), error, none.message()))
}

fn in_oauth_words(refusal: Refusal) -> Response {
    let (status, error, text, wait) = match refusal {
        Refusal::TooOften(seconds) => {
            let text = "Too many keys were made just now.";
            (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", text, Some(seconds))
        }
        Refusal::TooManyKeys => {
            let text =
                "This app has as many live keys as it may have; end some, or wait until some end.";
            (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", text, Some(3600))
        }
        Refusal::Trouble(error) => {
            tracing::error!(%error, "a key could not be made");
            let text = "Nothing is lost: try again.";
            (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", text, Some(5))
        }
        Refusal::KeyEnded => {
            (StatusCode::UNAUTHORIZED, "invalid_token", "This key has ended.", None)
        }
        Refusal::SignInAgain => {
            let text = "The last real sign-in is too long ago: sign in with a browser.";
            (StatusCode::FORBIDDEN, "access_denied", text, None)
        }
        _ => (StatusCode::FORBIDDEN, "access_denied", "This key cannot make another.", None),
    };
    let mut response = web::oauth_error(status, error, text);
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
