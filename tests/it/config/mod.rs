//! Settings from everywhere at once.
use gatekey::config::{Config, Database, IdpKind, Sources};
use std::collections::BTreeMap;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let sources = Sources {
        text: Some((text.to_owned(), "/etc/gatekey".into())),
        environment: pairs.collect::<BTreeMap<_, _>>(),
        ..Sources::default()
    };
    Config::load(&sources).map_err(|problems| problems.to_string())
}

const MASTER: (&str, &str) = ("LITELLM_MASTER_KEY", "sk-a-master-key-of-litellm");

#[test]
fn an_existing_litellm_environment_just_works() {
    let config = load(
        "",
        &[
            MASTER,
            ("PROXY_BASE_URL", "https://ai.acme.example/"),
            (
                "DATABASE_URL",
                "postgresql://u:p@db/litellm?schema=public&connection_limit=5&sslmode=require",
            ),
            ("LITELLM_SALT_KEY", "salt"),
            ("GENERIC_CLIENT_ID", "gatekey"),
            ("GENERIC_CLIENT_SECRET", "hush"),
            ("GENERIC_AUTHORIZATION_ENDPOINT", "https://idp.example/authorize"),
            ("GENERIC_TOKEN_ENDPOINT", "https://idp.example/token"),
            ("GENERIC_USERINFO_ENDPOINT", "https://idp.example/userinfo"),
            ("GENERIC_USER_ID_ATTRIBUTE", "data.id"),
            ("GENERIC_CLIENT_STATE", "fixed"),
            ("GENERIC_ROLE_MAPPINGS_ROLES", "x"),
            ("ALLOWED_EMAIL_DOMAINS", "acme.example, ACME.test"),
            ("PROXY_ADMIN_ID", "ada"),
            ("OAUTH_ALLOWED_ORIGINS", "https://a.example,https://b.example"),
            ("OAUTH_ALLOWED_REDIRECT_SCHEMES", "MyApp,javascript"),
            ("UI_USERNAME", "root"),
            ("UI_PASSWORD", "pw"),
            ("AUTO_REDIRECT_UI_LOGIN_TO_SSO", "false"),
        ],
    )
    .unwrap();
    assert_eq!(config.server.base_url.as_str(), "https://ai.acme.example");
    assert_eq!(
        config.server.database,
        Database::Postgres("postgresql://u:p@db/litellm?sslmode=require".into())
    );
    let idp = &config.idps[0];
    assert!(matches!(idp.kind, IdpKind::Generic(_)) && idp.plain_callback && idp.name == "generic");
    assert_eq!(idp.claims.subject, "data.id");
    assert_eq!(config.signin.policy.email_domains, ["acme.example", "acme.test"]);
    assert_eq!(config.signin.policy.admin_subject.as_deref(), Some("ada"));
    assert_eq!(config.connect.allowed_origins.len(), 2);
    assert_eq!(config.connect.redirects.extra_schemes, ["myapp"], "a never-scheme is dropped");
    assert_eq!(config.signin.admin.unwrap().0, "root");
    assert!(!config.signin.auto_redirect);
    let warnings = config.warnings.join("\n");
    for name in ["schema, connection_limit", "GENERIC_CLIENT_STATE", "GENERIC_ROLE_MAPPINGS_ROLES"]
    {
        assert!(warnings.contains(name), "{name} in {warnings}");
    }
}

#[test]
fn the_file_beats_litellms_names_and_gatekeys_names_beat_the_file() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\ndatabase = \"sqlite://x.db\"\nsecret_previous = []\n[signin]\nallowed_email_domains = []";
    let stray = [
        ("DATABASE_URL", "postgres://stray"),
        ("ALLOWED_EMAIL_DOMAINS", "stray.example"),
        ("GATEKEY_SERVER_LISTEN", "127.0.0.1:2"),
        ("GATEKEY_SIGNIN_REQUIRED_GROUPS", "a, b"),
        ("GATEKEY_SERVICE_PORT", "tcp://10.0.0.1:1"),
    ];
    let config = load(text, &stray).unwrap();
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.server.database, Database::Sqlite("/etc/gatekey/x.db".into()));
    assert!(config.signin.policy.email_domains.is_empty(), "an empty list counts as set");
    assert_eq!(config.signin.policy.required_groups, ["a", "b"]);
    let warnings = config.warnings.join("\n");
    for says in
        ["DATABASE_URL is ignored", "ALLOWED_EMAIL_DOMAINS is ignored", "GATEKEY_SERVICE_PORT"]
    {
        assert!(warnings.contains(says), "{says} in {warnings}");
    }
}

