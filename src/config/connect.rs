//! `[connect]`.
use super::reader::{Reader, Section};
use crate::model::{Lifetime, Pin, RedirectRules, WebRedirects, redirect};

#[derive(Debug, Clone)]
pub struct Connect {
    pub key_lifetime: Lifetime,
    /// Of keys that travel in a URL.
    pub url_key_lifetime: Option<Lifetime>,
    /// How long after a real sign-in keys may beget keys.
    pub renew_within: Lifetime,
    /// The longest the consent page offers.
    pub max_key_lifetime: Lifetime,
    pub max_keys_per_app: i64,
    pub redirects: RedirectRules,
    pub dialects: Vec<String>,
    /// Whether OpenRouter's list of models is told to whoever asks: editors send no key with that.
    pub public_models: bool,
    /// Empty: every origin.
    pub allowed_origins: Vec<String>,
}

/// What is built. The design names more; they come with their own issues.
const BUILT: [&str; 5] = ["link", "cli", "openrouter", "requesty", "glama"];
/// Requesty's contract puts the key into an address: only who says so gets it.
const BY_ITSELF: [&str; 4] = ["link", "cli", "openrouter", "glama"];
const TO_COME: [&str; 4] = ["oauth", "device", "opencode", "kilo"];

impl Connect {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("connect");
        let web = match s.get::<String>(reader, "web_redirects").as_deref() {
            None | Some("consent") => WebRedirects::Consent,
            Some("listed") => WebRedirects::Listed,
            Some("off") => WebRedirects::Off,
            Some(_) => {
                s.wrong(reader, "web_redirects", "must be \"consent\", \"listed\" or \"off\"");
                WebRedirects::Consent
            }
        };
        let schemes = schemes(&mut s, reader);
        let dialects: Vec<String> =
            s.get(reader, "dialects").unwrap_or_else(|| BY_ITSELF.map(str::to_owned).to_vec());
        for name in dialects.iter().filter(|name| !BUILT.contains(&name.as_str())) {
            let text = if TO_COME.contains(&name.as_str()) {
                format!("has {name:?}, which this version does not serve yet")
            } else {
                format!("has {name:?}, which is no dialect; there is: {}", BUILT.join(", "))
            };
            s.wrong(reader, "dialects", text);
        }
        let pins: Vec<Pin> = s.get(reader, "redirect_allowlist").unwrap_or_default();
        let key_lifetime = s.get(reader, "key_lifetime").unwrap_or(Lifetime::hours(24));
        let connect = Self {
            key_lifetime,
            url_key_lifetime: s.get(reader, "url_key_lifetime"),
            renew_within: s.get(reader, "renew_within").unwrap_or(Lifetime::days(7)),
            max_key_lifetime: s.get(reader, "max_key_lifetime").unwrap_or(Lifetime::days(30)),
            max_keys_per_app: s.get(reader, "max_keys_per_app").unwrap_or(50),
            redirects: RedirectRules { extra_schemes: schemes, web, pins },
            dialects,
            public_models: s.get(reader, "public_models").unwrap_or(false),
            allowed_origins: s
                .get_or(reader, "allowed_origins", Some("OAUTH_ALLOWED_ORIGINS"))
                .unwrap_or_default(),
        };
        s.done(reader);
        connect
    }

    #[must_use]
    pub fn serves(&self, dialect: &str) -> bool {
        self.dialects.iter().any(|name| name == dialect)
    }
}

/// In lower case, as addresses must write them. A never-scheme in LiteLLM's variable is dropped, since such an
/// environment must go on working; in our own settings it is a mistake.
fn schemes(s: &mut Section, reader: &mut Reader) -> Vec<String> {
    const LITELLM: &str = "OAUTH_ALLOWED_REDIRECT_SCHEMES";
    let named: Vec<String> =
        s.get_or(reader, "redirect_schemes", Some(LITELLM)).unwrap_or_default();
    let named = named.iter().map(|scheme| scheme.to_lowercase());
    let (never, served): (Vec<String>, Vec<String>) =
        named.partition(|scheme| redirect::is_never(scheme));
    if !never.is_empty() {
        let text = format!(
            "has {}, which is never served: a browser or system runs what it names",
            never.join(", ")
        );
        if s.came_from("redirect_schemes", LITELLM) {
            reader.warn(format!("{LITELLM} {text}"));
        } else {
            s.wrong(reader, "redirect_schemes", text);
        }
    }
    served
}
