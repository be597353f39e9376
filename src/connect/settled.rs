//! What became of a request: what its dialect puts into words.
use crate::{
    model::{AccessKey, Denial, ReturnAddress, Timestamp},
    web::{self, Page},
};
use askama::Template;
use axum::response::{IntoResponse, Response};

/// An answer that was carried out. It holds secrets: it is put into one response and gone.
pub enum Settled {
    KeyTo { to: ReturnAddress, state: Option<String>, key: IssuedKey, app: String },
    Key(IssuedKey),
    Denied(Denial),
}

/// A key on its way to the app, and all that contracts tell of it.
pub struct IssuedKey {
    pub secret: AccessKey,
    pub ends: Timestamp,
    pub seconds: i64,
}

#[derive(Template)]
#[template(path = "done.html")]
struct Done<'a> {
    title: &'a str,
    text: &'a str,
}

/// The no, which all dialects spell alike (RFC 6749 §4.1.2.1).
pub(super) fn denied(denial: Denial) -> Response {
    let app = denial.app.name.clone();
    let Some((to, state)) = denial.address() else {
        let text = "The app was given nothing. You can close this page.";
        return Page(Done { title: "Not connected", text }).into_response();
    };
    let mut query = vec![("error", "access_denied")];
    query.extend(state.as_deref().map(|state| ("state", state)));
    web::send(&to.with(&query), &app, None)
}
