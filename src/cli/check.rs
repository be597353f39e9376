//! `gatekey check`.
use super::{
    failure::Failure,
    opened::{self, place, url},
};
use crate::{
    config::{Config, Database, IdpKind},
    idp::Idps,
    model::WebRedirects,
    store::{self, Store},
    world::{Clock, Outbound},
};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Check {
    /// Also ask the database and the identity providers
    #[arg(long)]
    online: bool,
}

impl Check {
    pub(super) async fn run(self, file: Option<PathBuf>) -> Result<(), Failure> {
        let config = opened::load(file)?;
        describe(&config);
        for text in config.warnings.iter().cloned().chain(advice(&config)) {
            println!("note      {text}");
        }
        if self.online {
            online(&config).await?;
        }
        println!("the settings are good");
        Ok(())
    }
}

fn describe(config: &Config) {
    println!("listens   {}", config.server.listen);
    println!("base URL  {}", config.server.base_url);
    println!("database  {}", place(config));
    for idp in &config.idps {
        let kind = match &idp.kind {
            IdpKind::Oidc { issuer } => format!("OpenID Connect, {issuer}"),
            IdpKind::Google { issuer } => format!("Google, {issuer}"),
            IdpKind::Microsoft(entra) => format!("Entra ID, {}/{}", entra.authority, entra.tenant),
            IdpKind::GitHub { url, .. } => format!("GitHub, {url}"),
            IdpKind::Header(headers) => {
                println!(
                    "sign-in   {}: the header {} from a proxy in front",
                    idp.name, headers.user
                );
                continue;
            }
            IdpKind::Generic(endpoints) => format!("generic OAuth, {}", endpoints.authorization),
        };
        let callback = if idp.plain_callback { String::new() } else { format!("/{}", idp.name) };
        println!("sign-in   {}: {kind}", idp.name);
        println!(
            "          redirect URI to register: {}/sso/callback{callback}",
            config.server.base_url
        );
        let domains = match idp.domains.as_slice() {
            [] => "nobody, since domains is not set".to_owned(),
            domains => format!("with {} in their e-mail", domains.join(", ")),
        };
        println!("          claims of people made in advance: {domains}");
    }
    for model in &config.models {
        println!("model     {} by {} as {}", model.name, model.upstream, model.upstream_model);
    }
    let connect = &config.connect;
    println!(
        "leavers   blocked here, or put out by a rule at a sign-in: all of theirs refuses at once, running calls \
         are cut within {}",
        config.server.revoke_grace.in_words()
    );
    println!(
        "          if nobody tells: keys are renewed for {} after the last sign-in (connect.renew_within), and \
         last up to {} where the person chose so (connect.max_key_lifetime)",
        connect.renew_within.in_words(),
        connect.max_key_lifetime.in_words()
    );
}

/// What is allowed and perhaps not meant.
fn advice(config: &Config) -> Vec<String> {
    let server = &config.server;
    let mut notes = Vec::new();
    if server.base_url.is_https() && config.connect.redirects.web == WebRedirects::Consent {
        notes.push(
            "base_url is public and connect.web_redirects = \"consent\": any website can ask people for a \
             key. \"listed\" with connect.redirect_allowlist is safer"
                .into(),
        );
    }
    if server.base_url.is_https() && server.trusted_proxies.is_empty() {
        notes.push(
            "base_url is https, so a proxy ends TLS; name it in server.trusted_proxies, or everybody behind \
             it shares one address and one limit on wrong passwords"
                .into(),
        );
    }
    if server.base_url.is_loopback() {
        let text = "base_url is this computer: cookies reach every port of it. Fine for trying out";
        notes.push(text.into());
    }
    if config.idps.is_empty() && config.signin.admin.is_none() {
        let text = "there is no [[idp]]: people sign in with local accounts only";
        notes.push(text.into());
    }
    notes
}

async fn online(config: &Config) -> Result<(), Failure> {
    let mut wrong = 0;
    let mut say = |what: &str, outcome: Result<(), String>| match outcome {
        Ok(()) => println!("ok        {what}"),
        Err(why) => {
            wrong += 1;
            println!("wrong     {what}: {why}");
        }
    };
    say("the database", database(config).await.map_err(|error| error.to_string()));
    let (outbound, clock) = (Outbound::new(), Clock::system());
    for idp in Idps::new(config, &outbound, &clock).all() {
        let redirect_uri = format!("{}{}", config.server.base_url, idp.callback());
        for checked in idp.check(&outbound, &clock, &redirect_uri).await {
            let what = format!("the identity provider {}: {}", idp.name(), checked.what);
            say(&what, checked.outcome);
        }
    }
    match wrong {
        0 => Ok(()),
        1 => Err(Failure::failed("one thing is wrong")),
        count => Err(Failure::failed(format!("{count} things are wrong"))),
    }
}

/// Asks, and changes nothing: a file that is not there yet is not made.
async fn database(config: &Config) -> Result<(), store::Error> {
    if let Database::Sqlite(path) = &config.server.database
        && !path.exists()
    {
        println!("note      {} is not there yet: serve makes it", path.display());
        return Ok(());
    }
    Store::connect(&url(config))?.read(store::Ping).await
}
