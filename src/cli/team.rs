//! `gatekey team`.
use super::{failure::Failure, opened::Opened, table};
use crate::{
    model::{KeptLimits, Member, ModelList, Team, TeamId, TeamRole, Timestamp},
    store::{
        leaving::{Back, Leave, Return, Who},
        members::{AddMembers, MembersOf, RemoveMember},
        teams::{Changed, ListTeams, Made, NewTeam, TeamPatch, UpdateTeam, delete_team},
    },
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Make a team
    New(New),
    /// List all teams
    List(List),
    /// Show a team and who is in it
    Info(Info),
    /// Put a person into a team by hand, or change their role there
    Add(Add),
    /// Take a person out of a team; their keys of it refuse within a second
    ///
    /// Whom a [[team]] rule put there comes back at the next sign-in, if the groups still say so.
    Remove(Remove),
    /// Say which models the keys of a team may call; without any, all
    Models(Models),
    /// Block a team: its keys refuse within a second
    Block(Block),
    /// Let a blocked team's keys work again
    Unblock(Named),
    /// Delete a team and its keys
    Delete(Named),
}

#[derive(Args)]
pub(super) struct New {
    /// Its name, which no other team has
    name: String,
    /// The models its keys may call, separated by commas; * stands for any characters [default: all]
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
}

#[derive(Args)]
pub(super) struct List {
    /// One JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Info {
    /// Its id or name
    team: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Add {
    /// Its id or name
    team: String,
    /// An id, a local account, or an e-mail that one person has
    user: String,
    /// As an admin of the team, who looks after its members and keys
    #[arg(long)]
    admin: bool,
}

#[derive(Args)]
pub(super) struct Remove {
    /// Its id or name
    team: String,
    /// An id, a local account, or an e-mail that one person has
    user: String,
}

#[derive(Args)]
pub(super) struct Models {
    /// Its id or name
    team: String,
    /// Names, separated by commas; * stands for any characters
    #[arg(value_delimiter = ',')]
    models: Vec<String>,
}

#[derive(Args)]
pub(super) struct Block {
    /// Its id or name
    team: String,
    /// Why, for lists and the audit
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Args)]
pub(super) struct Named {
    /// Its id or name
    team: String,
}

const PAGE: i64 = 500;

impl Verb {
    pub(super) async fn run(self, config: Option<PathBuf>) -> Result<(), Failure> {
        let opened = Opened::open(config).await?;
        match self {
            Self::New(new) => new.run(&opened).await,
            Self::List(list) => list.run(&opened).await,
            Self::Info(info) => info.run(&opened).await,
            Self::Add(add) => add.run(&opened).await,
            Self::Remove(remove) => remove.run(&opened).await,
            Self::Models(models) => models.run(&opened).await,
            Self::Block(block) => block.run(&opened).await,
            Self::Unblock(named) => named.unblock(&opened).await,
            Self::Delete(named) => named.delete(&opened).await,
        }
    }
}

impl New {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let alias = self.name.trim().to_owned();
        if alias.is_empty() || alias.len() > 255 {
            return Err(Failure::usage("the name must have 1 to 255 characters"));
        }
        let id = TeamId::new(opened.entropy.draw());
        let team = Team {
            id: id.clone(),
            alias: alias.clone(),
            models: ModelList(self.models),
            metadata: "{}".into(),
            blocked: None,
            limits: KeptLimits::default(),
        };
        let new = NewTeam { team, members: Vec::new(), act: opened.act() };
        if opened.store.write(new).await? != Made::Done {
            return Err(Failure::failed(format!("there is a team {alias:?} already")));
        }
        println!("{id}");
        Ok(())
    }
}

impl List {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let mut teams: Vec<(Team, Timestamp)> = Vec::new();
        loop {
            let offset = i64::try_from(teams.len()).unwrap_or(i64::MAX);
            let (page, total) =
                opened.store.read(ListTeams { user: None, limit: PAGE, offset }).await?;
            let ended = page.is_empty();
            teams.extend(page);
            if ended || i64::try_from(teams.len()).unwrap_or(i64::MAX) >= total {
                break;
            }
        }
        if self.json {
            let array: Vec<_> = teams.iter().map(|(team, made)| as_json(team, *made)).collect();
            println!("{:#}", serde_json::Value::Array(array));
            return Ok(());
        }
        let row = |(team, _): &(Team, Timestamp)| {
            vec![team.id.to_string(), team.alias.clone(), models(team), state(team)]
        };
        table::print(
            &["ID", "NAME", "MODELS", "STATE"],
            &teams.iter().map(row).collect::<Vec<_>>(),
        );
        Ok(())
    }
}

