//! Which app asks: what it is counted by, and what a person calls it.
use super::{ReturnAddress, redirect::editor_name};
use serde::{Deserialize, Serialize};

/// One app across all dialects, known by where its keys go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// `scheme://authority`, or a fixed word.
    pub id: String,
    /// Our guess; no app has proven its name yet, so pages say so.
    pub name: String,
}

/// Extensions that people know under another name than their address.
const KNOWN: [(&str, &str); 7] = [
    ("rooveterinaryinc.roo-cline", "Roo Code"),
    ("zoocodeorganization.zoo-code", "Zoo Code"),
    ("saoudrizwan.claude-dev", "Cline"),
    ("kilocode.kilo-code", "Kilo Code"),
    ("continue.continue", "Continue"),
    ("anysphere.cursor-mcp", "Cursor"),
    ("anysphere.cursor-retrieval", "Cursor"),
];

impl App {
    /// Whoever opens the link in this browser gets the key as JSON.
    #[must_use]
    pub fn json() -> Self {
        Self { id: "json".into(), name: "This browser".into() }
    }

    /// Whoever copies a code from the page to it.
    #[must_use]
    pub fn by_code() -> Self {
        Self { id: "code".into(), name: CODE_NAME.into() }
    }

    #[must_use]
    pub fn litellm_cli() -> Self {
        Self { id: "litellm-cli".into(), name: CLI_NAME.into() }
    }

    #[must_use]
    pub fn at(to: &ReturnAddress) -> Self {
        let (scheme, authority) = (to.scheme(), to.authority());
        if to.is_loopback() {
            return Self { id: "loopback".into(), name: LOOPBACK_NAME.into() };
        }
        let id = format!("{scheme}://{authority}");
        let name = if to.is_web() { authority.to_owned() } else { editor_app(scheme, authority) };
        Self { id, name }
    }

    /// Under which name its rules stand: an editor finds its extension whatever the letters' case.
    #[must_use]
    pub fn rule_of(id: &str) -> String {
        id.to_ascii_lowercase()
    }

    /// Whether it is known by where its keys go, and not only as something on this computer.
    #[must_use]
    pub fn has_a_name(&self) -> bool {
        self.id.contains("://")
    }

    #[must_use]
    pub fn initial(&self) -> String {
        initial(&self.name)
    }

    /// Where the app of this id is, for a person.
    #[must_use]
    pub fn host_of(id: &str) -> String {
        match (id, id.split_once("://")) {
            ("json", _) => "this browser".into(),
            ("litellm-cli", _) => "a terminal".into(),
            ("loopback", _) => "this computer".into(),
            ("code", _) => "wherever you gave the code".into(),
            (_, Some(("https", authority))) => authority.into(),
            (_, Some((scheme, _))) => editor_name(scheme).unwrap_or(scheme).into(),
            (other, None) => other.into(),
        }
    }

    /// What a person calls the app of this id.
    #[must_use]
    pub fn name_of(id: &str) -> String {
        match (id, id.split_once("://")) {
            ("json", _) => Self::json().name,
            ("loopback", _) => LOOPBACK_NAME.into(),
            ("code", _) => CODE_NAME.into(),
            ("litellm-cli", _) => CLI_NAME.into(),
            (_, Some(("https", authority))) => authority.into(),
            (_, Some((scheme, authority))) => editor_app(scheme, authority),
            (other, None) => other.into(),
        }
    }
}

const LOOPBACK_NAME: &str = "A program on this computer";
const CODE_NAME: &str = "An app that you give a code";
const CLI_NAME: &str = "LiteLLM CLI";

/// For the picture beside a name.
pub(super) fn initial(name: &str) -> String {
    let first = name.chars().find(|c| c.is_alphanumeric());
    first.map_or("?".into(), |c| c.to_uppercase().collect())
}

/// Where the key goes, for a person: `an extension of VS Code on this computer`.
#[must_use]
pub fn place(to: &ReturnAddress) -> String {
    if to.is_loopback() {
        return "a program on this computer".into();
    }
    if to.is_web() {
        return to.authority().to_owned();
    }
    match editor_name(to.scheme()) {
        Some(editor) if to.authority().contains('.') => {
            format!("an extension of {editor} on this computer")
        }
        Some(editor) => format!("{editor} on this computer"),
        None => "an app on this computer".into(),
    }
}

fn editor_app(scheme: &str, authority: &str) -> String {
    let extension = authority.to_ascii_lowercase();
    let known = KNOWN.iter().find(|(id, _)| *id == extension).map(|(_, name)| *name);
    match (known, editor_name(scheme)) {
        (Some(name), _) => name.to_owned(),
        (None, _) if authority.contains('.') => authority.to_owned(),
        (None, Some(editor)) => editor.to_owned(),
        (None, None) => scheme.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RedirectRules;

    #[test]
    fn an_app_is_known_by_where_its_keys_go() {
        let app = |text: &str| App::at(&RedirectRules::default().judge(text).unwrap());
        let roo = app("vscode://RooVeterinaryInc.roo-cline/litellm");
        assert_eq!(roo.id, "vscode://RooVeterinaryInc.roo-cline");
        assert_eq!(roo.name, "Roo Code");
        assert_eq!(app("https://a.example/x").id, "https://a.example");
        assert_eq!(app("http://127.0.0.1:1/x").id, "loopback");
        assert_eq!(app("http://localhost:2/x").id, "loopback");
        assert_eq!(app("cursor://some.ext/x").name, "some.ext");
        assert_eq!(app("zed://settings/x").name, "Zed");
    }
}
