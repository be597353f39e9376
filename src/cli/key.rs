//! `gatekey key`.
use super::{failure::Failure, opened::Opened, table};
use crate::{
    model::{AccessKey, Key, KeyId, Lifetime, Limits, ModelList, NanoDollars, Timestamp, Window},
    store::{
        keys::{CreateKey, FreshKey, MayOwn},
        keys_end::{EndKeys, Which},
        keys_list::ListKeys,
        users::EnsureService,
    },
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Make a key and print it, alone, on stdout. It is shown this once
    Create(Create),
    /// List all keys
    List(List),
    /// End keys. A running server refuses them within a second
    Revoke(Revoke),
}

#[derive(Args)]
pub(super) struct Create {
    /// Whose key it is: an id, a local account, or an e-mail that one person has
    #[arg(long, value_name = "EMAIL", required_unless_present = "team")]
    user: Option<String>,
    /// The team whose models it may call; without --user it is the team's own, and ends with no person's leaving
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// What lists call it
    #[arg(long)]
    alias: Option<String>,
    /// How long it works: 30s, 15m, 24h, 7d, 1w, 1mo [default: until it is revoked]
    #[arg(long)]
    duration: Option<Lifetime>,
    /// The models it may call, separated by commas; * stands for any characters [default: all]
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// What it may spend, in dollars, such as 20 or 0.125 [default: as the settings say, or no limit]
    #[arg(long, value_name = "DOLLARS", value_parser = NanoDollars::parse)]
    max_budget: Option<NanoDollars>,
    /// When the budget begins anew: daily, weekly, monthly, or so long after its first call (24h, 7d, 1mo) [default:
    /// never]
    #[arg(long, value_name = "WINDOW", requires = "max_budget")]
    budget_duration: Option<Window>,
}

#[derive(Args)]
pub(super) struct List {
    /// One JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Revoke {
    /// The id of one key, as `gatekey key list` shows it
    id: Option<String>,
    /// All keys of a person
    #[arg(long)]
    user: Option<String>,
    /// All keys of a team
    #[arg(long)]
    team: Option<String>,
    /// All keys of an app, as `gatekey key list` shows it
    #[arg(long)]
    app: Option<String>,
    /// All keys made before a date (2026-11-25) or moment (2026-11-25T12:00:00Z), UTC
    #[arg(long, value_name = "DATE")]
    before: Option<String>,
}

impl Verb {
    pub(super) async fn run(self, config: Option<PathBuf>) -> Result<(), Failure> {
        let opened = Opened::open(config).await?;
        match self {
            Self::Create(create) => create.run(&opened).await,
            Self::List(list) => list.run(&opened).await,
            Self::Revoke(revoke) => revoke.run(&opened).await,
        }
    }
}

impl Create {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let at = opened.clock.now();
        let team = match &self.team {
            Some(text) => Some(opened.team(text).await?.id),
            None => None,
        };
        let user = match (&self.user, &team) {
            (Some(text), _) => opened.person(text).await?.id,
            (None, Some(team)) => {
                opened.store.write(EnsureService { team: team.clone(), at }).await?
            }
            (None, None) => return Err(Failure::usage("say whose key: --user, --team, or both")),
        };
        let asked = Limits {
            max_budget: self.max_budget,
            budget_duration: self.budget_duration,
            ..Limits::default()
        };
        let allowed = opened.config.limits.of_key(asked, self.duration);
        let (limits, duration) =
            allowed.map_err(|(field, why)| Failure::failed(format!("{field} {why}")))?;
        let secret = AccessKey::new(opened.entropy.draw());
        let key = FreshKey {
            id: KeyId::new(opened.entropy.draw()),
            hash: secret.hash(),
            hint: secret.hint(),
            alias: self.alias,
            user,
            grant: None,
            app: None,
            team,
            models: ModelList(self.models),
            metadata: "{}".into(),
            signed_in_at: at,
            expires_at: duration.map(|duration| at.plus(duration.seconds())),
            limits: limits.into(),
            budget: None,
            parent: None,
        };
        match opened.store.write(CreateKey { key, by: None, act: opened.act() }).await? {
            MayOwn::Yes => {}
            MayOwn::No => {
                let text = "the person is blocked or out: `gatekey user list` says why";
                return Err(Failure::failed(text));
            }
            MayOwn::NoSuchBudget | MayOwn::NotInTeam => {
                let text = "the person is not in that team, or it is blocked: `gatekey team info`";
                return Err(Failure::failed(text));
            }
        }
        println!("{}", secret.expose());
        Ok(())
    }
}

