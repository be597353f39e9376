//! The environment of a LiteLLM deployment, as far as it means something here.
use super::{
    idps::{Endpoints, GOOGLE, GRAPH, Idp, Kind, MICROSOFT, Microsoft, Names},
    reader::Reader,
    secret::Secret,
};

/// The providers that `GOOGLE_*`, `MICROSOFT_*` and `GENERIC_*` describe, where the file has none. LiteLLM serves
/// the first of them; here each gets a button.
pub(super) fn idps(reader: &mut Reader) -> Vec<Idp> {
    let known = [google(reader), microsoft(reader), generic(reader)];
    let mut idps: Vec<Idp> = known.into_iter().flatten().collect();
    if reader.has("idp") {
        for idp in idps.drain(..) {
            let variable = format!("{}_CLIENT_ID", idp.name.to_uppercase());
            reader.warn(format!("{variable} is ignored: the file has [[idp]] of its own"));
        }
    }
    idps
}

fn google(reader: &mut Reader) -> Option<Idp> {
    let (client_id, secret) = client(reader, "GOOGLE");
    Some(plain("google", Kind::Google { issuer: GOOGLE.into() }, client_id?, secret))
}

fn microsoft(reader: &mut Reader) -> Option<Idp> {
    let (client_id, secret) = client(reader, "MICROSOFT");
    let tenant = reader.litellm("MICROSOFT_TENANT");
    let client_id = client_id?;
    let Some(tenant) = tenant else {
        if !reader.has("idp") {
            reader.problem(0, "MICROSOFT_TENANT", "is needed beside MICROSOFT_CLIENT_ID");
        }
        return None;
    };
    let (authority, graph) = (MICROSOFT.into(), GRAPH.into());
    let microsoft = Microsoft { authority, tenant, graph, asks_graph: false };
    if microsoft.is_open() {
        reader.warn(format!(
            "MICROSOFT_TENANT={} lets in everybody who has a Microsoft account; name your tenant, or use \
             [[idp]] tenants",
            microsoft.tenant
        ));
    }
    Some(plain("microsoft", Kind::Microsoft(microsoft), client_id, secret))
}

fn client(reader: &mut Reader, family: &str) -> (Option<String>, Option<String>) {
    let id = reader.litellm(&format!("{family}_CLIENT_ID"));
    (id, reader.litellm(&format!("{family}_CLIENT_SECRET")))
}

/// With the callback that a LiteLLM deployment has registered.
fn plain(name: &str, kind: Kind, client_id: String, secret: Option<String>) -> Idp {
    Idp {
        name: name.into(),
        claims: Names::of(&kind),
        scopes: kind.scopes(true),
        kind,
        client_id,
        client_secret: secret.map(|secret| Secret::new(&secret)),
        prompt: None,
        domains: Vec::new(),
        tenants: Vec::new(),
        plain_callback: true,
    }
}

fn generic(reader: &mut Reader) -> Option<Idp> {
    let client_id = reader.litellm("GENERIC_CLIENT_ID");
    let client_secret = reader.litellm("GENERIC_CLIENT_SECRET");
    let authorization = reader.litellm("GENERIC_AUTHORIZATION_ENDPOINT");
    let token = reader.litellm("GENERIC_TOKEN_ENDPOINT");
    let userinfo = reader.litellm("GENERIC_USERINFO_ENDPOINT");
    let scope = reader.litellm("GENERIC_SCOPE").unwrap_or_else(|| "openid email profile".into());
    let claims = names(reader);
    if reader.litellm("GENERIC_CLIENT_STATE").is_some() {
        reader
            .warn("GENERIC_CLIENT_STATE is ignored: a fixed state protects nobody; ours is random");
    }
    let Some(client_id) = client_id else {
        if authorization.is_some() || token.is_some() || userinfo.is_some() {
            reader.warn("GENERIC_*_ENDPOINT does nothing without GENERIC_CLIENT_ID");
        }
        return None;
    };
    let mut need = |name: &str, value: Option<String>| {
        let text = "is needed beside GENERIC_CLIENT_ID";
        if value.is_none() {
            reader.problem(0, name, text);
        }
        value.unwrap_or_default()
    };
    let endpoints = Endpoints {
        authorization: need("GENERIC_AUTHORIZATION_ENDPOINT", authorization),
        token: need("GENERIC_TOKEN_ENDPOINT", token),
        userinfo: need("GENERIC_USERINFO_ENDPOINT", userinfo),
    };
    for url in [&endpoints.authorization, &endpoints.token, &endpoints.userinfo] {
        let uri = url.parse::<http::Uri>().ok();
        let authority = uri.as_ref().and_then(http::Uri::authority);
        let local = authority.is_some_and(|a| super::setting::is_loopback(a.as_str()));
        let https = uri.as_ref().and_then(http::Uri::scheme_str) == Some("https");
        if !url.is_empty() && !https && !local {
            reader.problem(0, "GENERIC_*_ENDPOINT", format!("{url} must be an https URL"));
        }
    }
    let scopes = scope.split_whitespace().map(str::to_owned).collect();
    let idp = plain("generic", Kind::Generic(endpoints), client_id, client_secret);
    Some(Idp { scopes, claims, ..idp })
}

