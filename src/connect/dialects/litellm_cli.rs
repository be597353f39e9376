//! LiteLLM's CLI, the classic half of `lite login`: a terminal starts, a browser answers, the terminal polls.
use crate::{
    connect::{Answer, BadPoll, Heard, Journey, Refusal, Settled, Ticket},
    model::{App, Asks, ConnectRequest, Consent, Dialect, Membership, OwnPath, Reply, TeamId},
    web::{self, Browser, ClientAddress, Problem},
};
use axum::{
    Json, Router,
    extract::{FromRequest as _, FromRequestParts as _, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use derive_more::From;
use serde::Deserialize;
use serde_json::{Value, json};

const CLI: Dialect = Dialect("cli");

pub fn routes() -> Router<Journey> {
    Router::new()
        .route("/sso/cli/start", post(start))
        .route("/sso/cli/complete/{login_id}", post(complete))
        .route("/sso/cli/poll/{login_id}", get(poll))
}

async fn start(State(journey): State<Journey>, address: ClientAddress) -> Result<Response, Error> {
    journey.serves(CLI)?;
    let ticket = journey.start_poll(address).await?;
    let body = json!({
        "login_id": format!("cli-{}", ticket.poll.expose()),
        "poll_secret": ticket.secret.expose(),
        "user_code": ticket.user_code.expose(),
        "expires_in": Ticket::SECONDS,
    });
    Ok(web::no_store(Json(body).into_response()))
}

/// The link may be opened again and again until somebody has answered.
pub(super) async fn entry(journey: Journey, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let Ok(browser) = Browser::from_request_parts(&mut parts, &journey).await;
    let Ok(address) = ClientAddress::from_request_parts(&mut parts, &journey).await;
    match begin(&journey, &browser, address, &parts.uri).await {
        Ok(page) => browser.remember(web::see_other(&page)),
        Err(error) => error.into_response(),
    }
}

async fn begin(
    journey: &Journey,
    browser: &Browser,
    address: ClientAddress,
    uri: &Uri,
) -> Result<String, Error> {
    journey.serves(CLI)?;
    let pairs = web::pairs(uri);
    let mut ids = pairs.iter().filter(|(name, _)| name == "key").map(|(_, id)| id.as_str());
    let (Some(login_id), None) = (ids.next(), ids.next()) else { return Err(Error::InvalidId) };
    if login_id.starts_with("sk-") {
        return Err(Error::OldClient);
    }
    let (poll, until) = journey.open_poll(name(login_id)?).await?.ok_or(Error::NotFound)?;
    let answer_at = OwnPath::try_from(format!("/sso/cli/complete/{login_id}"));
    let lifetime = journey.settings.key_lifetime;
    let longest = journey.settings.max_key_lifetime.max(lifetime);
    let request = ConnectRequest {
        app: App::litellm_cli(),
        reply: Reply::Poll { poll: poll.0, until },
        asks: Asks::living(lifetime.seconds(), longest.seconds()),
        consent: Consent::Asked,
        answer_at: answer_at.map_err(|_| Error::InvalidId)?,
        parent: None,
    };
    let handle = journey.begin(CLI, browser, address, request).await?;
    Ok(handle.page())
}

/// The login id in the path repeats what the form's handle already says; only the handle counts.
async fn complete(State(journey): State<Journey>, request: Request) -> Response {
    let a_person_reads_it = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let answer = match Answer::from_request(request, &journey).await {
        Ok(answer) => answer,
        Err(refusal) if a_person_reads_it => return refusal.into_response(),
        Err(refusal) => return Error::from(refusal).into_response(),
    };
    let again = answer.handle.page();
    match journey.settle(CLI, answer).await {
        Ok(settled) => Settled::plainly(settled),
        Err(Refusal::WrongUserCode) if a_person_reads_it => {
            let text = "It must be what your terminal shows now. After a few wrong ones the terminal must start \
                        again.";
            Problem::new(StatusCode::BAD_REQUEST, "That is not the code", text)
                .with_way("Try again", again)
                .into_response()
        }
        Err(refusal) if a_person_reads_it => refusal.into_response(),
        Err(refusal) => Error::from(refusal).into_response(),
    }
}

#[derive(Deserialize)]
struct Wanted {
    team_id: Option<String>,
}

async fn poll(
    State(journey): State<Journey>,
    Path(login_id): Path<String>,
    headers: HeaderMap,
    address: ClientAddress,
    uri: Uri,
) -> Result<Response, Error> {
    journey.serves(CLI)?;
    let secret = headers.get("x-litellm-cli-poll-secret").and_then(|value| value.to_str().ok());
    let wanted: Wanted = web::query(&uri).map_err(|_| Error::InvalidId)?;
    let team = wanted.team_id.filter(|team| !team.is_empty() && !team.contains('\0'));
    let shown = (name(&login_id)?, secret.unwrap_or_default());
    let heard = journey.poll(shown, team.as_deref().map(TeamId::named), address).await?;
    Ok(web::no_store(Json(told(heard)).into_response()))
}

fn told(heard: Heard) -> Value {
    match heard {
        Heard::Pending => json!({"status": "pending"}),
        Heard::ChooseTeam(user, teams) => json!({
            "status": "ready",
            "user_id": user,
            "teams": ids(&teams),
            "team_details": details(&teams),
            "requires_team_selection": true,
        }),
        Heard::Key(key, team, teams) => json!({
            "status": "ready",
            "key": key.secret.expose(),
            "user_id": key.user,
            "team_id": team,
            "teams": ids(&teams),
            "team_details": details(&teams),
        }),
    }
}

fn ids(teams: &[Membership]) -> Vec<&TeamId> {
    teams.iter().map(|team| &team.team).collect()
}

/// Names, where ids say nothing to a person (field report K11).
fn details(teams: &[Membership]) -> Vec<Value> {
    teams.iter().map(|t| json!({"team_id": t.team, "team_alias": t.alias})).collect()
}

fn name(login_id: &str) -> Result<&str, Error> {
    login_id.strip_prefix("cli-").ok_or(Error::InvalidId)
}

/// `{"detail": "…"}`, in the words LiteLLM's clients compare.
#[derive(From)]
enum Error {
    InvalidId,
    OldClient,
    NotFound,
    #[from]
    Poll(BadPoll),
    #[from]
    Journey(Refusal),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const NO: StatusCode = StatusCode::FORBIDDEN;
        let mut wait = None;
        let (status, detail) = match self {
            Self::InvalidId => (BAD, "Invalid CLI login session id"),
            Self::OldClient => (BAD, "Your litellm CLI is out of date"),
            Self::NotFound | Self::Poll(BadPoll::Unknown) => {
                (BAD, "CLI login session not found or expired")
            }
            Self::Poll(BadPoll::WrongSecret) => (NO, "Invalid poll secret"),
            Self::Poll(BadPoll::NotInTeam) => (NO, "You are not in that team"),
            Self::Poll(BadPoll::TooManyKeys) => {
                (NO, "This app has as many live keys as it may have; end some first")
            }
            Self::Poll(BadPoll::TooOften(seconds)) | Self::Journey(Refusal::TooOften(seconds)) => {
                wait = Some(seconds);
                (StatusCode::TOO_MANY_REQUESTS, "This was tried very often; wait a little")
            }
            Self::Journey(Refusal::WrongUserCode) => (BAD, "Invalid verification code"),
            Self::Journey(Refusal::Foreign) => (NO, "Cross-site request"),
            Self::Journey(Refusal::NotServed(_)) => {
                (NO, "The admin has not allowed this (connect.dialects)")
            }
            Self::Poll(BadPoll::Trouble(error)) | Self::Journey(Refusal::Trouble(error)) => {
                tracing::error!(%error, "a CLI login could not be served");
                wait = Some(2);
                (StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment")
            }
            Self::Journey(_) => (BAD, "CLI login is not ready"),
        };
        let mut response = web::no_store((status, Json(json!({"detail": detail}))).into_response());
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
