//! Which browser this is, signed in or not: the binding cookie.
use super::{Site, cookie};
use crate::{
    model::{Binding, Hash},
    world::Entropy,
};
use axum::{
    extract::{FromRef, FromRequestParts},
    http::{header, request::Parts},
    response::Response,
};
use std::convert::Infallible;

const COOKIE: &str = "gatekey_browser";

/// Stable: set at the first page and never changed, so that tabs do not part.
pub struct Browser {
    /// At least one; several when a stale one came along.
    known: Vec<Binding>,
    new: bool,
    site: Site,
}

impl Browser {
    /// What a new row is bound to.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.binding().hash()
    }

    #[must_use]
    pub fn binding(&self) -> &Binding {
        self.known.first().expect("there is at least one")
    }

    /// The binding a row was bound to, if this browser brought it.
    #[must_use]
    pub fn bound(&self, row: Hash) -> Option<&Binding> {
        self.known.iter().find(|binding| binding.hash() == row)
    }

    /// Tells a new browser its name.
    #[must_use]
    pub fn remember(&self, mut response: Response) -> Response {
        if self.new {
            let cookie = cookie::set(&self.site, COOKIE, self.binding().expose());
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Browser
where
    Entropy: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let site = Site::from_ref(state);
        let mut known: Vec<_> = cookie::values(&parts.headers, &cookie::name(&site, COOKIE))
            .iter()
            .map(|text| Binding::presented(text))
            .collect();
        let new = known.is_empty();
        if new {
            known.push(Binding::new(Entropy::from_ref(state).draw()));
        }
        Ok(Self { known, new, site })
    }
}