fn as_json(team: &Team, made: Timestamp) -> serde_json::Value {
    json!({
        "team_id": team.id,
        "team_alias": team.alias,
        "models": team.models,
        "blocked": team.blocked.is_some(),
        "block_reason": team.blocked.clone().flatten(),
        "created_at": made.rfc3339(),
    })
}

fn models(team: &Team) -> String {
    if team.models.0.is_empty() { "all".into() } else { team.models.0.join(", ") }
}

fn state(team: &Team) -> String {
    match &team.blocked {
        None => "-".into(),
        Some(None) => "blocked".into(),
        Some(Some(reason)) => format!("blocked: {reason}"),
    }
}

impl Info {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let team = opened.team(&self.team).await?;
        let members =
            opened.store.read(MembersOf { team: team.id.clone(), limit: 100_000 }).await?;
        if self.json {
            let members: Vec<_> = members
                .iter()
                .map(|m| json!({"user_id": m.user, "user_email": m.email, "role": m.role, "source": m.source}))
                .collect();
            println!(
                "{:#}",
                json!({
                    "team_id": team.id,
                    "team_alias": team.alias,
                    "models": team.models,
                    "blocked": team.blocked.is_some(),
                    "members_with_roles": members,
                })
            );
            return Ok(());
        }
        println!("{}  {}  models: {}  {}", team.id, team.alias, models(&team), state(&team));
        let row = |m: &Member| {
            let shown = m.email.clone().or(m.name.clone()).unwrap_or_else(|| "-".into());
            vec![m.user.to_string(), shown, m.role.name().into(), m.source.name().into()]
        };
        let rows: Vec<_> = members.iter().map(row).collect();
        table::print(&["USER", "E-MAIL", "ROLE", "BY"], &rows);
        Ok(())
    }
}

impl Add {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let (team, user) = (opened.team(&self.team).await?, opened.person(&self.user).await?);
        let role = if self.admin { TeamRole::Admin } else { TeamRole::User };
        let members = vec![(user.id.clone(), role)];
        if !opened.store.write(AddMembers { team: team.id, members, act: opened.act() }).await? {
            return Err(Failure::failed("the team or the person is gone"));
        }
        println!("{} is in {} as {}", user.shown(), team.alias, role.name());
        Ok(())
    }
}

impl Remove {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let (team, user) = (opened.team(&self.team).await?, opened.person(&self.user).await?);
        let remove = RemoveMember { team: team.id, user: user.id.clone(), act: opened.act() };
        if !opened.store.write(remove).await? {
            let text = format!("{} is not in {}", user.shown(), team.alias);
            return Err(Failure::failed(text));
        }
        println!("{} is not in {} any more", user.shown(), team.alias);
        Ok(())
    }
}

impl Models {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let team = opened.team(&self.team).await?;
        let patch = TeamPatch { models: Some(ModelList(self.models)), ..TeamPatch::default() };
        match opened.store.write(UpdateTeam { id: team.id, patch, act: opened.act() }).await? {
            Changed::Done(team) => {
                println!("{} may call: {}", team.alias, models(&team));
                Ok(())
            }
            Changed::NoSuchTeam | Changed::NameTaken => Err(Failure::failed("the team is gone")),
        }
    }
}

impl Block {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let team = opened.team(&self.team).await?;
        let leave = Leave { who: Who::Team(team.id), why: self.reason, act: opened.act() };
        opened.store.write(leave).await?;
        println!("blocked {}", team.alias);
        Ok(())
    }
}

impl Named {
    async fn unblock(self, opened: &Opened) -> Result<(), Failure> {
        let team = opened.team(&self.team).await?;
        opened.store.write(Return { who: Back::Team(team.id), act: opened.act() }).await?;
        println!("unblocked {}", team.alias);
        Ok(())
    }

    async fn delete(self, opened: &Opened) -> Result<(), Failure> {
        let team = opened.team(&self.team).await?;
        delete_team(&opened.store, &team.id, || opened.act()).await?;
        println!("deleted {}", team.alias);
        Ok(())
    }
}
