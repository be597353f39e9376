//! Gatekey in this process, on port 0, with a clock that the test turns.
use super::{Browser, Idp, Seen, Upstream, Wire, database};
use gatekey::{
    app::{self, App, World},
    config::{Config, Sources},
    idp::hash_password,
    model::{Hash, Role, Timestamp, UserId},
    store::{
        self, Operation, Store, Tx,
        accounts::{AddAccount, Added},
        audit::{Act, Lines},
        users::{ListUsers, Listed},
    },
    world::{Clock, Entropy, Shutdown},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) const MASTER_KEY: &str = "sk-the-master-key-of-these-tests";
pub(crate) const NOON: i64 = 1_800_000_000;

pub(crate) struct Gate {
    pub(crate) url: String,
    pub(crate) store: Store,
    pub(crate) idp: Idp,
    pub(crate) upstream: Upstream,
    pub(crate) shutdown: Shutdown,
    pub(crate) client: reqwest::Client,
    pub(crate) setup_path: Option<String>,
    hands: Arc<AtomicI64>,
    folder: Arc<tempfile::TempDir>,
    database: String,
    settings: String,
    served: JoinHandle<()>,
}

impl Gate {
    /// With the company's provider, an OpenAI-like and an Anthropic-like upstream.
    pub(crate) async fn new(test: &str) -> Self {
        Self::with(test, "").await
    }

