//! `gatekey user`.
use super::{failure::Failure, opened::Opened, table};
use crate::{
    idp::{hash_password, wrong_with},
    model::{Handle, Role, Timestamp, User, UserId},
    store::{
        accounts::{AddAccount, Added, OfferReset},
        leaving::{Back, Leave, Return, Who},
        users::{ListUsers, Listed},
        users_change::{UpdateUser, UserPatch, delete_user},
    },
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::{
    io::{BufRead as _, IsTerminal as _},
    path::PathBuf,
};

#[derive(Subcommand)]
#[expect(clippy::doc_markdown, reason = "it is the text of --help")]
pub(super) enum Verb {
    /// Add a local account, for somebody whom no identity provider signs in
    ///
    /// The password is asked for, or read from a pipe: echo "$PASSWORD" | gatekey user add ada@acme.example
    Add(Add),
    /// List everybody who was added or has signed in
    List(List),
    /// Give a person a role: proxy_admin, proxy_admin_viewer, internal_user or internal_user_viewer
    ///
    /// It counts when the provider gives none, and the person signs in again to have it. "none" takes it back.
    Role(SetRole),
    /// Block a person: sessions end, keys refuse within a second, running calls are cut
    Block(Block),
    /// Let a blocked person in again; keys that have not ended work again
    Unblock(Named),
    /// Make a link by which the owner of a local account sets a new password, once, within a day
    Reset(Named),
    /// Delete a person and their keys; what they used stays in the books
    Delete(Named),
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
    /// Only those with a word of name or address that begins so
    #[arg(long, value_name = "WORD")]
    search: Option<String>,
    /// One JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct SetRole {
    /// An id, a local account, or an e-mail that one person has
    user: String,
    /// The role, or "none"
    role: String,
}

#[derive(Args)]
pub(super) struct Block {
    /// An id, a local account, or an e-mail that one person has
    user: String,
    /// Why, for lists and the audit
    #[arg(long)]
    reason: Option<String>,
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
            Self::Role(role) => role.run(&opened).await,
            Self::Block(block) => block.run(&opened).await,
            Self::Unblock(named) => named.unblock(&opened).await,
            Self::Reset(named) => named.reset(&opened).await,
            Self::Delete(named) => named.delete(&opened).await,
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
        if let Some(wrong) = wrong_with(&password) {
            return Err(Failure::usage(format!("that password will not do. {wrong}")));
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
        match opened.store.write(add).await? {
            Added::Done => println!("{fresh}"),
            Added::NameTaken => {
                let text = format!("there is a local account {username:?} already");
                return Err(Failure::failed(text));
            }
            Added::NameOf(owner) => {
                let text = format!(
                    "{username:?} was an account of the settings, and a name is never handed on: choose \
                     another, or first delete who had it (gatekey user delete {owner})"
                );
                return Err(Failure::failed(text));
            }
        }
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
        const PAGE: i64 = 500;
        let mut people: Vec<Listed> = Vec::new();
        loop {
            let offset = i64::try_from(people.len()).unwrap_or(i64::MAX);
            let search = self.search.clone();
            let list = ListUsers { search, limit: PAGE, offset, ..ListUsers::default() };
            let (page, total) = opened.store.read(list).await?;
            let ended = page.is_empty();
            people.extend(page);
            if ended || i64::try_from(people.len()).unwrap_or(i64::MAX) >= total {
                break;
            }
        }
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
        "blocked": !user.standing.is_good(),
        "block_reason": user.standing.why(),
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
        user.standing.why().unwrap_or_else(|| "-".into()),
    ]
}

impl SetRole {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let role = match (self.role.as_str(), Role::parse(&self.role)) {
            ("none", _) => None,
            (_, Some(role)) => Some(role),
            (text, None) => {
                let all =
                    "proxy_admin, proxy_admin_viewer, internal_user, internal_user_viewer, or none";
                return Err(Failure::usage(format!("{text:?} is no role; there is: {all}")));
            }
        };
        let user = opened.person(&self.user).await?;
        let patch = UserPatch { role: Some(role), ..UserPatch::default() };
        let update = UpdateUser { id: user.id.clone(), patch, act: opened.act() };
        let changed = opened.store.write(update).await?.ok_or_else(|| gone(&user))?;
        println!("{} is {}", user.shown(), changed.user.role.name());
        Ok(())
    }
}

fn gone(user: &User) -> Failure {
    Failure::failed(format!("{} is gone", user.id))
}

impl Block {
    async fn run(self, opened: &Opened) -> Result<(), Failure> {
        let user = opened.person(&self.user).await?;
        let who = Who::Blocked(user.id.clone());
        let leave = Leave { who, why: self.reason, act: opened.act() };
        if !opened.store.write(leave).await? {
            return Err(gone(&user));
        }
        println!("blocked {}", user.shown());
        Ok(())
    }
}

impl Named {
    async fn unblock(self, opened: &Opened) -> Result<(), Failure> {
        let user = opened.person(&self.user).await?;
        let back = Return { who: Back::User(user.id.clone()), act: opened.act() };
        if !opened.store.write(back).await? {
            return Err(gone(&user));
        }
        println!("unblocked {}", user.shown());
        Ok(())
    }

    /// The link is on stdout, alone.
    async fn reset(self, opened: &Opened) -> Result<(), Failure> {
        let user = opened.person(&self.user).await?;
        let token = Handle::new(opened.entropy.draw());
        let offer = OfferReset {
            user: user.id.clone(),
            token: token.hash(),
            expires_at: opened.clock.now().plus(OfferReset::SECONDS),
            act: opened.act(),
        };
        if !opened.store.write(offer).await? {
            let text = "has no local account: the identity provider keeps their password";
            return Err(Failure::failed(format!("{} {text}", user.shown())));
        }
        println!("{}/reset/{}", opened.config.server.base_url, token.expose());
        Ok(())
    }

    async fn delete(self, opened: &Opened) -> Result<(), Failure> {
        let user = opened.person(&self.user).await?;
        if !delete_user(&opened.store, &user.id, || opened.act()).await? {
            let text = format!("{} is gone, or cannot be deleted, only blocked", user.id);
            return Err(Failure::failed(text));
        }
        println!("deleted {}", user.shown());
        Ok(())
    }
}
