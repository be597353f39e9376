//! Why the journey does not go on. A page for people; a dialect whose contract says it otherwise
//! turns it into its own error with `From`.
use crate::{
    model::{Handle, OwnPath},
    store,
    web::{BadQuery, NoSession, Problem},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use derive_more::From;

#[derive(Debug, From)]
pub enum Refusal {
    /// Forged, answered before, another browser's, another dialect's. One answer for all of them:
    /// whoever should not be here learns nothing, and whoever should reads what to do.
    NotHere,
    /// With the page that offers to start again.
    #[from(skip)]
    Expired(OwnPath),
    /// Not sent by a page of ours.
    Foreign,
    /// The link or the form is not what it must be; in words for the person.
    #[from]
    Unreadable(BadQuery),
    SignedOut,
    /// The page spoke to somebody else.
    OtherUser,
    Blocked,
    /// The team that was chosen is not theirs, or does not count.
    NotInTeam,
    /// By an admin, for everybody.
    AppBlocked,
    /// A key with limits of its own, made with another that has some; or a secret that was replaced.
    Bound,
    /// The person's role may look, not make keys.
    LooksOnly,
    /// A team's own key: no person stands behind it.
    NoPerson,
    /// The key on whose word it was asked.
    KeyEnded,
    /// Keys have begotten keys for as long as they may.
    SignInAgain,
    TooManyKeys,
    /// Not what the terminal shows. It may be tried again, not often.
    WrongUserCode,
    /// The terminal has its answer, or has stopped waiting.
    NotWaiting,
    #[from(skip)]
    TooOften(i64),
    /// The setting that says no.
    #[from(skip)]
    NotServed(&'static str),
    /// What is to come.
    #[from(skip)]
    NotYet(&'static str),
    #[from]
    Trouble(store::Error),
}

impl Refusal {
    #[must_use]
    pub fn expired(handle: &Handle) -> Self {
        let page = OwnPath::try_from(handle.page());
        page.map_or(Self::NotHere, Self::Expired)
    }
}

impl Refusal {
    /// In words for the person, and with the way on.
    fn page(self) -> Problem {
        match self {
            Self::Expired(again) => Problem::new(
                StatusCode::GONE,
                "This took too long",
                "For your safety a connect page works for a quarter of an hour.",
            )
            .with_again(again),
            Self::Unreadable(BadQuery(why)) => {
                Problem::new(StatusCode::BAD_REQUEST, "This does not work", why)
            }
            Self::SignedOut => NoSession::SignedOut.page(),
            Self::TooOften(seconds) => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Wait a little",
                "This was tried very often just now. Try again in a minute.",
            )
            .retry_after(seconds),
            Self::NotServed(setting) => Problem::new(
                StatusCode::FORBIDDEN,
                "This app cannot connect here",
                format!("The admin has not allowed it. The setting is {setting}."),
            ),
            Self::NotYet(what) => Problem::new(
                StatusCode::NOT_IMPLEMENTED,
                "Not served yet",
                format!("This version of Gatekey does not serve {what}. The LiteLLM link, OpenRouter's and other \
                     sign-ins work: see the page for connecting an app."),
            )
            .with_way("Connect an app", "/connect"),
            Self::Trouble(error) => Problem::unavailable(&error),
            fixed => fixed.fixed_page(),
        }
    }

    /// Of those who may not have a key at all.
    fn no_key_page(&self) -> Option<Problem> {
        let (title, text) = match self {
            Self::LooksOnly => {
                ("Your role may only look", "It makes no keys. Your admin can change it.")
            }
            Self::AppBlocked => {
                ("This app is blocked", "An admin has blocked it, for everybody. Nothing was done.")
            }
            Self::Bound => (
                "This key makes no other keys",
                "It has limits of its own, and so has the key it was made with; or it was renewed since. Connect the \
                 app in a browser.",
            ),
            Self::NoPerson => ("This key is a team\u{2019}s own", "A person must connect the app."),
            Self::Blocked => (
                "Your account is blocked",
                "An admin has blocked it. Ask them if you think this is wrong.",
            ),
            _ => return None,
        };
        Some(Problem::new(StatusCode::FORBIDDEN, title, text))
    }

    /// Where a terminal waits for the answer.
    fn terminal_page(&self) -> Option<Problem> {
        match self {
            Self::WrongUserCode => Some(Problem::new(
                StatusCode::BAD_REQUEST,
                "That is not the code",
                "Go back and type what your terminal shows. After a few wrong ones it must start again.",
            )),
            Self::NotWaiting => Some(
                Problem::new(
                    StatusCode::FORBIDDEN,
                    "Nothing waits for this any more",
                    "The terminal has its answer, has stopped waiting, or was tried too often. Start again there.",
                )
                .with_way("Your keys", "/"),
            ),
            _ => None,
        }
    }

    /// Of those that always say the same.
    fn fixed_page(&self) -> Problem {
        const NO: StatusCode = StatusCode::FORBIDDEN;
        if let Some(page) = self.no_key_page().or_else(|| self.terminal_page()) {
            return page;
        }
        let (status, title, text, way) = match self {
            Self::Foreign => (
                NO,
                "Another site sent this",
                "Nothing was done. Connect again from your app.",
                None,
            ),
            Self::OtherUser => (
                NO,
                "Somebody else is signed in now",
                "This page was shown to another account than the one that is signed in. Nothing was done. Go \
                 back to your app and connect again.",
                Some(("Your keys", "/")),
            ),
            Self::NotInTeam => (
                NO,
                "You are not in that team",
                "You left it, or it is blocked, since the page was shown. Connect again from your app.",
                Some(("Your keys", "/")),
            ),
            Self::KeyEnded => {
                let text = "Connect again from your app.";
                (StatusCode::UNAUTHORIZED, "That key has ended", text, None)
            }
            Self::SignInAgain => (
                NO,
                "Sign in again",
                "Your last sign-in is too long ago (connect.renew_within).",
                Some(("Sign in", "/login")),
            ),
            Self::TooManyKeys => (
                StatusCode::TOO_MANY_REQUESTS,
                "This app has many keys already",
                "It cannot have more until some have ended. You can end those you do not need.",
                Some(("Your keys", "/")),
            ),
            _ => (
                NO,
                "This is not open in this browser",
                "It was answered already, or begun in another browser. Connect again from your app.",
                Some(("Your keys", "/")),
            ),
        };
        let page = Problem::new(status, title, text);
        match way {
            Some((words, to)) => page.with_way(words, to),
            None => page,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.page().into_response()
    }
}
