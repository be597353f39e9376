//! Who is signed in in this browser: the session cookie.
use super::{Problem, Site, cookie};
use crate::{
    model::{Hash, SessionId, Timestamp, User},
    store::{self, Store, sessions::SessionOf},
    world::Clock,
};
use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderValue, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};

const COOKIE: &str = "gatekey_session";
/// That somebody signed out here: the next sign-in asks which account (field report K04).
const SIGNED_OUT: &str = "gatekey_signed_out";

/// The only way to have one is that somebody signed in.
pub struct Session {
    pub user: User,
    pub idp: String,
    pub signed_in_at: Timestamp,
    pub hash: Hash,
}

#[derive(Debug)]
pub enum NoSession {
    SignedOut,
    Trouble(store::Error),
}

impl Session {
    /// What a browser is told when it signs in. A new id each time: no session is fixed beforehand.
    #[must_use]
    pub fn cookie(site: &Site, id: &SessionId) -> HeaderValue {
        cookie::set(site, COOKIE, id.expose())
    }

    /// In every form of the console: who does not have the cookie cannot know it.
    #[must_use]
    pub fn form_token(&self) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let of = Hash::of(&format!("form of {}", URL_SAFE_NO_PAD.encode(self.hash.0)));
        URL_SAFE_NO_PAD.encode(of.0)
    }

    /// All the sessions this browser claims to have.
    #[must_use]
    pub fn claimed(site: &Site, headers: &HeaderMap) -> Vec<Hash> {
        let texts = cookie::values(headers, &cookie::name(site, COOKIE));
        texts.iter().map(|text| SessionId::presented(text).hash()).collect()
    }

    /// The first of those that counts.
    pub async fn find(
        store: &Store,
        at: Timestamp,
        site: &Site,
        headers: &HeaderMap,
    ) -> Result<Self, NoSession> {
        for session in Self::claimed(site, headers) {
            let found = store.read(SessionOf { session, at }).await.map_err(NoSession::Trouble)?;
            if let Some(found) = found.filter(|found| site.signs_in_by(&found.idp)) {
                let (user, idp) = (found.user, found.idp);
                return Ok(Self { user, idp, signed_in_at: found.signed_in_at, hash: session });
            }
        }
        Err(NoSession::SignedOut)
    }

    /// What a browser is told when it signs out.
    #[must_use]
    pub fn end_cookies(site: &Site) -> [HeaderValue; 2] {
        [cookie::clear(site, COOKIE), cookie::set(site, SIGNED_OUT, "1")]
    }

    #[must_use]
    pub fn was_ended(site: &Site, headers: &HeaderMap) -> bool {
        !cookie::values(headers, &cookie::name(site, SIGNED_OUT)).is_empty()
    }

    #[must_use]
    pub fn forget_the_end(site: &Site) -> HeaderValue {
        cookie::clear(site, SIGNED_OUT)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Session
where
    Store: FromRef<S>,
    Clock: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = NoSession;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NoSession> {
        let (store, site) = (Store::from_ref(state), Site::from_ref(state));
        Self::find(&store, Clock::from_ref(state).now(), &site, &parts.headers).await
    }
}

impl NoSession {
    #[must_use]
    pub fn page(self) -> Problem {
        match self {
            Self::SignedOut => {
                let text = "Sign in, then go on.";
                Problem::new(StatusCode::UNAUTHORIZED, "You are signed out", text)
                    .with_way("Sign in", "/login")
            }
            Self::Trouble(error) => Problem::unavailable(&error),
        }
    }
}

impl IntoResponse for NoSession {
    fn into_response(self) -> Response {
        self.page().into_response()
    }
}