fn names(reader: &mut Reader) -> Names {
    let defaults = Names::default();
    let role = reader.litellm("GENERIC_USER_ROLE_ATTRIBUTE");
    let mut name = |what: &str, default: String| {
        reader.litellm(&format!("GENERIC_USER_{what}_ATTRIBUTE")).unwrap_or(default)
    };
    Names {
        subject: name("ID", defaults.subject),
        email: vec![name("EMAIL", "email".into())],
        name: name("DISPLAY_NAME", defaults.name),
        first_name: name("FIRST_NAME", defaults.first_name),
        last_name: name("LAST_NAME", defaults.last_name),
        role,
        groups: defaults.groups,
    }
}

/// Families of variables that do something in LiteLLM and nothing here, and what does it here.
const ELSEWHERE: [(&str, &str); 13] = [
    ("SERVER_ROOT_PATH", "nothing: give Gatekey a host name of its own"),
    ("PROXY_LOGOUT_URL", "nothing: /logout ends the session here"),
    ("GOOGLE_DISCOVERY", "[[idp]] kind = \"google\""),
    ("MICROSOFT_USER_", "[[idp]] kind = \"microsoft\" with email_claims, subject_claim"),
    ("MICROSOFT_", "[[idp]] kind = \"microsoft\" with authority, graph"),
    ("CUSTOM_SSO", "[[idp]] kind = \"header\""),
    ("GENERIC_ROLE_MAPPINGS_", "signin.admin_groups"),
    ("GENERIC_SSO_HEADERS", "nothing yet"),
    ("GENERIC_USER_", "[[idp]] groups_claim, email_claims, subject_claim"),
    ("GENERIC_", "[[idp]]"),
    ("LITELLM_MODE", "nothing: one program serves all"),
    ("STORE_MODEL_IN_DB", "[[model]]"),
    ("REDIS_", "nothing: no Redis is needed"),
];

/// Each variable that LiteLLM would read and we do not, in one warning.
pub(super) fn warn_of_the_rest(reader: &mut Reader) {
    let read = [
        "GOOGLE_CLIENT_ID",
        "GOOGLE_CLIENT_SECRET",
        "MICROSOFT_CLIENT_ID",
        "MICROSOFT_CLIENT_SECRET",
        "MICROSOFT_TENANT",
        "GENERIC_CLIENT_ID",
        "GENERIC_CLIENT_SECRET",
        "GENERIC_AUTHORIZATION_ENDPOINT",
        "GENERIC_TOKEN_ENDPOINT",
        "GENERIC_USERINFO_ENDPOINT",
        "GENERIC_SCOPE",
        "GENERIC_CLIENT_STATE",
    ];
    let names_a_claim = |name: &str| {
        let claims = ["ID", "EMAIL", "DISPLAY_NAME", "FIRST_NAME", "LAST_NAME", "ROLE"];
        claims.iter().any(|claim| name == format!("GENERIC_USER_{claim}_ATTRIBUTE"))
    };
    let ignored: Vec<String> = reader
        .environment
        .keys()
        .filter(|name| !read.contains(&name.as_str()) && !names_a_claim(name))
        .filter_map(|name| {
            let (_, instead) = ELSEWHERE.iter().find(|(family, _)| name.starts_with(family))?;
            Some(format!("{name} does nothing here; instead: {instead}"))
        })
        .collect();
    for text in ignored {
        reader.warn(text);
    }
}
