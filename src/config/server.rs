//! `[server]`.
use super::{
    reader::{Raw, Reader, Section},
    secret::{Keyring, Secret, expand},
    setting::{BaseUrl, ByteSize, FromSetting},
};
use crate::model::Lifetime;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone)]
pub struct Server {
    pub listen: SocketAddr,
    pub base_url: BaseUrl,
    /// The installation's own name, on every page.
    pub title: String,
    pub database: Database,
    pub master_key: Option<Secret>,
    pub secret: SecretSource,
    pub secret_previous: Vec<Secret>,
    pub trusted_proxies: Vec<IpNet>,
    pub max_body: ByteSize,
    pub drain: Lifetime,
    pub metrics_from: Vec<IpNet>,
    /// Headers whose values are kept beside a call as tags.
    pub tag_headers: Vec<http::HeaderName>,
    /// A comment in a silent stream, so that nothing between takes it for dead.
    pub sse_keepalive: Lifetime,
    /// How long keys in memory go on working while the database does not answer.
    pub database_grace: Lifetime,
    /// How long a call that runs may go on after its key has stopped counting.
    pub revoke_grace: Lifetime,
    /// How long single calls stay in the books. Their sums stay for good.
    pub calls_kept: Lifetime,
    /// How many calls may run, or wait to be written, before the next ones wait too.
    pub usage_queue: usize,
    /// The folder of the journal of calls; `None`: there is none.
    pub journal: Option<PathBuf>,
    pub log: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

/// Where `server.secret` comes from.
#[derive(Debug, Clone)]
pub enum SecretSource {
    Given(Secret),
    /// Made at the first start, readable by its owner only.
    File(PathBuf),
    /// From another secret, named here for the log.
    Derived(Secret, &'static str),
}

const WELL_KNOWN: [&str; 6] =
    ["sk-1234", "sk-12345", "sk-123456", "sk-master", "changeme", "secret"];
const MOST_TAG_HEADERS: usize = 8;
const SECRET_HEADERS: [&str; 7] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "x-litellm-api-key",
];
const SHORTEST_MASTER_KEY: usize = 16;
const SHORTEST_SECRET: usize = 32;

impl Server {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("server");
        let listen = s.get(reader, "listen").unwrap_or(SocketAddr::from(([127, 0, 0, 1], 4000)));
        let base_url = base_url(&mut s, reader, listen);
        let database = database(&mut s, reader);
        let master_key = master_key(&mut s, reader);
        let secret = secret(&mut s, reader, &database, master_key.as_ref());
        let journal = journal(&mut s, reader, &database);
        let server = Self {
            listen,
            base_url,
            title: s.get(reader, "title").unwrap_or_else(|| "Gatekey".into()),
            database,
            master_key,
            secret,
            secret_previous: previous(&mut s, reader),
            trusted_proxies: s.get(reader, "trusted_proxies").unwrap_or_default(),
            max_body: s.get(reader, "max_body").unwrap_or(ByteSize(64 << 20)),
            drain: s.get(reader, "drain").unwrap_or(Lifetime::of_seconds(60)),
            metrics_from: s.get(reader, "metrics_from").unwrap_or_default(),
            tag_headers: tag_headers(&mut s, reader),
            sse_keepalive: s.get(reader, "sse_keepalive").unwrap_or(Lifetime::of_seconds(15)),
            database_grace: s.get(reader, "database_grace").unwrap_or(Lifetime::of_seconds(600)),
            revoke_grace: s.get(reader, "revoke_grace").unwrap_or(Lifetime::of_seconds(5)),
            calls_kept: calls_kept(&mut s, reader),
            usage_queue: usage_queue(&mut s, reader),
            journal,
            log: log(&mut s, reader),
        };
        s.done(reader);
        server
    }
}

fn tag_headers(s: &mut Section, reader: &mut Reader) -> Vec<http::HeaderName> {
    let names: Vec<String> =
        s.get(reader, "tag_headers").unwrap_or_else(|| vec!["x-gatekey-tags".into()]);
    let parsed: Result<Vec<http::HeaderName>, _> = names.iter().map(|name| name.parse()).collect();
    let secret = |name: &http::HeaderName| SECRET_HEADERS.contains(&name.as_str());
    match parsed {
        Ok(names) if names.len() <= MOST_TAG_HEADERS && !names.iter().any(secret) => names,
        _ => {
            let text = format!(
                "must be at most {MOST_TAG_HEADERS} names of headers, none of which carries a secret"
            );
            s.wrong(reader, "tag_headers", text);
            Vec::new()
        }
    }
}

