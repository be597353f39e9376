//! What became of a request: what its dialect puts into words.
use crate::{
    model::{AccessKey, Code, Denial, Destination, ReturnAddress, Timestamp, UserId},
    store::grants::Granted,
    web::{self, Copy, News, Page},
};
use askama::Template;
use axum::response::{IntoResponse, Response};

/// An answer that was carried out. It holds secrets: it is put into one response and gone.
pub enum Settled {
    KeyTo {
        to: ReturnAddress,
        state: Option<String>,
        key: IssuedKey,
        app: String,
        by_hand: bool,
    },
    Key(IssuedKey),
    CodeTo {
        to: ReturnAddress,
        code: Code,
        until: Timestamp,
        app: String,
        by_hand: bool,
    },
    Code {
        code: Code,
        until: Timestamp,
    },
    /// A terminal will fetch its key.
    Ready,
    Denied(Denial),
}

/// A key on its way to the app, and all that contracts tell of it.
pub struct IssuedKey {
    pub secret: AccessKey,
    pub user: UserId,
    pub ends: Timestamp,
    pub seconds: i64,
}

impl IssuedKey {
    pub(super) fn new(secret: AccessKey, granted: &Granted, at: Timestamp) -> Self {
        let ends = granted.terms.key_ends(at);
        Self { secret, user: granted.user.clone(), ends, seconds: ends.0 - at.0 }
    }
}

#[derive(Template)]
#[template(path = "done.html")]
struct Done<'a> {
    title: &'a str,
    text: &'a str,
    /// What the person takes to the app.
    copy: Option<&'a str>,
}

impl Settled {
    /// How Gatekey says it to the person, on a page. What travels to an address is a dialect's to spell, but for the
    /// no, which all spell alike. Of all the rest a dialect spells what it must.
    #[must_use]
    pub fn plainly(self) -> Response {
        match self {
            Self::KeyTo { key, .. } | Self::Key(key) => {
                let text = "Paste it into the app. It is shown once.";
                done("Your key", text, Some(key.secret.expose()))
            }
            Self::CodeTo { code, until, .. } | Self::Code { code, until } => {
                let text = format!(
                    "Paste it into the app that you are connecting, and nowhere else. It works once, until {}.",
                    until.in_words()
                );
                done("Your code", &text, Some(code.expose()))
            }
            Self::Ready => {
                done("Connected", "Go back to your terminal. You can close this page.", None)
            }
            Self::Denied(denial) => denied(denial),
        }
    }
}

/// To the app, or by the person's own hands.
pub(super) fn deliver(
    to: &Destination,
    (app, until): (&str, Timestamp),
    by_hand: bool,
) -> Response {
    if by_hand { hand_over(to, until) } else { web::send(to, app, News::Code) }
}

/// The same with a key in it, which a person can also copy where nothing opens.
pub(super) fn deliver_key(to: &Destination, app: &str, key: &IssuedKey, by_hand: bool) -> Response {
    if by_hand {
        return hand_over(to, key.ends);
    }
    let until = key.ends.in_words();
    web::send(to, app, News::Key(Copy { key: key.secret.expose(), until: &until }))
}

/// The app runs on another machine: its answer is taken there by hand, and works once, as it would have here (K10).
fn hand_over(to: &Destination, until: Timestamp) -> Response {
    let text = format!(
        "Open this address on the machine where the app runs, in a browser or with curl, before {}. Nobody else may \
         see it: whoever opens it first is connected.",
        until.in_words()
    );
    done("Take this to the app", &text, Some(to.link()))
}

fn done(title: &str, text: &str, copy: Option<&str>) -> Response {
    Page(Done { title, text, copy }).into_response()
}

/// The no, which all dialects spell alike (RFC 6749 §4.1.2.1).
pub(super) fn denied(denial: Denial) -> Response {
    let app = denial.app.name.clone();
    let Some((to, state)) = denial.address() else {
        let text = "The app was given nothing. You can close this page.";
        return Page(Done { title: "Not connected", text, copy: None }).into_response();
    };
    let mut query = vec![("error", "access_denied")];
    query.extend(state.as_deref().map(|state| ("state", state)));
    web::send(&to.with(&query), &app, News::Denied)
}