    /// `settings` are added to the usual ones; a line of `[server]`, `[connect]` or `[signin]` stands in its
    /// section when it is written as `connect.x = …`.
    pub(crate) async fn with(test: &str, settings: &str) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let database = database(folder.path(), test).await;
        let hands = Arc::new(AtomicI64::new(NOON));
        let (idp, upstream) = (Idp::start(hands.clone()).await, Upstream::start().await);
        Self::start(folder, database, settings.to_owned(), (hands, idp, upstream)).await
    }

    /// The same, with a way to Postgres that can be shut; SQLite has none.
    pub(crate) async fn behind(test: &str, settings: &str) -> (Self, Option<Wire>) {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let database = database(folder.path(), test).await;
        let (wire, database) = match Wire::to_postgres(&database).await {
            Some((wire, behind)) => (Some(wire), behind),
            None => (None, database),
        };
        let hands = Arc::new(AtomicI64::new(NOON));
        let (idp, upstream) = (Idp::start(hands.clone()).await, Upstream::start().await);
        let around = (hands, idp, upstream);
        (Self::start(folder, database, settings.to_owned(), around).await, wire)
    }

    async fn start(
        folder: Arc<tempfile::TempDir>,
        database: String,
        settings: String,
        (hands, idp, upstream): (Arc<AtomicI64>, Idp, Upstream),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let text = whole(&settings, &url, &database, (&idp.url, &upstream.url));
        let config = load(&text, folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
        let store = Store::open(&database).await.unwrap();
        let turned = hands.clone();
        let clock = Clock::new(move || Timestamp(turned.load(Ordering::SeqCst)));
        let world = World { store: store.clone(), clock, entropy: Entropy::system() };
        let app = App::new(&config, world).await.unwrap();
        let (shutdown, setup_path) = (app.shutdown.clone(), app.setup_path.clone());
        let served = tokio::spawn(app::serve(listener, app));
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self {
            url,
            store,
            idp,
            upstream,
            shutdown,
            client,
            setup_path,
            hands,
            folder,
            database,
            settings,
            served,
        }
    }

    /// Stops well, and starts again over the same database.
    pub(crate) async fn restarted(self) -> Self {
        let settings = self.settings.clone();
        self.restarted_with(&settings).await
    }

    /// The same, with other settings.
    pub(crate) async fn restarted_with(self, settings: &str) -> Self {
        self.shutdown.closing.cancel();
        self.served.await.unwrap();
        Self::start(
            self.folder,
            self.database,
            settings.to_owned(),
            (self.hands, self.idp, self.upstream),
        )
        .await
    }

    /// Another Gatekey on the same database, with the same clock.
    pub(crate) async fn twin(&self) -> Self {
        let around = (self.hands.clone(), self.idp.clone(), self.upstream.clone());
        Self::start(self.folder.clone(), self.database.clone(), self.settings.clone(), around).await
    }

    /// Waits until the server has stopped by itself.
    pub(crate) async fn stopped(self) {
        self.served.await.unwrap();
    }

    pub(crate) fn turn(&self, seconds: i64) {
        self.hands.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> i64 {
        self.hands.load(Ordering::SeqCst)
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// The database's file, if it is SQLite's.
    pub(crate) fn sqlite(&self) -> Option<&str> {
        self.database.strip_prefix("sqlite:")
    }

    /// All that lies on the disk; of SQLite only.
    pub(crate) fn disk(&self) -> Vec<u8> {
        fn all(folder: &Path) -> Vec<u8> {
            let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let read = |path: std::path::PathBuf| {
                if path.is_dir() { all(&path) } else { std::fs::read(path).unwrap() }
            };
            paths.flat_map(read).collect()
        }
        all(self.folder.path())
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.url)
    }

    /// A browser in which this person has signed in.
    pub(crate) async fn browser_of(&self, subject: &str) -> Browser {
        let browser = self.browser();
        self.idp.person(subject);
        let seen = browser.walk("/sso/login?return_to=/").await;
        assert_eq!(seen.status, 200, "{seen:?}");
        browser
    }

    /// A key by the link, in its JSON form.
    pub(crate) async fn key_of(&self, subject: &str) -> String {
        let browser = self.browser_of(subject).await;
        browser.json_key().await
    }

    /// A key of the management API's making, with these fields.
    pub(crate) async fn generate(&self, fields: Value) -> Value {
        let seen = self.manage("/key/generate", MASTER_KEY, fields).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        seen.json()
    }

    pub(crate) async fn manage(&self, path: &str, key: &str, body: Value) -> Seen {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(key).json(&body);
        Seen::of(request).await
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Seen {
        Seen::of(self.client.get(format!("{}{path}", self.url)).bearer_auth(key)).await
    }

    /// One call of a model.
    pub(crate) async fn call(&self, key: &str, model: &str) -> Seen {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
        self.manage("/v1/chat/completions", key, body).await
    }

    /// Calls and tokens of a key.
    pub(crate) async fn usage(&self, key: &str) -> Value {
        let usage = self.get("/key/info", key).await.json()["info"]["usage"].clone();
        let named = ["calls", "input_tokens", "output_tokens"];
        named.into_iter().map(|name| (name.to_owned(), usage[name].clone())).collect()
    }

    /// A local account; the password is the name twice.
    pub(crate) async fn account(&self, username: &str) -> UserId {
        let fresh = UserId::new(rand());
        let add = AddAccount {
            username: username.into(),
            password: hash_password(&format!("{username}{username}")),
            email: Some(username.into()).filter(|_| username.contains('@')),
            role: Role::InternalUser,
            fresh: fresh.clone(),
            act: self.act(),
        };
        assert_eq!(self.store.write(add).await.unwrap(), Added::Done);
        fresh
    }

    pub(crate) fn act(&self) -> Act {
        let at = Timestamp(self.now());
        Act { id: Hash(rand()), at, actor: "a test".into(), address: None }
    }

    /// The newest lines of the audit: action and detail.
    pub(crate) async fn audit(&self) -> Vec<(String, String)> {
        let lines = self.store.read(Lines { limit: 100, ..Lines::default() }).await.unwrap();
        lines.into_iter().map(|line| (line.action, line.detail)).collect()
    }

    /// Everybody there is.
    pub(crate) async fn people(&self) -> Vec<Listed> {
        self.store.read(ListUsers { limit: 1000, ..ListUsers::default() }).await.unwrap().0
    }

    /// Makes every step over this table fail, until it is found again.
    pub(crate) async fn lose(&self, table: &'static str) {
        self.store.write(Rename(table, format!("lost_{table}").leak())).await.unwrap();
    }

    pub(crate) async fn find(&self, table: &'static str) {
        self.store.write(Rename(format!("lost_{table}").leak(), table)).await.unwrap();
    }
}

pub(crate) fn rand() -> [u8; 32] {
    Entropy::system().draw()
}

fn load(text: &str, folder: &Path) -> Result<Config, String> {
    let sources = Sources {
        text: Some((text.to_owned(), folder.to_owned())),
        environment: BTreeMap::new(),
        ..Sources::default()
    };
    Config::load(&sources).map_err(|problems| problems.to_string())
}

fn whole(extra: &str, url: &str, database: &str, (idp, upstream): (&str, &str)) -> String {
    let listen = url.trim_start_matches("http://");
    let of = |section: &str| -> String {
        let prefix = format!("{section}.");
        let lines = extra.lines().filter_map(|line| line.trim().strip_prefix(&prefix));
        lines.collect::<Vec<_>>().join("\n")
    };
    let sections = ["server.", "connect.", "signin.", "limits."];
    let rest: String = extra
        .lines()
        .filter(|line| !sections.iter().any(|section| line.trim().starts_with(section)))
        .collect::<Vec<_>>()
        .join("\n");
    let base = if of("server").contains("base_url") {
        String::new()
    } else {
        format!("base_url = \"{url}\"")
    };
    let idps = if extra.contains("no idp") {
        String::new()
    } else {
        format!(
            "[[idp]]\nname = \"company\"\nissuer = \"{idp}\"\nclient_id = \"gatekey\"\nclient_secret = \"hush\""
        )
    };
    format!(
        r#"
        [server]
        listen = "{listen}"
        {base}
        database = "{database}"
        master_key = "{MASTER_KEY}"
        secret = "a secret of at least thirty-two bytes"
        {}
        [connect]
        {}
        [signin]
        {}
        [limits]
        {}
        {idps}
        {}
                {rest}
        "#,
        of("server"),
        of("connect"),
        of("signin"),
        of("limits"),
        MODELS.replace("UPSTREAM", upstream),
    )
    .replace("IDP_URL", idp)
}

struct Rename(&'static str, &'static str);

impl Operation for Rename {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), store::Error> {
        let sql = format!("ALTER TABLE {} RENAME TO {}", self.0, self.1).leak();
        tx.all::<(i64,)>(sql, ()).await.map(drop)
    }
}

const MODELS: &str = r#"
        [[upstream]]
        name = "openai"
        kind = "openai"
        base_url = "UPSTREAM/v1"
        api_key = "sk-provider-key-of-openai"
        [[upstream]]
        name = "anthropic"
        kind = "anthropic"
        base_url = "UPSTREAM"
        api_key = "sk-provider-key-of-anthropic"
        [[upstream]]
        name = "nobody"
        kind = "openai"
        base_url = "http://127.0.0.1:9/v1"
        api_key = "sk-provider-key-of-nobody"
        [[model]]
        name = "gpt-4o"
        upstream = "openai"
        upstream_model = "gpt-4o-2024"
        [[model]]
        name = "gpt-4o-mini"
        upstream = "openai"
        [[model]]
        name = "claude-x"
        upstream = "anthropic"
        [[model]]
        name = "gone"
        upstream = "nobody"
"#;
