//! `[[idp]]`: who signs people in.
use super::{
    reader::{Reader, Section},
    secret::Secret,
    setting::SafeUrl,
    signin::plain,
};
use crate::model::SigninPolicy;
use http::HeaderName;
use ipnet::IpNet;

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
    /// E-mail domains for which this provider is the authority: whoever was made in advance with such an
    /// address is claimed by a sign-in here. Lower case.
    pub domains: Vec<String>,
    /// Whose people may come in: Workspace domains, Entra tenant ids, GitHub organisations. Empty: everybody's.
    pub tenants: Vec<String>,
    /// `/sso/callback`, as a LiteLLM deployment has registered it, instead of `/sso/callback/{name}`.
    pub plain_callback: bool,
}

#[derive(Debug, Clone)]
pub enum Kind {
    /// OpenID Connect by discovery.
    Oidc { issuer: String },
    /// Google: OpenID Connect, and the domain of a Workspace account.
    Google { issuer: String },
    /// Entra ID: one tenant or many, groups from the claim or from Graph, app roles.
    Microsoft(Microsoft),
    /// GitHub or GitHub Enterprise: OAuth 2.0, and its own API.
    GitHub { url: String, api: String },
    /// A proxy in front that has signed people in and says so in headers.
    Header(Headers),
    /// OAuth 2.0 with a userinfo endpoint; no `id_token` is believed, since no key is known.
    Generic(Endpoints),
}

#[derive(Debug, Clone)]
pub struct Microsoft {
    /// `https://login.microsoftonline.com`, or a national cloud's.
    pub authority: String,
    /// An id, a domain, or `common`, `organizations`, `consumers`.
    pub tenant: String,
    pub graph: String,
    /// Whether Graph is asked for groups that a token does not name: only where rules look at them.
    pub asks_graph: bool,
}

impl Microsoft {
    /// Whether people of every tenant come to this address.
    #[must_use]
    pub fn is_open(&self) -> bool {
        // The last is the tenant of all personal accounts.
        ["common", "organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"]
            .iter()
            .any(|open| self.tenant.eq_ignore_ascii_case(open))
    }
}

