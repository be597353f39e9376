//! The schemes we know: `3-protocols.md` §1 of the design, and what each opens.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Https,
    /// Needs a host and a path: `vscode://publisher.extension/path`.
    Editor,
    /// Needs a host or a path.
    Other,
}

/// With what a person calls it.
const EDITORS: [(&str, &str); 16] = [
    ("vscode", "VS Code"),
    ("vscode-insiders", "VS Code Insiders"),
    ("vscodium", "VSCodium"),
    ("code-oss", "Code - OSS"),
    ("cursor", "Cursor"),
    ("windsurf", "Windsurf"),
    ("kiro", "Kiro"),
    ("antigravity", "Antigravity"),
    ("positron", "Positron"),
    ("trae", "Trae"),
    ("fleet", "Fleet"),
    ("zed", "Zed"),
    ("sublime", "Sublime Text"),
    ("atom", "Atom"),
    ("brackets", "Brackets"),
    ("nova", "Nova"),
];
const OTHERS: [(&str, &str); 7] = [
    ("textmate", "TextMate"),
    ("coderunner", "CodeRunner"),
    ("github-desktop", "GitHub Desktop"),
    ("x-github-client", "GitHub Desktop"),
    ("sourcetree", "Sourcetree"),
    ("tower", "Tower"),
    ("fork", "Fork"),
];
/// A browser or the system runs, reads or mails what these name (row N8). No setting allows them.
const NEVER: [&str; 21] = [
    "javascript",
    "data",
    "file",
    "blob",
    "vbscript",
    "about",
    "filesystem",
    "intent",
    "view-source",
    "ws",
    "wss",
    "ftp",
    "ftps",
    "mailto",
    "tel",
    "sms",
    "jar",
    "resource",
    "chrome",
    "chrome-extension",
    "moz-extension",
];

pub(super) fn kind_of(scheme: &str) -> Kind {
    match scheme {
        "http" => Kind::Http,
        "https" => Kind::Https,
        editor if EDITORS.iter().any(|(name, _)| *name == editor) => Kind::Editor,
        _ => Kind::Other,
    }
}

pub(super) fn is_built_in(scheme: &str) -> bool {
    OTHERS.iter().any(|(name, _)| *name == scheme)
}

#[must_use]
pub fn is_never(scheme: &str) -> bool {
    NEVER.contains(&scheme) || scheme.starts_with("ms-")
}

/// What a person calls the program that opens this scheme, if we know it.
#[must_use]
pub fn editor_name(scheme: &str) -> Option<&'static str> {
    EDITORS.iter().chain(&OTHERS).find(|(name, _)| *name == scheme).map(|(_, name)| *name)
}
