//! A request that carried a live key. The only way to have a [`Caller`] is to have checked.
use super::{Accounts, Dead, Guard, Leash, key_header};
use crate::{
    model::{AccessKey, Key},
    store,
    web::{ClientAddress, Site},
};
use axum::{
    Json,
    extract::{FromRef, FromRequestParts},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::json;
use std::{convert::Infallible, sync::Arc};

pub struct Caller {
    pub key: Arc<Key>,
    /// What ends the calls that it begins.
    pub leash: Arc<Leash>,
    /// Everybody whose limits bind it.
    pub accounts: Accounts,
}

/// Why there is no caller; each surface has its own words for it.
#[derive(Debug)]
pub enum NoCaller {
    Missing,
    Master,
    /// Two headers, two keys.
    Disagreeing,
    Unknown,
    Expired,
    Blocked,
    Trouble(store::Error),
}

impl NoCaller {
    /// A dead key is always 401: clients renew on nothing else (field report K12). Unknown, malformed and
    /// ended ones are one answer (K42).
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Unknown | Self::Expired | Self::Blocked => {
                StatusCode::UNAUTHORIZED
            }
            Self::Master => StatusCode::FORBIDDEN,
            Self::Disagreeing => StatusCode::BAD_REQUEST,
            Self::Trouble(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// LiteLLM's word for it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing | Self::Blocked | Self::Master => "auth_error",
            Self::Unknown => "token_not_found_in_db",
            Self::Expired => "expired_key",
            Self::Disagreeing => "bad_request",
            Self::Trouble(_) => "service_unavailable",
        }
    }

    #[must_use]
    pub fn message(&self) -> &'static str {
        match self {
            Self::Missing => "No API key: send it as Authorization: Bearer, or as x-api-key.",
            Self::Master => {
                "The master key manages keys and belongs to nobody: make a key with /key/generate."
            }
            Self::Disagreeing => "Several API keys that differ: send one.",
            Self::Unknown => "This API key is not valid. Connect again to get a new one.",
            Self::Expired => "This API key has expired. Connect again to get a new one.",
            Self::Blocked => "This API key, or its owner, is blocked. Ask your admin.",
            Self::Trouble(_) => "Gatekey cannot check keys right now. Nothing is lost: try again.",
        }
    }

    /// Headers that belong to the answer, in whichever dialect it is worded. Logged here, where it is said.
    #[must_use]
    pub fn dress(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        if self.status() == StatusCode::UNAUTHORIZED {
            // RFC 6750 §3: a bare scheme where nothing was shown.
            let challenge = match self {
                Self::Missing => "Bearer",
                _ => "Bearer error=\"invalid_token\"",
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Self::Trouble(error) = self {
            tracing::error!(%error, "a key could not be checked");
            headers.insert(header::RETRY_AFTER, 5.into());
        }
        response
    }
}

/// In LiteLLM's shape.
impl IntoResponse for NoCaller {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = json!({"error": {
            "message": self.message(),
            "type": self.kind(),
            "param": "key",
            "code": status.as_u16().to_string(),
        }});
        self.dress((status, Json(body)).into_response())
    }
}

impl From<Dead> for NoCaller {
    fn from(dead: Dead) -> Self {
        match dead {
            Dead::Master => Self::Master,
            Dead::Unknown => Self::Unknown,
            Dead::Expired => Self::Expired,
            Dead::Blocked => Self::Blocked,
            Dead::Trouble(error) => Self::Trouble(error),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Guard: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = NoCaller;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NoCaller> {
        let secret = key_header::find(&parts.headers)?;
        let from = ClientAddress::of(parts, &Site::from_ref(state)).place();
        let (key, leash, accounts) = Guard::from_ref(state).judge(&secret, from).await?;
        Ok(Self { key, leash, accounts })
    }
}

/// A key as it was presented, not yet judged: for those who know of other keys too.
pub struct PresentedKey(pub Result<AccessKey, NoCaller>);

impl<S: Send + Sync> FromRequestParts<S> for PresentedKey {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(key_header::find(&parts.headers)))
    }
}
