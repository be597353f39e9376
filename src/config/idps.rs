//! `[[idp]]`: who signs people in.
use super::{
    litellm,
    reader::{Reader, Section},
    secret::Secret,
    setting::SafeUrl,
};

#[derive(Debug, Clone)]
pub struct Idp {
    /// In its button and its callback's path.
    pub name: String,
    pub kind: Kind,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    pub scopes: Vec<String>,
    pub claims: Names,
    /// Sent as `prompt` at every sign-in.
    pub prompt: Option<String>,
    /// E-mail domains for which this provider is the authority.
    pub domains: Vec<String>,
    /// `/sso/callback`, as a LiteLLM deployment has registered it, instead of `/sso/callback/{name}`.
    pub plain_callback: bool,
}

#[derive(Debug, Clone)]
pub enum Kind {
    /// OpenID Connect by discovery.
    Oidc { issuer: String },
    /// OAuth 2.0 with a userinfo endpoint; no `id_token` is believed, since no key is known.
    Generic(Endpoints),
}

#[derive(Debug, Clone)]
pub struct Endpoints {
    pub authorization: String,
    pub token: String,
    pub userinfo: String,
}

/// Which claims say what; dots go into objects.
#[derive(Debug, Clone)]
pub struct Names {
    pub subject: String,
    /// In order; the first that is there counts.
    pub email: Vec<String>,
    pub name: String,
    pub first_name: String,
    pub last_name: String,
    /// Believed only where it is named: people may edit their own attributes.
    pub role: Option<String>,
    pub groups: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            subject: "sub".into(),
            email: vec!["email".into()],
            name: "name".into(),
            first_name: "given_name".into(),
            last_name: "family_name".into(),
            role: None,
            groups: "groups".into(),
        }
    }
}

pub(super) fn read(reader: &mut Reader) -> Vec<Idp> {
    let from_file = reader.has("idp");
    let mut idps: Vec<Idp> = Vec::new();
    for section in reader.tables("idp") {
        let line = section.line();
        if let Some(idp) = one(section, reader) {
            if idps.iter().any(|other| other.name == idp.name) {
                reader.problem(
                    line,
                    "idp.name",
                    format!("{:?} is there twice: rename one", idp.name),
                );
            }
            idps.push(idp);
        }
    }
    match litellm::generic_idp(reader) {
        Some(_) if from_file => {
            reader.warn("GENERIC_CLIENT_ID is ignored: the file has [[idp]] of its own");
        }
        Some(generic) => idps.push(generic),
        None => {}
    }
    idps
}

fn one(mut s: Section, reader: &mut Reader) -> Option<Idp> {
    let name: Option<String> = s.need(reader, "name", "\"company\"");
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name
        .as_ref()
        .is_some_and(|name| name.is_empty() || !name.bytes().all(legal) || name == "local")
    {
        s.wrong(reader, "name", "must be small letters, digits and dashes, and not \"local\"");
    }
    let kind = kind(&mut s, reader);
    let client_id: Option<String> = s.need(reader, "client_id", "\"gatekey\"");
    let client_secret = s.get(reader, "client_secret");
    let defaults = Names::default();
    let claims = Names {
        groups: s.get(reader, "groups_claim").unwrap_or(defaults.groups.clone()),
        email: s.get(reader, "email_claims").unwrap_or(defaults.email.clone()),
        subject: s.get(reader, "subject_claim").unwrap_or(defaults.subject.clone()),
        role: s.get(reader, "role_claim"),
        ..defaults
    };
    let scopes: Option<Vec<String>> = s.get(reader, "scopes");
    let idp = Idp {
        name: name.unwrap_or_default(),
        kind: kind?,
        client_id: client_id?,
        client_secret,
        scopes: scopes.unwrap_or_else(|| ["openid", "profile", "email"].map(str::to_owned).into()),
        claims,
        prompt: s.get(reader, "prompt"),
        domains: s.get(reader, "domains").unwrap_or_default(),
        plain_callback: false,
    };
    s.done(reader);
    Some(idp)
}

fn kind(s: &mut Section, reader: &mut Reader) -> Option<Kind> {
    let kind: Option<String> = s.get(reader, "kind");
    match kind.as_deref() {
        None | Some("oidc") => {
            let SafeUrl(issuer) = s.need(reader, "issuer", "\"https://login.acme.example\"")?;
            Some(Kind::Oidc { issuer })
        }
        Some("generic") => {
            let example = "\"https://login.acme.example/…\"";
            let authorization = s.need::<SafeUrl>(reader, "authorization_endpoint", example);
            let token = s.need::<SafeUrl>(reader, "token_endpoint", example);
            let userinfo = s.need::<SafeUrl>(reader, "userinfo_endpoint", example);
            Some(Kind::Generic(Endpoints {
                authorization: authorization?.0,
                token: token?.0,
                userinfo: userinfo?.0,
            }))
        }
        Some("google" | "microsoft" | "github" | "header") => {
            let text = "is not served by this version; Google and Microsoft work as \"oidc\" with their issuer";
            s.wrong(reader, "kind", text);
            None
        }
        Some(_) => {
            s.wrong(reader, "kind", "must be \"oidc\" or \"generic\"");
            None
        }
    }
}
