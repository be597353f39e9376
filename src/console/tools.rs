//! `/connect`: a card for each tool people use, with how it is connected and whether it is.
use super::Console;
use crate::{
    model::{Timestamp, User},
    store::apps::Connected,
    web::{self, NoSession, Page, Problem, Session, Site},
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};

#[derive(Template)]
#[template(path = "connect.html")]
struct Connect<'a> {
    site: &'a Site,
    user: &'a User,
    cards: Vec<Card>,
}

struct Card {
    name: &'static str,
    /// What will happen, in one sentence.
    text: String,
    way: Way,
    /// Connected, and since when; or the setting that keeps it off.
    state: Option<String>,
    off: bool,
}

enum Way {
    /// A page of ours, and the words on its button.
    Go(String, &'static str),
    /// To be copied, and what it is.
    Copy(String, &'static str),
}

impl Card {
    fn go(&self) -> Option<(&str, &str)> {
        if let Way::Go(path, words) = &self.way { Some((path, words)) } else { None }
    }

    fn copy(&self) -> Option<(&str, &str)> {
        if let Way::Copy(text, what) = &self.way { Some((text, what)) } else { None }
    }
}

/// Extensions that are opened by a deep link: the tool and its publisher's name. The first two redeem a code of
/// OpenRouter's at the address they are set to; Cline asks openrouter.ai whatever it is set to, but takes Requesty's.
const EXTENSIONS: [(&str, &str, &str); 3] = [
    ("Roo Code", "RooVeterinaryInc.roo-cline", "openrouter"),
    ("Zoo Code", "ZooCodeOrganization.zoo-code", "openrouter"),
    ("Cline", "saoudrizwan.claude-dev", "requesty"),
];

pub(super) async fn get(
    State(console): State<Console>,
    session: Result<Session, NoSession>,
) -> Response {
    let session = match session {
        Ok(session) => session,
        Err(NoSession::SignedOut) => return web::see_other("/sso/login?return_to=/connect"),
        Err(NoSession::Trouble(error)) => return Problem::unavailable(&error).into_response(),
    };
    match console.apps(&session.user.id).await {
        Ok(apps) => {
            Page(Connect { site: &console.site, user: &session.user, cards: console.cards(&apps) })
                .apart()
        }
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

impl Console {
    fn cards(&self, apps: &[Connected]) -> Vec<Card> {
        let base = self.site.base_url();
        let extensions = EXTENSIONS.into_iter().map(|(name, extension, dialect)| {
            let to = format!("vscode://{extension}/{dialect}");
            let to: String = form_urlencoded::byte_serialize(to.as_bytes()).collect();
            let (entry, text) = if dialect == "openrouter" {
                let text = format!(
                    "Set its provider to OpenRouter with the base URL {base}/api/v1, then press: VS Code opens, and \
                     {name} trades a code for its key. Where its list of models stays empty, type a model's name."
                );
                ("/auth", text)
            } else {
                let text = format!(
                    "Set its provider to Requesty with the base URL {base}/v1, then press: VS Code opens with the key in \
                     the address."
                );
                ("/oauth/authorize", text)
            };
            let way = Way::Go(format!("{entry}?callback_url={to}"), "Connect");
            let of = |app: &Connected| app.id == format!("vscode://{extension}");
            self.card((name, dialect), text, way, apps.iter().find(|app| of(app)))
        });
        extensions.chain(self.more_cards(apps)).collect()
    }

    fn more_cards(&self, apps: &[Connected]) -> Vec<Card> {
        let base = self.site.base_url();
        let by = |id: &str, dialect: &str| {
            let fits = |app: &&Connected| app.id == id && app.dialects.iter().any(|d| d == dialect);
            apps.iter().find(fits)
        };
        let editor = apps.iter().find(|app| {
            let by_link = app.dialects.iter().any(|dialect| dialect == "link");
            by_link && app.id.contains("://") && !app.id.starts_with("https://")
        });
        vec![
            self.card(
                ("VS Code, Cursor and their kin", "link"),
                "In an extension with a LiteLLM button, set this base URL and press its button: the editor opens with \
                 the key."
                    .into(),
                Way::Copy(base.to_owned(), "Base URL"),
                editor,
            ),
            self.card(
                ("LiteLLM CLI", "cli"),
                "A page here asks for the code that the terminal shows; the terminal then fetches its key.".into(),
                Way::Copy(format!("lite --base-url {base} login"), "Command"),
                by("litellm-cli", "cli"),
            ),
            self.card(
                ("OpenRouter SDKs and tools", "openrouter"),
                "Where a tool takes the address of OpenRouter, give it this one; its sign-in and its models are served \
                 here."
                    .into(),
                Way::Copy(format!("{base}/api/v1"), "Address"),
                by("loopback", "openrouter"),
            ),
            self.card(
                ("Anything else", "link"),
                format!(
                    "Makes a plain key and shows it once. OpenAI's protocol is at {base}/v1, Anthropic's at {base}."
                ),
                Way::Go("/sso/key/generate?response_type=oauth_token".into(), "Make a key"),
                by("json", "link"),
            ),
        ]
    }

    fn card(
        &self,
        (name, dialect): (&'static str, &str),
        text: String,
        way: Way,
        app: Option<&Connected>,
    ) -> Card {
        let off = !self.dialects.iter().any(|served| served == dialect);
        let state = match (off, app.map(|app| app.keys.first())) {
            (true, _) => Some("off: the admin has not allowed it (connect.dialects)".to_owned()),
            (false, None) => None,
            (false, Some(None)) => Some("connected before, no live key".to_owned()),
            (false, Some(Some(key))) => Some(self.age(key.created_at)),
        };
        Card { name, text, way, state, off }
    }

    fn age(&self, made: Timestamp) -> String {
        let days = self.clock.now().day() - made.day();
        match days {
            ..=0 => "connected today".into(),
            1 => "connected, key of yesterday".into(),
            days => format!("connected, key {days} days old"),
        }
    }
}