fn calls_kept(s: &mut Section, reader: &mut Reader) -> Lifetime {
    let kept = s.get(reader, "calls_kept").unwrap_or(Lifetime::days(90));
    // What a crash has left is told from what was booked by the rows that are there.
    if kept < Lifetime::days(7) {
        s.wrong(reader, "calls_kept", "must be at least 7d");
    }
    kept
}

fn usage_queue(s: &mut Section, reader: &mut Reader) -> usize {
    let most = s.get::<Rows>(reader, "usage_queue").map(|rows| rows.0);
    most.unwrap_or(8192)
}

struct Rows(usize);

impl FromSetting for Rows {
    fn from_setting(raw: Raw, _: &Path, _: &BTreeMap<String, String>) -> Result<Self, String> {
        const WHAT: &str = "must be a number of calls from 16 to 1000000";
        let number = match raw {
            Raw::Integer(number) => usize::try_from(number).ok(),
            // As the environment has it.
            Raw::Text(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| (16..=1_000_000).contains(number));
        number.map(Self).ok_or_else(|| WHAT.into())
    }
}

fn journal(s: &mut Section, reader: &mut Reader, database: &Database) -> Option<PathBuf> {
    match s.get::<String>(reader, "journal").as_deref() {
        Some("off") => None,
        Some(folder) => Some(super::beside(&reader.folder, folder)),
        None => Some(match database {
            Database::Sqlite(path) => beside_file(path, ".books"),
            Database::Postgres(_) => super::beside(&reader.folder, "gatekey.books"),
        }),
    }
}

fn beside_file(path: &Path, ending: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(ending);
    file.into()
}

fn log(s: &mut Section, reader: &mut Reader) -> LogFormat {
    match s.get::<String>(reader, "log").as_deref() {
        None | Some("human") => LogFormat::Human,
        Some("json") => LogFormat::Json,
        Some(_) => {
            s.wrong(reader, "log", "must be \"human\" or \"json\"");
            LogFormat::Human
        }
    }
}

fn base_url(s: &mut Section, reader: &mut Reader, listen: SocketAddr) -> BaseUrl {
    let insecure = s.get(reader, "insecure_http").unwrap_or(false);
    let set: Option<BaseUrl> = s.get_or(reader, "base_url", Some("PROXY_BASE_URL"));
    let own = match listen.ip() {
        ip if ip.is_unspecified() => format!("http://localhost:{}", listen.port()),
        ip if ip.is_ipv6() => format!("http://[{ip}]:{}", listen.port()),
        ip => format!("http://{ip}:{}", listen.port()),
    };
    let fallback = || BaseUrl::parse("http://localhost:4000").expect("a base URL");
    let url = set.unwrap_or_else(|| BaseUrl::parse(&own).unwrap_or_else(|_| fallback()));
    if !url.is_https() && !url.is_loopback() && !insecure {
        let cure = "is http on a host that is not this computer: keys and cookies would travel in \
                    clear. Put a TLS proxy in front and use https, or set server.insecure_http = true";
        s.wrong(reader, "base_url", cure);
    }
    url
}

fn database(s: &mut Section, reader: &mut Reader) -> Database {
    let url: Option<String> = s.get_or(reader, "database", Some("DATABASE_URL"));
    let url = url.unwrap_or_else(|| "sqlite://gatekey.db".into());
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            s.wrong(reader, "database", "must name a file, such as sqlite://gatekey.db");
        }
        return Database::Sqlite(super::beside(&reader.folder, path));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let url = without_prisma(&url, reader);
        if let Err(error) = url.parse::<tokio_postgres::Config>() {
            let why =
                std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
            let text =
                format!("is no Postgres URL: {why}; sslmode may be disable, prefer or require");
            s.wrong(reader, "database", text);
        }
        return Database::Postgres(url);
    }
    s.wrong(reader, "database", "must begin with sqlite:// or postgres://");
    Database::Sqlite(PathBuf::new())
}

