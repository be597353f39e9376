use super::Cli;
use serde_json::Value;

#[tokio::test]
async fn people_and_keys_are_made_listed_and_ended_by_verbs() {
    let cli = Cli::new("cli_verbs").await;
    let id = cli.fed(&["user", "add", "ada@acme.example"], "a good password\n").good();
    assert!(id.starts_with("user_"));
    let again = cli.fed(&["user", "add", "ada@acme.example"], "a good password\n");
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("already"), "{again:?}");
    assert_eq!(cli.fed(&["user", "add", "x@acme.example"], "short\n").code, Some(2));
    assert_eq!(
        cli.fed(&["user", "add", "root@acme.example", "--admin"], "a good password").code,
        Some(0)
    );
    let users: Value = serde_json::from_str(&cli.run(&["user", "list", "--json"]).good()).unwrap();
    assert_eq!(users.as_array().unwrap().len(), 2);
    let user =
        |email: &str| users.as_array().unwrap().iter().find(|user| user["email"] == email).unwrap();
    assert_eq!(user("ada@acme.example")["role"], "internal_user");
    assert_eq!(user("root@acme.example")["role"], "proxy_admin");

    let create = |more: &[&str]| {
        let mut arguments = vec!["key", "create", "--user", "ada@acme.example"];
        arguments.extend(more);
        cli.run(&arguments).good()
    };
    let key = create(&["--alias", "laptop", "--duration", "24h", "--models", "demo,gpt-*"]);
    assert!(key.starts_with("sk-") && !key.contains(char::is_whitespace), "the key alone: {key}");
    create(&[]);
    let keys: Value = serde_json::from_str(&cli.run(&["key", "list", "--json"]).good()).unwrap();
    let named =
        |alias: Value| keys.as_array().unwrap().iter().find(|k| k["alias"] == alias).unwrap();
    let (first, second) = (named("laptop".into()), named(Value::Null));
    assert_eq!((&first["alias"], &first["user"]), (&"laptop".into(), &"ada@acme.example".into()));
    assert_eq!(first["blocked"], false);
    for field in ["created_at", "expires_at"] {
        assert!(first[field].as_str().unwrap().ends_with('Z'), "{first}");
    }
    assert_eq!(
        (&first["app"], &first["last_used_at"], &second["expires_at"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let table = cli.run(&["key", "list"]).good();
    assert!(table.lines().next().unwrap().contains("LAST USED") && !table.contains(&key));

    let id = first["id"].as_str().unwrap();
    assert_eq!(cli.run(&["key", "revoke", id]).good(), "1 revoked");
    assert_eq!(cli.run(&["key", "revoke", id]).code, Some(1));
    create(&[]);
    assert_eq!(cli.run(&["key", "revoke", "--user", "ada@acme.example"]).good(), "2 revoked");
    create(&[]);
    assert_eq!(cli.run(&["key", "revoke", "--before", "2000-01-01"]).code, Some(1));
    assert_eq!(cli.run(&["key", "revoke", "--before", "2999-01-01T00:00:00Z"]).good(), "1 revoked");
}

#[tokio::test]
async fn wrong_usage_is_exit_two_and_what_cannot_be_done_exit_one() {
    let cli = Cli::new("cli_usage").await;
    cli.fed(&["user", "add", "ada@acme.example"], "a good password\n").good();
    for (arguments, code) in [
        (&["key", "revoke"][..], 2),
        (&["key", "revoke", "--before", "yesterday"], 2),
        (&["key", "revoke", "x", "--user", "y"], 2),
        (&["key", "create", "--user", "nobody"], 1),
        (&["key", "create", "--user", "ada@acme.example", "--duration", "soon"], 2),
        (&["nothing"], 2),
        (&["user", "block", "nobody"], 1),
    ] {
        let ran = cli.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{ran:?}");
    }
}

#[tokio::test]
async fn help_is_worth_reading() {
    let cli = Cli::new("cli_help").await;
    let help = cli.run(&["--help"]).good();
    for word in ["gatekey demo", "Exit codes", "serve", "check", "backup", "GATEKEY_SECTION_KEY"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    for verb in ["serve", "demo", "check", "migrate", "key", "user", "backup"] {
        assert!(cli.run(&[verb, "--help"]).good().len() > 100, "{verb}");
    }
    assert!(cli.run(&["--version"]).good().starts_with("gatekey "));
}

#[tokio::test]
async fn migrate_says_what_it_did_and_check_what_the_settings_mean() {
    let cli = Cli::new("cli_migrate").await;
    assert_eq!(
        cli.run(&["migrate"]).good(),
        "applied 0001_start\napplied 0002_people\napplied 0003_audit\napplied 0004_codes\n\
         applied 0005_books\napplied 0006_limits\napplied 0007_shared\napplied 0008_routes\napplied 0009_alerts"
    );
    assert_eq!(cli.run(&["migrate"]).good(), "up to date");
    let said = cli.run(&["check"]).good();
    assert!(said.contains("the settings are good") && said.contains("model     demo"), "{said}");
    assert!(!said.contains("sk-the-master-key"));
    assert!(cli.run(&["check", "--online"]).good().contains("ok        the database"));
    let file = cli.folder.path().join("gatekey.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let dead = "[[idp]]\nname = \"company\"\nissuer = \"http://127.0.0.1:9\"\nclient_id = \"x\"\n";
    std::fs::write(&file, format!("{text}{dead}")).unwrap();
    let ran = cli.run(&["check", "--online"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("wrong     the identity provider company"), "{ran:?}");
}

#[tokio::test]
async fn all_mistakes_of_the_settings_are_said_at_once_with_their_lines() {
    let cli = Cli::new("cli_mistakes").await;
    let file = cli.folder.path().join("gatekey.toml");
    let text = "[server]\nlissten = \"x\"\nlisten = \"everywhere\"\nmaster_key = \"sk-1234\"\nsecret = \"env:NOWHERE\"\n[extra]\na = 1\n";
    std::fs::write(&file, text).unwrap();
    let ran = cli.run(&["serve"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for says in [
        "gatekey.toml:2: server.lissten is not a setting; did you mean server.listen?",
        "gatekey.toml:3: server.listen must be address:port",
        "gatekey.toml:4: server.master_key is one that everybody knows",
        "gatekey.toml:5: server.secret reads the environment variable NOWHERE",
        "gatekey.toml:6: extra is not a section",
    ] {
        assert!(ran.err.contains(says), "{says} in {}", ran.err);
    }
    assert_eq!(cli.run(&["serve", "--config", "missing.toml"]).code, Some(2));
}
