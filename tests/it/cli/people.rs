//! People and teams by verbs, providers judged, and an environment of LiteLLM's that starts as it is.
use super::{Cli, serving::Running};
use crate::support::{Browser, Idp, soon};
use serde_json::{Value, json};
use std::{
    process::Stdio,
    sync::{Arc, atomic::AtomicI64},
};

impl Cli {
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments).good()).unwrap()
    }
}

#[tokio::test]
async fn teams_are_made_filled_bounded_blocked_and_deleted_by_verbs() {
    let cli = Cli::new("cli_teams").await;
    cli.fed(&["user", "add", "ada@acme.example"], "a good password\n").good();
    let id = cli.run(&["team", "new", "Data", "--models", "demo,gpt-*"]).good();
    assert!(id.starts_with("team_"));
    assert_eq!(cli.run(&["team", "new", "Data"]).code, Some(1), "names are unique");
    let denied = cli.run(&["key", "create", "--user", "ada@acme.example", "--team", "Data"]);
    assert!(denied.code == Some(1) && denied.err.contains("not in that team"), "{denied:?}");
    let said = cli.run(&["team", "add", "Data", "ada@acme.example", "--admin"]).good();
    assert_eq!(said, "ada@acme.example is in Data as admin");
    cli.run(&["key", "create", "--user", "ada@acme.example", "--team", "Data"]).good();
    cli.run(&["key", "create", "--team", "Data", "--alias", "ci"]).good();
    let keys = cli.json(&["key", "list", "--json"]);
    assert!(keys.as_array().unwrap().iter().all(|key| key["team"] == "Data"), "{keys}");
    let info = cli.json(&["team", "info", "Data", "--json"]);
    assert_eq!(info["models"], json!(["demo", "gpt-*"]));
    assert_eq!(info["members_with_roles"][0]["role"], "admin");
    assert!(cli.run(&["team", "info", &id]).good().contains("ada@acme.example"));
    assert_eq!(cli.run(&["team", "models", "Data", "demo"]).good(), "Data may call: demo");
    assert_eq!(cli.run(&["team", "block", "Data", "--reason", "over"]).good(), "blocked Data");
    assert!(cli.run(&["team", "list"]).good().contains("blocked: over"));
    let keys = cli.json(&["key", "list", "--json"]);
    assert_eq!(keys[0]["block_reason"], "the team Data is blocked");
    cli.run(&["team", "unblock", "Data"]).good();
    assert_eq!(cli.json(&["key", "list", "--json"])[0]["blocked"], false);
    cli.run(&["team", "remove", "Data", "ada@acme.example"]).good();
    assert_eq!(cli.run(&["team", "remove", "Data", "ada@acme.example"]).code, Some(1));
    assert_eq!(cli.run(&["team", "delete", &id]).good(), "deleted Data");
    assert_eq!(cli.json(&["key", "list", "--json"]), json!([]));
    assert_eq!(cli.run(&["team", "info", &id]).code, Some(1));
}

