//! What people allowed. A grant is made by an approval, or by a key that begets one; by nothing else.
use super::{
    Error, Operation, Tx, app_rules,
    audit::{self, Act},
    codes::{self, FreshCode},
    keys::{self, FreshKey, MayOwn},
    keys_end::{self, Which},
    polls::{self, Tried},
    requests::Gate,
    users::user_columns,
};
use crate::model::{Dialect, GrantId, Hash, KeyId, Rights, TeamId, Terms, Timestamp, User, UserId};
use serde_json::json;

/// What a key is made from, at once or when a code or a poll is redeemed.
#[derive(Debug, Clone)]
pub struct Granted {
    pub id: GrantId,
    pub user: UserId,
    /// The app's id.
    pub app: String,
    pub team: Option<TeamId>,
    pub terms: Terms,
    /// Where the key goes, without the address's query: that is the app's, and may hold a secret of its own.
    pub sent_to: Option<String>,
    /// When the person last proved who they are for it.
    pub signed_in_at: Timestamp,
}

/// What is kept of a secret that is about to leave.
#[derive(Debug, Clone)]
pub struct FreshSecret {
    pub id: KeyId,
    pub hash: Hash,
    pub hint: String,
    /// What it is called, unless the app asked for a name.
    pub alias: String,
}

impl Granted {
    #[must_use]
    pub fn key(&self, secret: &FreshSecret, at: Timestamp, parent: Option<&KeyId>) -> FreshKey {
        let ends = self.terms.key_ends(at);
        let metadata = json!({
            "oauth_flow": true,
            "client_type": "oauth_external_app",
            "session_type": "oauth_session",
            "redirect_uri": self.sent_to,
            "app": self.app,
            "created_at": at.rfc3339(),
            "expires_at": ends.rfc3339(),
        });
        FreshKey {
            id: secret.id.clone(),
            hash: secret.hash,
            hint: secret.hint.clone(),
            alias: Some(self.terms.label.clone().unwrap_or_else(|| secret.alias.clone())),
            user: self.user.clone(),
            grant: Some(self.id.clone()),
            app: Some(self.app.clone()),
            team: self.team.clone(),
            models: self.terms.models.clone(),
            metadata: metadata.to_string(),
            signed_in_at: self.signed_in_at,
            expires_at: Some(ends),
            limits: self.terms.limits.clone(),
            budget: None,
            parent: parent.cloned(),
        }
    }
}

/// How many live keys one app of one person may have.
#[derive(Debug, Clone, Copy)]
pub struct Cap(pub i64);

/// A request becomes a grant and what the app is given for it, or a live key begets that: all or nothing.
pub struct Approve {
    /// `None`: no page asked; a live key did.
    pub gate: Option<Gate>,
    /// The key that begets this one: it must count while it does.
    pub parent: Option<KeyId>,
    pub granted: Granted,
    /// The app's name, where the grant is new; else it is the parent's.
    pub fresh: Option<String>,
    pub dialect: Dialect,
    pub gives: Gives,
    pub cap: Cap,
    pub act: Act,
}