type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

fn are_refused(cases: &[Case<'_>]) {
    for &(text, environment, says) in cases {
        match load(text, environment) {
            Ok(_) => panic!("accepted: {text}"),
            Err(said) if says == "gatekey" => {
                assert!(said.contains("built-in settings:2"), "{said}");
            }
            Err(said) => assert!(said.contains(says), "{text}: {said}"),
        }
    }
}

#[test]
fn what_would_be_unsafe_is_refused_with_a_cure() {
    are_refused(&[
        ("[server]\nbase_url = \"http://ai.acme.example\"", &[][..], "insecure_http"),
        ("[server]\nbase_url = \"https://ai.acme.example/path\"", &[], "must not have a path"),
        ("[server]\nmaster_key = \"sk-1234\"", &[], "everybody knows"),
        ("[server]\nmaster_key = \"sk-short\"", &[], "shorter than 16"),
        ("[server]\nsecret = \"short\"", &[], "shorter than 32"),
        ("[server]\ndatabase = \"postgres://db/x\"", &[], "server.secret is needed with Postgres"),
        ("[server]\ndatabase = \"mysql://db/x\"", &[], "must begin with sqlite:// or postgres://"),
        ("[connect]\nredirect_schemes = [\"javascript\"]", &[], "never served"),
        ("[connect]\ndialects = [\"device\"]", &[], "does not serve yet"),
        ("[connect]\ndialects = [\"x\"]", &[], "is no dialect"),
        ("[connect]\nkey_lifetime = \"soon\"", &[], "whole number and a unit"),
        ("[connect]\nredirect_allowlist = [\"http://a.example/\"]", &[], "redirect_allowlist has"),
        ("[[model]]\nname = \"x\"\nupstream = \"none\"", &[], "no [[upstream]] has that name"),
        ("[[upstream]]\nname = \"x\"\nkind = \"openai\"", &[], "upstream.base_url is missing"),
        ("[server]\nlisten = ", &[], "gatekey"),
        ("server = 1", &[], "must be a table"),
        ("", &[("LITELLM_MASTER_KEY", "sk-1234")], "LITELLM_MASTER_KEY: server.master_key is one"),
        ("[server]\nsecret_previous = [\"short\"]", &[], "secret_previous has one"),
        (
            "[server]\nsecret = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\ndatabase = \"postgres://db/x?sslmode=odd\"",
            &[],
            "is no Postgres URL",
        ),
        ("", &[("GENERIC_CLIENT_ID", "x")], "GENERIC_TOKEN_ENDPOINT is needed"),
        ("", &[("GATEKEY_SERVER_DRAIN", "soon")], "GATEKEY_SERVER_DRAIN: server.drain"),
    ]);
}

#[test]
fn a_provider_or_a_rule_that_would_let_in_the_wrong_people_is_refused_with_a_cure() {
    are_refused(&[
        (
            "[[idp]]\nname = \"x\"\nissuer = \"http://idp.example\"\nclient_id = \"x\"",
            &[],
            "must be https",
        ),
        (
            "[[idp]]\nname = \"X y\"\nissuer = \"https://idp.example\"\nclient_id = \"x\"",
            &[],
            "small letters",
        ),
        (
            "[[idp]]\nname = \"x\"\nkind = \"okta\"\nclient_id = \"x\"",
            &[],
            "must be one of oidc, google, microsoft, github, header or generic",
        ),
        (
            "[[idp]]\nname = \"x\"\nkind = \"microsoft\"\ntenant = \"common\"\nclient_id = \"x\"",
            &[],
            "everybody who has a Microsoft account",
        ),
        (
            "[[idp]]\nname = \"x\"\nkind = \"header\"\nuser_header = \"X-User\"\nfrom = []",
            &[],
            "nobody else's headers are read",
        ),
        (
            "[[idp]]\nname = \"x\"\nkind = \"header\"\nuser_header = \"X_User\"\nfrom = [\"10.0.0.1\"]",
            &[],
            "must be the name of a header",
        ),
        (
            "[[team]]\nname = \"a\"\ngroups = [\"b\"]\n[[idp]]\nname = \"x\"\nkind = \"github\"\nclient_id = \"x\"",
            &[],
            "anybody can make one of any name",
        ),
        ("[[team]]\nname = \"a\"", &[], "team.groups is missing"),
        (
            "[[team]]\nname = \"a\"\ngroups = []\n[[team]]\nname = \"a\"\ngroups = []",
            &[],
            "is there twice: put its groups into one list",
        ),
        ("", &[("MICROSOFT_CLIENT_ID", "x")], "MICROSOFT_TENANT is needed"),
        (
            "[[idp]]\nname = \"X y\"\nissuer = \"https://idp.example\"\nclient_id = \"x\"",
            &[],
            "small letters",
        ),
        (
            "[[idp]]\nname = \"x\"\nissuer = \"https://idp.example\"",
            &[],
            "idp.client_id is missing",
        ),
    ]);
}

#[test]
fn the_example_is_good_and_names_every_setting() {
    let text = std::fs::read_to_string("examples/gatekey.toml").unwrap();
    let environment = [
        MASTER,
        ("GATEKEY_SECRET", "a secret of at least thirty-two bytes"),
        ("IDP_SECRET", "x"),
        ("OPENAI_API_KEY", "x"),
        ("ANTHROPIC_API_KEY", "x"),
        ("GATEKEY_ALERTS_SECRET", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"),
    ];
    let config = load(&text, &environment).unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(config.warnings, Vec::<String>::new(), "nothing is ignored");
    assert!(!config.models.is_empty() && !config.idps.is_empty());
    load(&uncommented(&text), &environment).unwrap_or_else(|said| panic!("{said}"));
    for setting in SETTINGS {
        assert!(text.contains(&format!("{setting} = ")), "{setting} is not in the example");
    }
}

#[test]
fn each_provider_of_the_docs_is_good_as_it_stands_there() {
    let text = std::fs::read_to_string("docs/sign-in.md").unwrap();
    let blocks: Vec<_> = text.split("```toml").skip(1).collect();
    let mut providers = 0;
    for block in blocks {
        let block = block.split("```").next().unwrap();
        providers += usize::from(block.contains("[[idp]]"));
        let secrets = ["IDP_SECRET", "GOOGLE_SECRET", "ENTRA_SECRET", "GITHUB_SECRET"];
        for text in [block.to_owned(), uncommented(block)] {
            let config = load(&text, &secrets.map(|name| (name, "x")));
            let config = config.unwrap_or_else(|said| panic!("{said} in {text}"));
            assert_eq!(config.warnings, Vec::<String>::new());
        }
    }
    assert_eq!(providers, 5);
}

#[test]
fn the_limits_of_the_docs_are_good_as_they_stand_there() {
    let text = std::fs::read_to_string("docs/budgets.md").unwrap();
    let blocks: Vec<_> = text.split("```toml").skip(1).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let block = block.split("```").next().unwrap();
        load(block, &[]).unwrap_or_else(|said| panic!("{said} in {block}"));
    }
}

#[test]
fn limits_that_cannot_be_are_refused_by_their_names() {
    for (setting, says) in [
        ("budget_status = 402", "budget_status must be 422 or 429"),
        ("timezone = \"Mars\"", "timezone \"Mars\" is no time zone"),
        ("reset_hour = 24", "reset_hour must be an hour from 0 to 23"),
        ("week_starts = \"someday\"", "week_starts must be a day"),
        ("max_budget = 5", "max_budget is not"),
        (
            "default_key_generate_params = { max_budget = 2.5 }",
            "max_budget must be dollars as text",
        ),
        ("default_key_generate_params = { max_budget = \"-1\" }", "must be an amount of dollars"),
        ("default_key_generate_params = { budget_duration = \"1y\" }", "budget_duration must be"),
        ("default_key_generate_params = { rpm_limit = -1 }", "rpm_limit must be a whole number"),
        (
            "default_key_generate_params = { rpm_limit = 9 }\nupperbound_key_generate_params = { rpm_limit = 5 }",
            "asks for more rpm_limit than upperbound_key_generate_params: 5",
        ),
    ] {
        let said = load(&format!("[limits]\n{setting}\n"), &[]).unwrap_err();
        assert!(said.contains(says), "{setting}: {said}");
    }
    let said = load("[server]\ncalls_kept = \"1d\"\n", &[]).unwrap_err();
    assert!(said.contains("calls_kept must be at least 7d"), "{said}");
    let set = load("", &[("GATEKEY_SERVER_USAGE_QUEUE", "4096")]).unwrap();
    assert_eq!(set.server.usage_queue, 4096);
    for wrong in ["15", "2000000", "\"many\""] {
        let said = load(&format!("[server]\nusage_queue = {wrong}\n"), &[]).unwrap_err();
        assert!(said.contains("usage_queue must be a number of calls from 16"), "{said}");
    }
}

/// Every line that is commented out is a setting too.
fn uncommented(text: &str) -> String {
    let is_name = |name: &str| name.chars().all(|c| c.is_lowercase() || c == '_' || c.is_numeric());
    let bare = |line: &str| {
        let setting = line.strip_prefix("# ")?;
        if setting == "[model.price]" || setting.starts_with("[limits.") {
            return Some(setting.to_owned());
        }
        setting.split_once(" = ").filter(|(name, _)| is_name(name)).map(|_| setting.to_owned())
    };
    let lines = text.lines().map(|line| bare(line).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

const SETTINGS: &[&str] = &[
    "listen",
    "base_url",
    "title",
    "database",
    "master_key",
    "secret",
    "secret_previous",
    "trusted_proxies",
    "max_body",
    "drain",
    "metrics_from",
    "tag_headers",
    "sse_keepalive",
    "database_grace",
    "revoke_grace",
    "log",
    "journal",
    "calls_kept",
    "usage_queue",
    "hosted_tools",
    "url",
    "secret",
    "at",
    "budget_status",
    "timezone",
    "reset_hour",
    "week_starts",
    "allow_unpriced",
    "max_budget",
    "soft_budget",
    "budget_duration",
    "rpm_limit",
    "tpm_limit",
    "max_parallel_requests",
    "insecure_http",
    "key_lifetime",
    "url_key_lifetime",
    "renew_within",
    "max_key_lifetime",
    "max_keys_per_app",
    "web_redirects",
    "redirect_allowlist",
    "dialects",
    "allowed_origins",
    "redirect_schemes",
    "session_lifetime",
    "allowed_email_domains",
    "required_groups",
    "admin_groups",
    "admin_subject",
    "default_team",
    "debug",
    "auto_redirect",
    "admin_username",
    "admin_password",
    "issuer",
    "client_id",
    "client_secret",
    "scopes",
    "groups_claim",
    "email_claims",
    "subject_claim",
    "role_claim",
    "prompt",
    "domains",
    "tenants",
    "groups",
    "inject_usage",
    "timeout",
    "upstream_model",
    "groups",
    "public_models",
    "context_length",
    "max_output_tokens",
    "vision",
    "tools",
    "input",
    "cache_write_1h",
    "per_search",
];

#[test]
fn a_price_is_exact_text_and_what_belongs_together_is_given_together() {
    let upstream =
        "[[upstream]]\nname = \"d\"\nkind = \"demo\"\n[[model]]\nname = \"m\"\nupstream = \"d\"\n";
    let price = |text: &str| load(&format!("{upstream}[model.price]\n{text}"), &[MASTER]);
    let good = price("input = \"2.50\"\noutput = 10\n").unwrap();
    let facts = &good.models[0].facts;
    assert_eq!(
        facts
            .price
            .most(1_000_000, 0, &gatekey::model::Units::default())
            .map(|cost| cost.to_string()),
        Some("2.5".into())
    );
    for (text, says) in [
        ("input = 2.5\noutput = \"1\"", "model.price.input must be dollars as text"),
        ("input = \"free\"\noutput = \"1\"", "model.price.input must be an amount of dollars"),
        ("input = \"1\"", "model.price.input and output belong together"),
        ("inputs = \"1\"", "did you mean model.price.input?"),
    ] {
        let said = price(text).unwrap_err();
        assert!(said.contains(says) && said.contains("built-in settings:8"), "{text}: {said}");
    }
    let said = load(&format!("{upstream}price = 5\n"), &[MASTER]).unwrap_err();
    assert!(said.contains("write [model.price]"), "{said}");
}