#[derive(Debug, Clone)]
pub struct Headers {
    /// The other end of the connection must be one of these.
    pub from: Vec<IpNet>,
    pub user: HeaderName,
    pub email: Option<HeaderName>,
    pub name: Option<HeaderName>,
    pub groups: Option<HeaderName>,
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

/// `looks_at_groups`: whether any rule hangs on a provider's groups.
pub(super) fn read(reader: &mut Reader, looks_at_groups: bool) -> Vec<Idp> {
    let mut idps: Vec<Idp> = Vec::new();
    for section in reader.tables("idp") {
        let line = section.line();
        if let Some(idp) = one(section, reader, looks_at_groups) {
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
    idps
}

fn one(mut s: Section, reader: &mut Reader, looks_at_groups: bool) -> Option<Idp> {
    let name: Option<String> = s.need(reader, "name", "\"company\"");
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name
        .as_ref()
        .is_some_and(|name| name.is_empty() || !name.bytes().all(legal) || name == "local")
    {
        s.wrong(reader, "name", "must be small letters, digits and dashes, and not \"local\"");
    }
    let kind = kind(&mut s, reader);
    let client_id: Option<String> = match &kind {
        Some(Kind::Header(_)) => Some(String::new()),
        _ => s.need(reader, "client_id", "\"gatekey\""),
    };
    let client_secret = s.get(reader, "client_secret");
    let defaults = kind.as_ref().map(Names::of).unwrap_or_default();
    let claims = Names {
        groups: s.get(reader, "groups_claim").unwrap_or(defaults.groups.clone()),
        email: s.get(reader, "email_claims").unwrap_or(defaults.email.clone()),
        subject: s.get(reader, "subject_claim").unwrap_or(defaults.subject.clone()),
        role: s.get(reader, "role_claim").or(defaults.role.clone()),
        ..defaults
    };
    let tenants: Vec<String> = s.get(reader, "tenants").unwrap_or_default();
    let scopes: Option<Vec<String>> = s.get(reader, "scopes");
    let domains: Vec<String> = s.get(reader, "domains").unwrap_or_default();
    let prompt = s.get(reader, "prompt");
    must_have_tenants(&s, reader, kind.as_ref(), &tenants);
    must_be_bounded(&s, reader, kind.as_ref(), (&tenants, looks_at_groups));
    s.done(reader);
    let (kind, client_id) = (kind?, client_id?);
    let scopes = scopes.unwrap_or_else(|| kind.scopes(looks_at_groups || !tenants.is_empty()));
    Some(Idp {
        name: name.unwrap_or_default(),
        kind,
        client_id,
        client_secret,
        scopes,
        claims,
        prompt,
        domains: plain(&domains),
        tenants: tenants.into_iter().filter(|tenant| tenant != "*").collect(),
        plain_callback: false,
    })
}

/// Groups that nobody looks at are not asked for.
pub(super) fn ask_for_groups(idps: &mut [Idp], looks_at_groups: bool) {
    for idp in idps {
        if let Kind::Microsoft(microsoft) = &mut idp.kind {
            // Graph knows ids; a claim of another name may hold something else.
            microsoft.asks_graph = looks_at_groups && idp.claims.groups == "groups";
        }
    }
}

/// `signin.claim_domains`: what a provider without a section of its own cannot say.
pub(super) fn give_domains(reader: &mut Reader, idps: &mut [Idp], domains: &[String]) {
    match idps {
        _ if domains.is_empty() => {}
        [only] if only.domains.is_empty() => only.domains = domains.to_vec(),
        _ => {
            reader.warn(
                "signin.claim_domains does nothing: it is for one provider without domains of its own; use [[idp]] \
                 domains",
            );
        }
    }
}

/// Where the provider has no tenants, a list of them would put everybody out.
fn must_have_tenants(s: &Section, reader: &mut Reader, kind: Option<&Kind>, tenants: &[String]) {
    let has =
        matches!(kind, Some(Kind::Google { .. } | Kind::Microsoft(_) | Kind::GitHub { .. }) | None);
    if !has && !tenants.is_empty() {
        let text = "is for google, microsoft and github; use signin.allowed_email_domains or required_groups";
        s.wrong(reader, "tenants", text);
    }
}

/// An address at which every tenant of the world signs in is not a company's own.
fn must_be_bounded(
    s: &Section,
    reader: &mut Reader,
    kind: Option<&Kind>,
    (tenants, looks_at_groups): (&[String], bool),
) {
    if matches!(kind, Some(Kind::GitHub { .. })) && looks_at_groups && tenants.is_empty() {
        let text = "must list your organisations where rules look at groups: anybody can make one of any name";
        s.wrong(reader, "tenants", text);
    }
    let open = matches!(kind, Some(Kind::Microsoft(microsoft)) if microsoft.is_open());
    if open && tenants.is_empty() {
        let text = "lets in everybody who has a Microsoft account: list tenants = [\"…\"], or say \
                    tenants = [\"*\"] if that is what you want";
        s.wrong(reader, "tenant", text);
    }
}

/// Google and GitHub have accounts for everybody.
pub(super) fn warn_of_open_doors(reader: &mut Reader, idps: &[Idp], policy: &SigninPolicy) {
    let bounded = !policy.email_domains.is_empty() || !policy.required_groups.is_empty();
    for idp in idps.iter().filter(|idp| idp.tenants.is_empty() && !bounded) {
        if matches!(idp.kind, Kind::Google { .. } | Kind::GitHub { .. }) {
            reader.warn(format!(
                "the identity provider {} lets in everybody who has an account there: list tenants, or set \
                 signin.allowed_email_domains or signin.required_groups",
                idp.name
            ));
        }
    }
}

impl Kind {
    /// The least that says who a person is.
    pub(super) fn scopes(&self, looks_at_groups: bool) -> Vec<String> {
        let scopes: &[&str] = match self {
            // For Graph, which is asked when the groups do not fit into the token.
            Self::Microsoft(_) => &["openid", "profile", "email", "User.Read"],
            Self::GitHub { .. } if looks_at_groups => &["read:user", "user:email", "read:org"],
            Self::GitHub { .. } => &["read:user", "user:email"],
            _ => &["openid", "profile", "email"],
        };
        scopes.iter().map(|&scope| scope.to_owned()).collect()
    }
}

impl Names {
    pub(super) fn of(kind: &Kind) -> Self {
        match kind {
            // `sub` is another one for each app; `oid` is the person's own, and LiteLLM's user id. App roles are
            // given by each tenant's own admins: only one's own tenant is believed unasked.
            Kind::Microsoft(entra) => Self {
                subject: "oid".into(),
                role: (!entra.is_open()).then(|| "roles".into()),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }
}

fn kind(s: &mut Section, reader: &mut Reader) -> Option<Kind> {
    let kind: Option<String> = s.get(reader, "kind");
    match kind.as_deref() {
        None | Some("oidc") => {
            let SafeUrl(issuer) = s.need(reader, "issuer", "\"https://login.acme.example\"")?;
            Some(Kind::Oidc { issuer })
        }
        Some("google") => Some(Kind::Google { issuer: url(s, reader, "issuer", GOOGLE) }),
        Some("microsoft") => {
            let tenant: Option<String> = s.need(reader, "tenant", "\"acme.onmicrosoft.com\"");
            let legal = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
            if tenant.as_ref().is_some_and(|t| t.is_empty() || !t.bytes().all(legal)) {
                s.wrong(reader, "tenant", "must be a tenant's id or domain");
            }
            Some(Kind::Microsoft(Microsoft {
                authority: url(s, reader, "authority", MICROSOFT),
                tenant: tenant?,
                graph: url(s, reader, "graph", GRAPH),
                asks_graph: false,
            }))
        }
        Some("github") => {
            let site = url(s, reader, "url", GITHUB);
            let own = if site == GITHUB {
                GITHUB_API.to_owned()
            } else {
                // GitHub Enterprise Server.
                format!("{site}/api/v3")
            };
            Some(Kind::GitHub { api: url(s, reader, "api_url", &own), url: site })
        }
        Some("header") => headers(s, reader).map(Kind::Header),
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
        Some(_) => {
            let all = "oidc, google, microsoft, github, header or generic";
            s.wrong(reader, "kind", format!("must be one of {all}"));
            None
        }
    }
}

pub(super) const GOOGLE: &str = "https://accounts.google.com";
pub(super) const MICROSOFT: &str = "https://login.microsoftonline.com";
pub(super) const GRAPH: &str = "https://graph.microsoft.com";
const GITHUB: &str = "https://github.com";
const GITHUB_API: &str = "https://api.github.com";

fn url(s: &mut Section, reader: &mut Reader, key: &'static str, default: &str) -> String {
    s.get::<SafeUrl>(reader, key).map_or_else(|| default.to_owned(), |SafeUrl(url)| url)
}

fn headers(s: &mut Section, reader: &mut Reader) -> Option<Headers> {
    let from: Option<Vec<IpNet>> = s.need(reader, "from", "[\"10.0.0.5/32\"]");
    if from.as_ref().is_some_and(Vec::is_empty) {
        s.wrong(reader, "from", "must name the proxy's addresses: nobody else's headers are read");
    }
    let user: Option<HeaderName> = s.need(reader, "user_header", "\"X-Auth-User\"");
    Some(Headers {
        email: s.get(reader, "email_header"),
        name: s.get(reader, "name_header"),
        groups: s.get(reader, "groups_header"),
        from: from?,
        user: user?,
    })
}
