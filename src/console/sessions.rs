//! Where a person is signed in.
use super::{Console, form::Sent};
use crate::{
    model::{Hash, UserId},
    store::{
        self,
        sessions::{EndSessions, SessionsOf},
    },
    web::{self, Problem},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};

const MOST: i64 = 50;

pub(super) struct Row {
    pub(super) browser: String,
    pub(super) address: String,
    pub(super) idp: String,
    pub(super) since: String,
    pub(super) here: bool,
}

/// `here`: the session by which whoever looks is signed in.
pub(super) async fn of(
    console: &Console,
    user: &UserId,
    here: Hash,
) -> Result<Vec<Row>, store::Error> {
    let sessions = SessionsOf { user: user.clone(), at: console.clock.now(), limit: MOST };
    let sessions = console.store.read(sessions).await?;
    let row = |session: store::sessions::Listed| Row {
        browser: session.agent.as_deref().map_or("A browser".into(), name_of),
        address: session.address.unwrap_or_else(|| "an unknown address".into()),
        idp: session.idp,
        since: session.signed_in_at.in_words(),
        here: session.hash == here,
    };
    Ok(sessions.into_iter().map(row).collect())
}

/// `POST /signout-everywhere`: here too.
pub(super) async fn end(State(console): State<Console>, sent: Sent) -> Response {
    let end = EndSessions { user: sent.session.user.id.clone(), act: sent.act(&console) };
    match console.store.write(end).await {
        Ok(()) => web::see_other("/login"),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

/// What a person calls the browser that calls itself this; the order matters, since most claim to be several.
fn name_of(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 7] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.into(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => "A browser".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_what_people_call_it() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605.1.15 Version/19 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/149 Safari/537.36 Edg/149",
                "Edge on Windows",
            ),
            ("<script>", "A browser"),
        ] {
            assert_eq!(name_of(agent), name);
        }
    }
}
