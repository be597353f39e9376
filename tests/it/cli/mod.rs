mod demo;
mod people;
mod prices;
mod secrets;
pub(crate) mod serving;
mod verbs;

use crate::support::database;
use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

/// A folder with settings, and the real program over it.
pub(crate) struct Cli {
    pub(crate) folder: tempfile::TempDir,
    port: u16,
}

impl Cli {
    pub(crate) async fn new(test: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = database(folder.path(), test).await;
        let port = free_port();
        let settings = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\ndatabase = \"{url}\"\nmaster_key = \"sk-the-master-key-of-these-tests\"\n\
             secret = \"a secret of at least thirty-two bytes\"\ndrain = \"2s\"\n\
             [[upstream]]\nname = \"demo\"\nkind = \"demo\"\n[[model]]\nname = \"demo\"\nupstream = \"demo\"\n"
        );
        std::fs::write(folder.path().join("gatekey.toml"), settings).unwrap();
        Self { folder, port }
    }

    /// Besides the built-in model, one of an upstream's.
    pub(crate) fn serve_models_of(&self, upstream: &str) {
        let file = self.folder.path().join("gatekey.toml");
        let more = format!(
            "[[upstream]]\nname = \"openai\"\nkind = \"openai\"\nbase_url = \"{upstream}/v1\"\n\
             api_key = \"sk-provider-key\"\n[[model]]\nname = \"gpt-4o-mini\"\nupstream = \"openai\"\n"
        );
        let settings = std::fs::read_to_string(&file).unwrap() + &more;
        std::fs::write(file, settings).unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatekey"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// With this on its standard input.
    pub(crate) fn fed(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out.trim().to_owned()
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
