use super::{Cli, serving::Running};
use crate::support::{Browser, LINK};
use serde_json::json;
use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

struct Demo {
    running: Running,
    lines: Vec<String>,
}

impl Demo {
    fn line(&self, word: &str) -> String {
        let found = self.lines.iter().find_map(|line| line.strip_prefix(&format!("{word} ")));
        found.unwrap_or_else(|| panic!("{word}: {:?}", self.lines)).to_owned()
    }
}

fn start(cli: &Cli, arguments: &[&str]) -> Demo {
    let mut command = cli.command(&[&["demo", "--port", "0"], arguments].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = Vec::new();
    for line in lines.map_while(Result::ok) {
        let last = line.starts_with("data ");
        seen.push(line);
        if last {
            break;
        }
    }
    Demo { running: Running(child), lines: seen }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_reaches_a_streamed_answer_with_a_key_from_a_sign_in() {
    let cli = Cli::new("demo_whole").await;
    let mut demo = start(&cli, &[]);
    let link = demo.line("open");
    assert!(link.ends_with(LINK), "{link}");
    let base = link.strip_suffix(LINK).unwrap().to_owned();
    let browser = Browser::new(&base);
    let seen = browser.walk(LINK).await;
    let to =
        seen.body.split("name=\"return_to\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let seen = browser.login(&demo.line("username"), &demo.line("password"), to).await;
    let seen = browser.walk(&seen.location.unwrap()).await;
    let key = seen.json()["access_token"].as_str().unwrap().to_owned();
    let curl = demo.line("curl");
    assert!(curl.contains("$KEY") && curl.contains("\"stream\":true"), "{curl}");
    let ran = std::process::Command::new("sh")
        .args(["-c", &format!("curl {curl}")])
        .env("KEY", &key)
        .output();
    if let Ok(ran) = ran.map(super::Ran::of)
        && ran.code != Some(127)
    {
        assert!(ran.out.contains("data: [DONE]"), "{ran:?}");
    }
    let client = reqwest::Client::new();
    let body = json!({"model": "demo", "stream": true, "messages": [{"role": "user", "content": "Hello"}]});
    let chat = client.post(format!("{base}/v1/chat/completions")).bearer_auth(&key).json(&body);
    let text = chat.send().await.unwrap().text().await.unwrap();
    assert!(text.ends_with("data: [DONE]\n\n") && text.matches("data: ").count() > 20);
    let messages = client.post(format!("{base}/v1/messages")).header("x-api-key", &key).json(&body);
    let text = messages.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("event: message_stop"));
    let data = demo.line("data");
    assert!(std::path::Path::new(&data).join("gatekey.db").exists());
    Cli::signal(&demo.running, "-INT");
    assert!(demo.running.0.wait().unwrap().success());
    assert!(!std::path::Path::new(&data).exists(), "a throw-away folder is thrown away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_used_again_keeps_name_and_password() {
    let cli = Cli::new("demo_again").await;
    let folder = cli.folder.path().join("kept").display().to_string();
    let mut words = Vec::new();
    for _ in 0..2 {
        let demo = start(&cli, &["--dir", &folder]);
        words.push((demo.line("username"), demo.line("password")));
    }
    assert_eq!(words[0], words[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_exit_two_and_names_the_option() {
    let cli = Cli::new("demo_busy").await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ran = cli.run(&["demo", "--port", &port]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.out.is_empty() && ran.err.contains("--port"), "{ran:?}");
}
