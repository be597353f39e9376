//! Why the management API says no, in LiteLLM's shape.
use crate::{guard::NoCaller, store};
use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use derive_more::From;
use serde_json::json;

#[derive(Debug, From)]
pub enum Refusal {
    #[from]
    Caller(NoCaller),
    /// The field, and what to change.
    #[from(skip)]
    BadField {
        field: String,
        message: String,
    },
    #[from(skip)]
    BadRequest(String),
    TooLarge,
    /// `format=csv` of what is no list.
    NoTable,
    /// What the key may not do.
    #[from(skip)]
    Forbidden(&'static str),
    NoSuchKey,
    /// What it is, and the field that named it.
    #[from(skip)]
    NotFound(&'static str, &'static str),
    #[from(skip)]
    NoSuchUser(String),
    /// An `Idempotency-Key` came again with another request.
    KeyUsed,
    /// And what it made is no more.
    KeyReplaced,
    /// Something else stands in the way; in words.
    #[from(skip)]
    Conflict(String),
    #[from]
    Trouble(store::Error),
}

impl Refusal {
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::BadField { field: field.to_owned(), message: message.into() }
    }

    /// The field is a member of another one.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        match self {
            Self::BadField { field, message } => Self::BadField {
                field: outer.to_owned(),
                message: format!("of {field}: {message}"),
            },
            other => other,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, kind, param, message) = match self {
            Self::Caller(none) => return none.into_response(),
            Self::BadField { field, message } => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                Some(field.clone()),
                format!("{field} {message}"),
            ),
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, "bad_request", None, message),
            Self::TooLarge => {
                let message = "The body is larger than 2 MB.".to_owned();
                (StatusCode::PAYLOAD_TOO_LARGE, "bad_request", None, message)
            }
            Self::NoTable => {
                let message = "Only lists are served as CSV.".to_owned();
                (StatusCode::NOT_ACCEPTABLE, "bad_request", Some("format".into()), message)
            }
            Self::Forbidden(message) => {
                (StatusCode::FORBIDDEN, "auth_error", None, message.to_owned())
            }
            Self::NoSuchKey => {
                let message = "There is no such key, or it is not yours to see.".to_owned();
                (StatusCode::NOT_FOUND, "not_found", Some("key".into()), message)
            }
            Self::NotFound(what, field) => {
                let message = format!("There is no such {what}, or it is not yours to see.");
                (StatusCode::NOT_FOUND, "not_found", Some(field.into()), message)
            }
            Self::NoSuchUser(message) => {
                (StatusCode::BAD_REQUEST, "bad_request", Some("user_id".into()), message)
            }
            Self::KeyUsed => {
                let message = "This Idempotency-Key was used for another renewal of this key, which said other \
                               things of it. Use a new one.";
                let param = Some("Idempotency-Key".into());
                (StatusCode::UNPROCESSABLE_ENTITY, "bad_request", param, message.into())
            }
            Self::KeyReplaced => {
                let message = "The secret that this Idempotency-Key made has been replaced since. Use a new one.";
                (StatusCode::CONFLICT, "conflict", Some("Idempotency-Key".into()), message.into())
            }
            Self::Conflict(message) => (StatusCode::CONFLICT, "conflict", None, message),
            Self::Trouble(error) => {
                tracing::error!(%error, "a management request failed");
                let message =
                    "The database does not answer. Nothing is lost: try again.".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", None, message)
            }
        };
        let code = status.as_u16().to_string();
        let body =
            json!({"error": {"message": message, "type": kind, "param": param, "code": code}});
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, 5.into());
        }
        response
    }
}
