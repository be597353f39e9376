//! Why a call is not answered by a model, in the words of the caller's protocol.
use super::limited::Limited;
use crate::{guard::NoCaller, model::Route, store};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Which protocol a route speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `/v1/chat/completions`, and everything without a protocol of its own.
    OpenAi,
    /// `/v1/messages`.
    Anthropic,
    /// `/api/v1/…`: OpenAI's, but for errors, whose code is a number.
    OpenRouter,
}

#[derive(Debug, derive_more::From)]
pub(super) enum Reason {
    #[from]
    Caller(NoCaller),
    /// What is wrong with the request, and what to change.
    #[from(skip)]
    BadRequest(String),
    TooLarge(usize),
    /// `Content-Encoding` of a request.
    Encoded,
    /// A client that would rather speak by one (field report K39).
    NoWebSocket,
    /// The lists of routes of the key, or of somebody's it belongs to, do not have this one.
    #[from(skip)]
    RouteNotAllowed(Route),
    /// The key's list does not have this model.
    #[from(skip)]
    NotAllowed(String),
    #[from(skip)]
    NoSuchModel(String),
    /// A limit of the key's, or of somebody's it belongs to.
    #[from(skip)]
    Limited(Box<Limited>),
    /// Nobody knows what the model costs, and the key has a budget.
    #[from(skip)]
    Unpriced(String),
    /// Gatekey is stopping.
    Stopping,
    #[from]
    Trouble(store::Error),
    /// The upstream's name, and what it did.
    #[from(skip)]
    Upstream {
        status: StatusCode,
        message: String,
    },
    /// No such route: what to write instead.
    #[from(skip)]
    Lost(String),
    #[from(skip)]
    WrongMethod(String),
}

const UNPRICED: &str = "An admin can write its [model.price], or set limits.allow_unpriced.";
const STOPPING: &str =
    "This Gatekey is stopping. Try again: another one, or the next, will answer.";

pub(super) struct Refusal {
    pub(super) dialect: Dialect,
    pub(super) reason: Reason,
}

impl Dialect {
    pub(super) fn refuse(self, reason: impl Into<Reason>) -> Refusal {
        Refusal { dialect: self, reason: reason.into() }
    }

    /// An error as this protocol writes it.
    pub(super) fn envelope(self, status: StatusCode, kind: &str, message: &str) -> Value {
        match self {
            Self::OpenAi => json!({"error": {
                "message": message,
                "type": kind,
                "param": null,
                "code": status.as_u16().to_string(),
            }}),
            Self::OpenRouter => {
                json!({"error": {"code": status.as_u16(), "message": message}})
            }
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": anthropic_kind(status), "message": message}})
            }
        }
    }
}

/// The names of Anthropic's errors by status.
fn anthropic_kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 | 415 | 422 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}

impl Reason {
    /// For those who count refusals: one of few words.
    pub(super) fn kind(&self) -> &'static str {
        self.words().1
    }

    fn words(&self) -> (StatusCode, &'static str, String) {
        match self {
            Self::Caller(none) => (none.status(), none.kind(), none.message().into()),
            Self::BadRequest(message) => {
                (StatusCode::BAD_REQUEST, "invalid_request_error", message.clone())
            }
            Self::TooLarge(most) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "invalid_request_error",
                format!("The body is larger than {most} bytes (server.max_body)."),
            ),
            Self::Encoded => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid_request_error",
                "Content-Encoding must be gzip or zstd, and only one of them.".into(),
            ),
            Self::NoWebSocket => (
                StatusCode::UPGRADE_REQUIRED,
                "invalid_request_error",
                "Answers are not served over a WebSocket: POST to this path.".into(),
            ),
            Self::RouteNotAllowed(route) => (
                StatusCode::FORBIDDEN,
                "key_route_access_denied",
                format!("This key may not call {} (allowed_routes).", route.path()),
            ),
            Self::NotAllowed(model) => (
                StatusCode::FORBIDDEN,
                "key_model_access_denied",
                format!("This key may not call {model:?}. GET /v1/models lists what it may."),
            ),
            Self::NoSuchModel(message) => {
                (StatusCode::NOT_FOUND, "model_not_found", message.clone())
            }
            Self::Limited(limited) => {
                let status = StatusCode::from_u16(limited.status);
                let status = status.unwrap_or(StatusCode::TOO_MANY_REQUESTS);
                (status, limited.kind, limited.message.clone())
            }
            Self::Unpriced(model) => (
                StatusCode::FORBIDDEN,
                "model_price_unknown",
                format!("Nobody knows what {model:?} costs, and this key has a budget. {UNPRICED}"),
            ),
            Self::Stopping => {
                (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", STOPPING.into())
            }
            Self::Trouble(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "Gatekey cannot book calls right now. Nothing is lost: try again.".into(),
            ),
            Self::Upstream { status, message } => (*status, "upstream_error", message.clone()),
            Self::Lost(message) => (StatusCode::NOT_FOUND, "not_found_error", message.clone()),
            Self::WrongMethod(message) => {
                (StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", message.clone())
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, kind, message) = self.reason.words();
        let mut envelope = self.dialect.envelope(status, kind, &message);
        if let Reason::Limited(limited) = &self.reason
            && let Some(error) = envelope["error"].as_object_mut()
        {
            error.extend(limited.more.clone());
        }
        let mut response = (status, Json(envelope)).into_response();
        match &self.reason {
            Reason::Caller(none) => return none.dress(response),
            Reason::Limited(limited) => limited.dress(response.headers_mut()),
            Reason::Encoded => {
                // What would be taken (RFC 9110 §15.5.16).
                let known = HeaderValue::from_static("gzip, zstd");
                response.headers_mut().insert(header::ACCEPT_ENCODING, known);
            }
            Reason::NoWebSocket => {
                // RFC 9110 §15.5.22.
                let http = HeaderValue::from_static("HTTP/1.1");
                response.headers_mut().insert(header::UPGRADE, http);
                let upgrade = HeaderValue::from_static("upgrade");
                response.headers_mut().insert(header::CONNECTION, upgrade);
            }
            Reason::Trouble(error) => tracing::error!(%error, "a call could not be taken"),
            Reason::Stopping => {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            _ => {}
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, 2.into());
        }
        response
    }
}