#[tokio::test]
async fn people_get_roles_reasons_reset_links_and_an_end_and_the_audit_says_so() {
    let cli = Cli::new("cli_people").await;
    cli.fed(&["user", "add", "ada@acme.example"], "a good password\n").good();
    cli.fed(&["user", "add", "bob@acme.example"], "a good password\n").good();
    let said = cli.run(&["user", "role", "ada@acme.example", "proxy_admin_viewer"]).good();
    assert_eq!(said, "ada@acme.example is proxy_admin_viewer");
    assert_eq!(cli.run(&["user", "role", "ada@acme.example", "root"]).code, Some(2));
    let said = cli.run(&["user", "role", "ada@acme.example", "none"]).good();
    assert_eq!(said, "ada@acme.example is internal_user", "taken back");
    cli.run(&["user", "role", "ada@acme.example", "proxy_admin_viewer"]).good();
    cli.run(&["user", "block", "bob@acme.example", "--reason", "left on Friday"]).good();
    let found = cli.json(&["user", "list", "--search", "BOB", "--json"]);
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["block_reason"], "the person is blocked: left on Friday");
    cli.run(&["user", "unblock", "bob@acme.example"]).good();
    let link = cli.run(&["user", "reset", "bob@acme.example"]).good();
    assert!(link.starts_with(&format!("{}/reset/", cli.url())), "{link}");
    cli.run(&["user", "delete", "bob@acme.example"]).good();
    assert_eq!(cli.run(&["user", "reset", "bob@acme.example"]).code, Some(1));
    let audit = cli.run(&["audit", "--json"]).good();
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<_> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    for action in [
        "user.delete",
        "user.password_reset",
        "user.unblock",
        "user.block",
        "user.update",
        "user.add",
    ] {
        assert!(actions.contains(&action), "{action} in {actions:?}");
    }
    let role = |name: &str| json!({"user_role": name});
    let given = (role("internal_user"), role("proxy_admin_viewer"));
    assert!(lines.iter().any(|line| (&line["before"], &line["after"]) == (&given.0, &given.1)));
    assert!(lines.iter().all(|line| line["actor"] == "command line"));
    assert!(!audit.contains(link.rsplit('/').next().unwrap()), "never a secret");
    let blocked = cli.run(&["audit", "--action", "user.block"]).good();
    assert!(blocked.contains("left on Friday") && blocked.lines().count() == 3, "{blocked}");
    assert_eq!(cli.run(&["audit", "--since", "yesterday"]).code, Some(2));
    assert_eq!(cli.run(&["audit", "--until", "2000-01-01", "--json"]).good(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_tries_each_provider_and_says_in_words_what_is_wrong() {
    let cli = Cli::new("cli_online").await;
    let idp = Idp::start(Arc::new(AtomicI64::new(0))).await;
    let file = cli.folder.path().join("gatekey.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let entry = format!(
        "[[idp]]\nname = \"company\"\nissuer = \"{}\"\nclient_id = \"gatekey\"\n\
         [[idp]]\nname = \"hub\"\nkind = \"github\"\nurl = \"{}/github\"\nclient_id = \"gatekey\"\n\
         [[idp]]\nname = \"front\"\nkind = \"header\"\nfrom = [\"10.0.0.1\"]\nuser_header = \"X-User\"\n",
        idp.url, idp.url
    );
    std::fs::write(&file, format!("{text}{entry}")).unwrap();
    let said = cli.run(&["check", "--online"]).good();
    for what in ["discovery", "signing keys", "redirect URI", "clock"] {
        assert!(
            said.contains(&format!("ok        the identity provider company: {what}")),
            "{said}"
        );
    }
    assert!(said.contains("ok        the identity provider hub: redirect URI"), "{said}");
    assert!(said.contains("leavers"), "{said}");
    idp.inner.state.lock().unwrap().refuses_redirect = true;
    let ran = cli.run(&["check", "--online"]);
    let register = format!("register {}/sso/callback/company there", cli.url());
    assert!(ran.code == Some(1) && ran.out.contains(&register), "{ran:?}");
    {
        let mut known = idp.inner.state.lock().unwrap();
        known.refuses_redirect = false;
        known.date = Some("Wed, 21 Oct 2015 07:28:00 GMT".into());
    }
    let ran = cli.run(&["check", "--online"]);
    assert!(ran.code == Some(1) && ran.out.contains("ahead of the provider's"), "{ran:?}");
    {
        let mut known = idp.inner.state.lock().unwrap();
        known.date = None;
        known.extra_metadata = json!({"issuer": "https://evil.example"});
    }
    let ran = cli.run(&["check", "--online"]);
    assert!(ran.out.contains("names another issuer"), "{ran:?}");
}

/// Each provider's variables as LiteLLM's documentation lists them, and what its users keep beside them.
const LITELLM: [(&str, &str); 19] = [
    ("LITELLM_MASTER_KEY", "sk-a-master-key-of-litellm"),
    ("LITELLM_SALT_KEY", "sk-a-salt-key-of-litellm-and-long"),
    ("UI_USERNAME", "root"),
    ("UI_PASSWORD", "a long password"),
    ("GOOGLE_CLIENT_ID", "google-id"),
    ("GOOGLE_CLIENT_SECRET", "google-secret"),
    ("MICROSOFT_CLIENT_ID", "microsoft-id"),
    ("MICROSOFT_CLIENT_SECRET", "microsoft-secret"),
    ("MICROSOFT_TENANT", "11111111-2222-3333-4444-555555555555"),
    ("MICROSOFT_USER_EMAIL_ATTRIBUTE", "mail"),
    ("GENERIC_CLIENT_ID", "generic-id"),
    ("GENERIC_CLIENT_SECRET", "generic-secret"),
    ("GENERIC_AUTHORIZATION_ENDPOINT", "http://127.0.0.1:9/authorize"),
    ("GENERIC_TOKEN_ENDPOINT", "http://127.0.0.1:9/token"),
    ("GENERIC_USERINFO_ENDPOINT", "http://127.0.0.1:9/userinfo"),
    ("GENERIC_ROLE_MAPPINGS_ROLES", "{}"),
    ("PROXY_ADMIN_ID", "00u1"),
    ("ALLOWED_EMAIL_DOMAINS", "acme.example"),
    ("STORE_MODEL_IN_DB", "True"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_of_litellm_starts_gatekey_unchanged() {
    let cli = Cli::new("cli_litellm").await;
    let file = cli.folder.path().join("gatekey.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let database = text.lines().find_map(|line| line.strip_prefix("database = ")).unwrap();
    let database = database.trim_matches('"').to_owned();
    // Only where it listens, since other tests run beside this one.
    let port = cli.url().rsplit(':').next().unwrap().to_owned();
    std::fs::write(&file, format!("[server]\nlisten = \"127.0.0.1:{port}\"\n")).unwrap();
    let mut command = cli.command(&["serve"]);
    command.envs(LITELLM).env("PROXY_BASE_URL", cli.url());
    if database.starts_with("postgres") {
        let prisma = "schema=public&connection_limit=5&pool_timeout=10&pgbouncer=true";
        command.env(
            "DATABASE_URL",
            format!("{}&{prisma}", database.replace("postgres:", "postgresql:")),
        );
    }
    let log = cli.folder.path().join("log");
    let child = command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let _server = Running(child.spawn().unwrap());
    let ready = format!("{}/health/readiness", cli.url());
    soon("it is ready", async || reqwest::get(&ready).await.is_ok_and(|seen| seen.status() == 200))
        .await;
    let browser = Browser::new(&cli.url());
    let login = browser.get("/login").await.body;
    for idp in ["google", "microsoft", "generic"] {
        assert!(
            login.contains(&format!("Continue with <span class=\"name\">{idp}</span>")),
            "{login}"
        );
    }
    let to = browser.get("/sso/login?idp=generic&return_to=/").await.location.unwrap();
    let redirect: String =
        form_urlencoded::byte_serialize(format!("{}/sso/callback", cli.url()).as_bytes()).collect();
    assert!(to.contains(&redirect), "the callback that is registered: {to}");
    assert_eq!(browser.login("root", "a long password", "/").await.location.as_deref(), Some("/"));
    assert_eq!(browser.get("/people").await.status, 200, "an admin");
    std::fs::write(&file, &text).unwrap();
    let ran = cli.fed(&["user", "add", "root"], "a good password\n");
    assert!(ran.code == Some(1) && ran.err.contains("never handed on"), "{ran:?}");
    let weak = cli.fed(&["user", "add", "weak"], "short\n");
    assert!(weak.code == Some(2) && weak.err.contains("at least 12"), "{weak:?}");
    let log = std::fs::read_to_string(&log).unwrap();
    for ignored in
        ["MICROSOFT_USER_EMAIL_ATTRIBUTE", "GENERIC_ROLE_MAPPINGS_ROLES", "STORE_MODEL_IN_DB"]
    {
        assert_eq!(log.matches(ignored).count(), 1, "{ignored} once in {log}");
    }
    for secret in ["google-secret", "microsoft-secret", "generic-secret", "a long password"] {
        assert!(!log.contains(secret), "{secret}");
    }
}