/// What the app gets: at once, by redeeming, or by asking.
pub enum Gives {
    Key(FreshSecret),
    Code(FreshCode),
    Poll {
        poll: Hash,
        user_code: Option<Hash>,
        /// Else the terminal asks for it.
        team_chosen: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approved {
    Done,
    /// Answered before, expired, another browser's or another dialect's.
    Gone,
    /// The person counts no more.
    Blocked,
    /// The person is not in that team any more.
    NotInTeam,
    /// An admin lets nobody connect this app.
    AppBlocked,
    /// The key on whose word it was asked counts no more.
    ParentEnded,
    /// The app has as many live keys as it may. Nothing is used up.
    TooManyKeys,
    /// Nothing is used up by it, but it is counted.
    WrongUserCode,
    /// The person's role may look, not have keys made.
    LooksOnly,
    /// The end that the app asked for has come.
    Over,
}

impl Operation for Approve {
    type Output = Approved;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Approved, Error> {
        let at = self.act.at;
        match hold(tx, &self.granted, self.cap, at).await? {
            Held::Good => {}
            Held::Blocked => return Ok(Approved::Blocked),
            Held::NotInTeam => return Ok(Approved::NotInTeam),
            Held::AppBlocked => return Ok(Approved::AppBlocked),
            Held::TooManyKeys => return Ok(Approved::TooManyKeys),
            Held::LooksOnly => return Ok(Approved::LooksOnly),
            Held::Over => return Ok(Approved::Over),
        }
        if let Some(parent) = &self.parent
            && !keys::is_live(tx, parent, at).await?
        {
            return Ok(Approved::ParentEnded);
        }
        if let Gives::Poll { poll, user_code, .. } = self.gives {
            match polls::try_user_code(tx, poll, user_code, at).await? {
                Tried::Right => {}
                Tried::Wrong => return Ok(Approved::WrongUserCode),
                Tried::Gone => return Ok(Approved::Gone),
            }
        }
        if let Some(gate) = &self.gate
            && !gate.pass(tx).await?
        {
            return Ok(Approved::Gone);
        }
        if let Some(app_name) = &self.fresh {
            self.insert(tx, app_name).await?;
        }
        match &self.gives {
            Gives::Key(secret) => {
                keys::insert(tx, &self.granted.key(secret, at, self.parent.as_ref()), &self.act)
                    .await?;
            }
            Gives::Code(code) => codes::insert(tx, code, self.dialect, &self.granted, at).await?,
            Gives::Poll { poll, team_chosen, .. } => {
                polls::make_ready(tx, *poll, &self.granted, (*team_chosen, at)).await?;
            }
        }
        Ok(Approved::Done)
    }
}

impl Approve {
    async fn insert(&self, tx: &mut Tx<'_>, app_name: &str) -> Result<(), Error> {
        let granted = &self.granted;
        let entry = self.act.entry("grant", &granted.id).of_user(&granted.user);
        audit::insert(tx, &entry.of_app(Some(&granted.app)).saying(self.dialect.0)).await?;
        tx.run(
            "INSERT INTO grants (id, user_id, app, app_name, dialect, terms, team_id, sent_to,
                 signed_in_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            (
                &granted.id,
                &granted.user,
                &granted.app,
                app_name,
                self.dialect,
                &granted.terms,
                &granted.team,
                &granted.sent_to,
                granted.signed_in_at,
                self.act.at,
            ),
        )
        .await
    }
}

pub(super) enum Held {
    Good,
    Blocked,
    NotInTeam,
    AppBlocked,
    TooManyKeys,
    LooksOnly,
    Over,
}

/// Holds the person's row until the commit, so that of many at once none passes the cap.
pub(super) async fn hold(
    tx: &mut Tx<'_>,
    granted: &Granted,
    cap: Cap,
    at: Timestamp,
) -> Result<Held, Error> {
    match keys::may_own(tx, &granted.user, granted.team.as_ref()).await? {
        MayOwn::Yes => {}
        MayOwn::No => return Ok(Held::Blocked),
        MayOwn::NotInTeam | MayOwn::NoSuchBudget => return Ok(Held::NotInTeam),
    }
    if app_rules::is_blocked(tx, &granted.app).await? {
        return Ok(Held::AppBlocked);
    }
    // The role may have changed since the page was shown.
    let owner: User = tx
        .one(concat!("SELECT ", user_columns!(), " FROM users WHERE id = $1"), (&granted.user,))
        .await?;
    if !Rights::may_connect(&owner) {
        return Ok(Held::LooksOnly);
    }
    if granted.terms.key_ends(at) <= at {
        return Ok(Held::Over);
    }
    let (live,): (i64,) = tx
        .one(
            "SELECT COUNT(*) FROM keys WHERE user_id = $1 AND app = $2
             AND (expires_at IS NULL OR expires_at > $3)",
            (&granted.user, &granted.app, at),
        )
        .await?;
    Ok(if live >= cap.0 { Held::TooManyKeys } else { Held::Good })
}

/// A grant ends with all that came of it. Only with the person's row held.
pub(super) async fn end(tx: &mut Tx<'_>, id: &GrantId, act: &Act) -> Result<(), Error> {
    tx.run("DELETE FROM codes WHERE grant_id = $1", (id,)).await?;
    tx.run("DELETE FROM ready_polls WHERE grant_id = $1", (id,)).await?;
    keys_end::end(tx, &Which::Grant(id.clone()), act).await?;
    tx.run("DELETE FROM grants WHERE id = $1", (id,)).await
}
