//! `gatekey user`.
use super::{failure::Failure, opened::Opened, table};
use crate::{
    idp::hash_password,
    model::{Role, Timestamp, UserId},
    store::{
        accounts::AddAccount,
        users::{Block, ListUsers, Listed},
    },
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::{
    io::{BufRead as _, IsTerminal as _},
    path::PathBuf,
};

const SHORTEST: usize = 8;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Add a local account, for somebody whom no identity provider signs in
    ///
    /// The password is asked for, or read from a pipe: echo "$PASSWORD" | gatekey user add ada@acme.example
    Add(Add),
    /// List everybody who was added or has signed in
    List(List),
    /// Block a person: sessions end, and keys refuse within a second
    Block(Named),
    /// Let a blocked person in again; keys that have not ended work again
    Unblock(Named),
}

#[derive(Args)]
pub(super) struct Add {
    /// The e-mail, which is also the username
    email: String,
    /// An admin's account
    #[arg(long)]
    admin: bool,
}

#[derive(Args)]
pub(super) struct List {
    /// One JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Named {
    /// An id, a local account, or an e-mail that one person has
    user: String,
}

impl Verb {
    pub(super) async fn run(self, config: Option<PathBuf>) -> Result<(), Failure> {
        let opened = Opened::open(config).await?;
        match self {
            Self::Add(add) => add.run(&opened).await,
            Self::List(list) => list.run(&opened).await,
            Self::Block(named) => named.set(&opened, true).await,
            Self::Unblock(named) => named.set(&opened, false).await,
        }
    }
}

impl Add {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let username = self.email.trim().to_owned();
        if username.is_empty() || username.len() > 255 {
            return Err(Failure::usage("the e-mail must have 1 to 255 characters"));
        }
        let password = password()?;
        if password.len() < SHORTEST || password.len() > 1024 {
            return Err(Failure::usage(format!(
                "the password must have {SHORTEST} to 1024 characters"
            )));
        }
        let role = if self.admin { Role::ProxyAdmin } else { Role::InternalUser };
        let fresh = UserId::new(opened.entropy.draw());
        let add = AddAccount {
            email: username.contains('@').then(|| username.clone()),
            username: username.clone(),
            password: hash_password(&password),
            role,
            fresh: fresh.clone(),
            act: opened.act(),
        };
        if !opened.store.write(add).await? {
            return Err(Failure::failed(format!("there is a local account {username:?} already")));
        }
        println!("{fresh}");
        Ok(())
    }
}

/// Typed twice at a terminal, or the first line of a pipe.
fn password() -> Result<String, Failure> {
    let unread = |error: std::io::Error| Failure::failed(format!("no password: {error}"));
    if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ").map_err(unread)?;
        let second = rpassword::prompt_password("Once more: ").map_err(unread)?;
        return if first == second {
            Ok(first)
        } else {
            Err(Failure::usage("the two passwords differ"))
        };
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(unread)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

impl List {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let people = opened.store.read(ListUsers).await?;
        if self.json {
            let array: Vec<_> = people.iter().map(as_json).collect();
            println!("{:#}", serde_json::Value::Array(array));
            return Ok(());
        }
        let rows: Vec<_> = people.iter().map(as_row).collect();
        table::print(&["ID", "E-MAIL", "NAME", "ROLE", "LAST SIGN-IN", "STATE"], &rows);
        Ok(())
    }
}

fn as_json(listed: &Listed) -> serde_json::Value {
    let user = &listed.user;
    json!({
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "created_at": listed.created_at.rfc3339(),
        "signed_in_at": listed.signed_in_at.map(Timestamp::rfc3339),
        "blocked": user.blocked,
    })
}

fn as_row(listed: &Listed) -> Vec<String> {
    let user = &listed.user;
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    vec![
        user.id.to_string(),
        or_dash(&user.email),
        or_dash(&user.name),
        user.role.name().into(),
        listed.signed_in_at.map_or("never".into(), Timestamp::rfc3339),
        if user.blocked { "blocked".into() } else { "-".into() },
    ]
}

impl Named {
    async fn set(self, opened: &Opened, blocked: bool) -> Result<(), Failure> {
        let user = opened.person(&self.user).await?;
        let block = Block { user: user.id.clone(), blocked, act: opened.act() };
        if !opened.store.write(block).await? {
            return Err(Failure::failed(format!("{} is gone", user.id)));
        }
        println!("{} {}", if blocked { "blocked" } else { "unblocked" }, user.shown());
        Ok(())
    }
}