/// Parameters that only Prisma knows, as LiteLLM's `DATABASE_URL` may have.
fn without_prisma(url: &str, reader: &mut Reader) -> String {
    const PRISMA: [&str; 4] = ["schema", "connection_limit", "pool_timeout", "pgbouncer"];
    let Some((head, query)) = url.split_once('?') else { return url.to_owned() };
    let name = |pair: &&str| pair.split('=').next().unwrap_or_default().to_owned();
    let (prisma, ours): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| PRISMA.contains(&name(pair).as_str()));
    if !prisma.is_empty() {
        let names: Vec<_> = prisma.iter().map(name).collect();
        reader.warn(format!(
            "the database URL has parameters of Prisma, ignored: {}",
            names.join(", ")
        ));
    }
    if ours.is_empty() { head.to_owned() } else { format!("{head}?{}", ours.join("&")) }
}

fn master_key(s: &mut Section, reader: &mut Reader) -> Option<Secret> {
    let key: Secret = s.get_or(reader, "master_key", Some("LITELLM_MASTER_KEY"))?;
    if WELL_KNOWN.contains(&key.expose()) {
        s.wrong(
            reader,
            "master_key",
            "is one that everybody knows; make one: openssl rand -hex 24",
        );
    } else if key.expose().len() < SHORTEST_MASTER_KEY {
        let text = format!(
            "is shorter than {SHORTEST_MASTER_KEY} characters; make one: openssl rand -hex 24"
        );
        s.wrong(reader, "master_key", text);
    }
    Some(key)
}

fn previous(s: &mut Section, reader: &mut Reader) -> Vec<Secret> {
    let previous: Vec<Secret> = s.get(reader, "secret_previous").unwrap_or_default();
    if previous.iter().any(|secret| secret.expose().len() < SHORTEST_SECRET) {
        let text = format!("has one that is shorter than {SHORTEST_SECRET} bytes");
        s.wrong(reader, "secret_previous", text);
    }
    previous
}

fn secret(
    s: &mut Section,
    reader: &mut Reader,
    database: &Database,
    master_key: Option<&Secret>,
) -> SecretSource {
    if let Some(secret) = s.get::<Secret>(reader, "secret") {
        if secret.expose().len() < SHORTEST_SECRET {
            let text =
                format!("is shorter than {SHORTEST_SECRET} bytes; make one: openssl rand -hex 32");
            s.wrong(reader, "secret", text);
        }
        return SecretSource::Given(secret);
    }
    let salt = reader.litellm("LITELLM_SALT_KEY").map(|salt| Secret::new(&salt));
    match (database, salt, master_key) {
        (Database::Sqlite(path), salt, _) => {
            if salt.is_some() {
                reader.warn(
                    "LITELLM_SALT_KEY is ignored: beside SQLite the secret has a file of its own",
                );
            }
            SecretSource::File(beside_file(path, ".secret"))
        }
        (_, Some(salt), _) => SecretSource::Derived(salt, "LITELLM_SALT_KEY"),
        (_, None, Some(master)) => SecretSource::Derived(master.clone(), "server.master_key"),
        (_, None, None) => {
            s.wrong(reader, "secret", "is needed with Postgres; make one: openssl rand -hex 32");
            SecretSource::Given(Secret::new(""))
        }
    }
}

impl Server {
    /// The secrets themselves; the file is made if it is not there, from `chance`.
    pub fn keyring(&self, chance: [u8; 32]) -> std::io::Result<Keyring> {
        let current = match &self.secret {
            SecretSource::Given(secret) => secret.clone(),
            SecretSource::Derived(secret, from) => {
                tracing::info!(%from, "server.secret is not set: it is derived");
                Secret::new(&STANDARD_NO_PAD.encode(expand(secret, &[b"server.secret"])))
            }
            SecretSource::File(path) => secret_file(path, chance)?,
        };
        Ok(Keyring::new(current, self.secret_previous.clone()))
    }
}

fn secret_file(path: &Path, chance: [u8; 32]) -> std::io::Result<Secret> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let fresh = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match fresh {
        Ok(mut file) => {
            let text = STANDARD_NO_PAD.encode(chance);
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            Ok(Secret::new(&text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let text = std::fs::read_to_string(path)?;
            let text = text.trim();
            if text.len() < SHORTEST_SECRET {
                let why = format!("{} is damaged: it must hold at least 32 bytes", path.display());
                return Err(std::io::Error::other(why));
            }
            Ok(Secret::new(text))
        }
        Err(error) => Err(error),
    }
}