impl List {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        const PAGE: i64 = 500;
        let mut keys: Vec<Key> = Vec::new();
        loop {
            let offset = i64::try_from(keys.len()).unwrap_or(i64::MAX);
            let list = ListKeys {
                user: None,
                app: None,
                alias: None,
                team: None,
                live_at: None,
                limit: PAGE,
                offset,
            };
            let (page, _) = opened.store.read(list).await?;
            let ended = page.len() < usize::try_from(PAGE).unwrap_or(0);
            keys.extend(page);
            if ended {
                break;
            }
        }
        if self.json {
            let array: Vec<_> = keys.iter().map(as_json).collect();
            println!("{:#}", serde_json::Value::Array(array));
            return Ok(());
        }
        let at = opened.clock.now();
        let rows: Vec<_> = keys.iter().map(|key| as_row(key, at)).collect();
        table::print(&["ID", "ALIAS", "USER", "TEAM", "APP", "ENDS", "LAST USED", "STATE"], &rows);
        Ok(())
    }
}

fn as_json(key: &Key) -> serde_json::Value {
    let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
    json!({
        "id": key.id,
        "alias": key.alias,
        "user": key.owner.shown(),
        "user_id": key.user,
        "app": key.app,
        "created_at": key.created_at.rfc3339(),
        "expires_at": time(key.expires_at),
        "last_used_at": time(key.last_used_at),
        "team_id": key.team.as_ref().map(|team| &team.id),
        "team": key.team.as_ref().and_then(|team| team.alias.as_ref()),
        "blocked": key.why_blocked().is_some(),
        "block_reason": key.why_blocked(),
    })
}

fn as_row(key: &Key, now: Timestamp) -> Vec<String> {
    let time = |at: Option<Timestamp>| at.map_or("never".into(), Timestamp::rfc3339);
    let or_dash = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".into());
    vec![
        key.id.to_string(),
        or_dash(key.alias.as_ref()),
        key.owner.shown().to_owned(),
        or_dash(key.team.as_ref().and_then(|team| team.alias.as_ref())),
        or_dash(key.app.as_ref()),
        time(key.expires_at),
        time(key.last_used_at),
        key.why_blocked().unwrap_or_else(|| format!("{:?}", key.state(now)).to_lowercase()),
    ]
}

impl Revoke {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let which = match (self.id, self.user, self.team, self.app, self.before) {
            (Some(id), ..) => Which::Id(KeyId::named(&id)),
            (_, Some(user), ..) => Which::User(opened.person(&user).await?.id),
            (_, _, Some(team), ..) => Which::Team(opened.team(&team).await?.id),
            (_, _, _, Some(app), _) => Which::App(app),
            (.., Some(date)) => {
                let text =
                    "--before must be a date (2026-11-25) or a moment (2026-11-25T12:00:00Z)";
                Which::Before(Timestamp::parse(&date).ok_or_else(|| Failure::usage(text))?)
            }
            _ => {
                return Err(Failure::usage(
                    "say which keys: an id, --user, --team, --app or --before",
                ));
            }
        };
        let told = |ended: usize| eprintln!("{ended} revoked so far");
        let ended = EndKeys::all(&opened.store, &which, || opened.act(), told).await?;
        if ended == 0 {
            return Err(Failure::failed("no key fits: `gatekey key list` shows all there are"));
        }
        println!("{ended} revoked");
        Ok(())
    }
}
