use super::Cli;
use crate::support::soon;
use serde_json::{Value, json};
use std::process::{Child, Stdio};

pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Cli {
    pub(crate) async fn serve(&self) -> Running {
        let mut command = self.command(&["serve"]);
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let url = format!("{}/health/readiness", self.url());
        soon("it is ready", async || {
            reqwest::get(&url).await.is_ok_and(|seen| seen.status() == 200)
        })
        .await;
        Running(child)
    }

    async fn call(&self, key: &str) -> u16 {
        let body = json!({"model": "demo", "messages": []});
        let url = format!("{}/v1/chat/completions", self.url());
        let sent = reqwest::Client::new().post(url).bearer_auth(key).json(&body).send().await;
        sent.unwrap().status().as_u16()
    }

    pub(super) fn signal(running: &Running, signal: &str) {
        let pid = running.0.id().to_string();
        assert!(
            std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_a_verb_beside_a_running_server_is_seen_within_a_second() {
    let cli = Cli::new("cli_beside").await;
    let _server = cli.serve().await;
    cli.fed(&["user", "add", "ada@acme.example"], "a good password\n").good();
    let create = |alias: &str| {
        let arguments = ["key", "create", "--user", "ada@acme.example", "--alias", alias];
        cli.run(&arguments).good()
    };
    let (one, two) = (create("one"), create("two"));
    assert_eq!((cli.call(&one).await, cli.call(&two).await), (200, 200));
    let keys: Value = serde_json::from_str(&cli.run(&["key", "list", "--json"]).good()).unwrap();
    let first = keys.as_array().unwrap().iter().find(|key| key["alias"] == "one").unwrap();
    cli.run(&["key", "revoke", first["id"].as_str().unwrap()]).good();
    let began = tokio::time::Instant::now();
    soon("the revoked key refuses", async || cli.call(&one).await == 401).await;
    // A second is promised; the other half is for a busy machine.
    assert!(began.elapsed().as_millis() < 2000);
    assert_eq!(cli.call(&two).await, 200);
    cli.run(&["user", "block", "ada@acme.example"]).good();
    soon("the blocked person's key refuses", async || cli.call(&two).await == 401).await;
    cli.run(&["user", "unblock", "ada@acme.example"]).good();
    soon("it works again", async || cli.call(&two).await == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_served_database_is_whole() {
    let cli = Cli::new("cli_backup").await;
    let _server = cli.serve().await;
    cli.fed(&["user", "add", "ada@acme.example"], "a good password\n").good();
    let key = cli.run(&["key", "create", "--user", "ada@acme.example"]).good();
    let text = std::fs::read_to_string(cli.folder.path().join("gatekey.toml")).unwrap();
    let ran = cli.run(&["backup", "copy.db"]);
    if text.contains("postgres://") {
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.contains("pg_dump"));
        return;
    }
    assert_eq!(ran.good(), "copy.db");
    assert_eq!(cli.run(&["backup", "copy.db"]).code, Some(1), "never over a file");
    let copy = text.lines().map(|line| {
        if line.starts_with("database") { "database = \"sqlite://copy.db\"" } else { line }
    });
    let copy: Vec<_> = copy.collect();
    std::fs::write(cli.folder.path().join("copy.toml"), copy.join("\n")).unwrap();
    let keys: Value =
        serde_json::from_str(&cli.run(&["key", "list", "--json", "--config", "copy.toml"]).good())
            .unwrap();
    assert_eq!(keys.as_array().unwrap().len(), 1);
    assert_eq!(cli.call(&key).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_stream_end_and_exits_zero() {
    let cli = Cli::new("cli_sigterm").await;
    let mut server = cli.serve().await;
    cli.fed(&["user", "add", "ada@acme.example"], "a good password\n").good();
    let key = cli.run(&["key", "create", "--user", "ada@acme.example"]).good();
    let body = json!({"model": "demo", "stream": true, "messages": []});
    let url = format!("{}/v1/chat/completions", cli.url());
    let stream =
        reqwest::Client::new().post(url).bearer_auth(&key).json(&body).send().await.unwrap();
    Cli::signal(&server, "-TERM");
    let url = format!("{}/health/readiness", cli.url());
    soon("readiness says so", async || {
        reqwest::get(&url).await.is_ok_and(|seen| seen.status() == 503)
    })
    .await;
    let text = stream.text().await.unwrap();
    let tidy = text.ends_with("data: [DONE]\n\n");
    assert!(tidy || text.contains("Gatekey is stopping"), "{text}");
    assert!(server.0.wait().unwrap().success());
    let keys: Value = serde_json::from_str(&cli.run(&["key", "list", "--json"]).good()).unwrap();
    assert!(keys[0]["last_used_at"].is_string(), "it is booked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    let cli = Cli::new("cli_second").await;
    let mut server = cli.serve().await;
    cli.fed(&["user", "add", "ada@acme.example"], "a good password\n").good();
    let key = cli.run(&["key", "create", "--user", "ada@acme.example"]).good();
    let body = json!({"model": "demo", "stream": true, "messages": []});
    let url = format!("{}/v1/chat/completions", cli.url());
    let _stream =
        reqwest::Client::new().post(url).bearer_auth(&key).json(&body).send().await.unwrap();
    Cli::signal(&server, "-INT");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let began = tokio::time::Instant::now();
    Cli::signal(&server, "-INT");
    assert_eq!(server.0.wait().unwrap().code(), Some(1));
    // A second is promised; the other half is for a busy machine.
    assert!(began.elapsed().as_millis() < 2000);
}

#[tokio::test(flavor = "multi_thread")]
async fn o5_a_killed_server_forgets_no_key_and_no_revocation() {
    let cli = Cli::new("cli_killed").await;
    let mut server = cli.serve().await;
    cli.fed(&["user", "add", "ada@acme.example"], "a good password\n").good();
    let create = || cli.run(&["key", "create", "--user", "ada@acme.example"]).good();
    let (kept, revoked) = (create(), create());
    let delete = json!({"keys": [revoked]});
    let url = format!("{}/key/delete", cli.url());
    let master = "sk-the-master-key-of-these-tests";
    let seen =
        reqwest::Client::new().post(url).bearer_auth(master).json(&delete).send().await.unwrap();
    assert_eq!(seen.status(), 200);
    server.0.kill().unwrap();
    server.0.wait().unwrap();
    let _server = cli.serve().await;
    assert_eq!((cli.call(&kept).await, cli.call(&revoked).await), (200, 401));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_exit_two_and_names_the_setting() {
    let cli = Cli::new("cli_port").await;
    let _server = cli.serve().await;
    let ran = cli.run(&["serve"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("server.listen") && ran.err.contains("GATEKEY_SERVER_LISTEN"),
        "{ran:?}"
    );
}
