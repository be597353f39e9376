//! `gatekey demo`: everything, on this computer, with nothing.
use super::{failure::Failure, opened, opened::Opened, serve::stop_on_signals};
use crate::{
    app::{self, App, World},
    config::{Config, LogFormat, Sources},
    idp::hash_password,
    model::{Role, UserId},
    store::accounts::{AddAccount, PasswordOf},
    world::Entropy,
};
use clap::Args;
use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use tokio::net::TcpListener;

#[derive(Args)]
pub(super) struct Demo {
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Where to keep the data; used again, it keeps the name and the password [default: a folder that is
    /// deleted at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const USERNAME: &str = "demo";

/// A folder that goes when the demo ends.
struct ThrowAway(PathBuf);

impl Drop for ThrowAway {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Demo {
    pub(super) async fn run(self) -> Result<(), Failure> {
        opened::log(LogFormat::Human, "warn");
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.map_err(|error| {
            let port = self.port;
            Failure::usage(format!(
                "port {port} cannot be used: {error}; choose another with --port"
            ))
        })?;
        let port = listener.local_addr().map_or(self.port, |address| address.port());
        let entropy = Entropy::system();
        let (dir, _throw_away) = self.folder(&entropy)?;
        let opened = Opened::with(settings(port, &dir)?).await?;
        let password = account(&opened, &dir).await?;
        let Opened { config, store, clock, entropy } = opened;
        let app = App::new(&config, World { store, clock, entropy }).await?;
        stop_on_signals(app.shutdown.clone())?;
        let base = &config.server.base_url;
        let body =
            r#"{"model":"demo","stream":true,"messages":[{"role":"user","content":"Hello"}]}"#;
        println!("open {base}/sso/key/generate?response_type=oauth_token");
        println!("username {USERNAME}");
        println!("password {password}");
        println!(
            "curl -N {base}/v1/chat/completions -H \"Authorization: Bearer $KEY\" -H 'Content-Type: \
             application/json' -d '{body}'"
        );
        println!("data {}", dir.display());
        let _ = std::io::stdout().flush();
        eprintln!(
            "Open the link, sign in, and the answer holds the key: KEY=sk-… in a shell, then the curl line. \
             Ctrl-C ends the demo."
        );
        app::serve(listener, app).await;
        Ok(())
    }

    fn folder(&self, entropy: &Entropy) -> Result<(PathBuf, Option<ThrowAway>), Failure> {
        let make = |dir: &Path| {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(|error| Failure::usage(format!("{}: {error}", dir.display())))
        };
        if let Some(dir) = &self.dir {
            make(dir)?;
            return Ok((dir.clone(), None));
        }
        let name = word(entropy.draw(), 4).replace('-', "");
        let dir = std::env::temp_dir().join(format!("gatekey-demo-{name}"));
        make(&dir)?;
        Ok((dir.clone(), Some(ThrowAway(dir))))
    }
}

fn settings(port: u16, dir: &Path) -> Result<Config, Failure> {
    let text = format!(
        r#"
        [server]
        listen = "127.0.0.1:{port}"
        base_url = "http://127.0.0.1:{port}"
        database = "sqlite://gatekey.db"
        drain = "5s"
        title = "Gatekey demo"
        [[upstream]]
        name = "demo"
        kind = "demo"
        [[model]]
        name = "demo"
        upstream = "demo"
        "#
    );
    // The environment of this computer is not the demo's.
    let sources = Sources { text: Some((text, dir.to_owned())), ..Sources::default() };
    Ok(Config::load(&sources)?)
}

/// The demo's one account: made at the first start, its password kept beside the database.
async fn account(opened: &Opened, dir: &Path) -> Result<String, Failure> {
    let file = dir.join("password");
    let known = opened.store.read(PasswordOf { username: USERNAME.into() }).await?;
    if let (Some(_), Ok(password)) = (&known, fs::read_to_string(&file)) {
        return Ok(password.trim().to_owned());
    }
    if known.is_some() {
        let text = format!(
            "{} has the demo's account but not its password; name another --dir",
            dir.display()
        );
        return Err(Failure::failed(text));
    }
    let password = word(opened.entropy.draw(), 8);
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&file)?;
        file.write_all(password.as_bytes())
    };
    write().map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    let add = AddAccount {
        username: USERNAME.into(),
        password: hash_password(&password),
        email: None,
        role: Role::InternalUser,
        fresh: UserId::new(opened.entropy.draw()),
        act: opened.act(),
    };
    opened.store.write(add).await?;
    Ok(password)
}

/// Something to type: `tuvo-kami-…`, six bits a syllable.
fn word(chance: [u8; 32], syllables: usize) -> String {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let syllable = |byte: &u8| {
        let consonant = CONSONANTS[usize::from(byte >> 4)];
        [char::from(consonant), char::from(VOWELS[usize::from(byte & 3)])]
    };
    let letters: Vec<String> =
        chance.iter().take(syllables).map(|byte| syllable(byte).iter().collect()).collect();
    letters.chunks(2).map(<[String]>::concat).collect::<Vec<_>>().join("-")
}
