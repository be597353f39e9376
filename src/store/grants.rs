//! What people allowed. A grant is made by an approval, or by a key that begets one; by nothing else.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
    keys::{self, FreshKey, MayOwn},
    requests::Gate,
};
use crate::model::{App, Dialect, GrantId, KeyId, Terms, Timestamp, UserId};

#[derive(Debug, Clone)]
pub struct Grant {
    pub id: GrantId,
    pub user: UserId,
    pub app: App,
    pub dialect: Dialect,
    pub terms: Terms,
    /// When the person last proved who they are for it.
    pub signed_in_at: Timestamp,
}

/// How many live keys one app of one person may have.
#[derive(Debug, Clone, Copy)]
pub struct Cap(pub i64);

/// A request becomes a grant and its key, or a live key begets one: all or nothing.
pub struct Approve {
    /// `None`: no page asked; a live key did.
    pub gate: Option<Gate>,
    /// The key that begets this one: it must count while it does.
    pub parent: Option<KeyId>,
    /// `None`: the key joins its parent's grant.
    pub grant: Option<Grant>,
    pub key: FreshKey,
    pub cap: Cap,
    pub act: Act,
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
    /// The key on whose word it was asked counts no more.
    ParentEnded,
    /// The app has as many live keys as it may. Nothing is used up.
    TooManyKeys,
}

impl Operation for Approve {
    type Output = Approved;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Approved, Error> {
        let (at, app) = (self.act.at, self.key.app.as_deref());
        if let Some(refused) = hold(tx, &self.key, self.cap, at).await? {
            return Ok(refused);
        }
        if let Some(parent) = &self.parent
            && !keys::is_live(tx, parent, at).await?
        {
            return Ok(Approved::ParentEnded);
        }
        if let Some(gate) = &self.gate
            && !gate.pass(tx).await?
        {
            return Ok(Approved::Gone);
        }
        if let Some(grant) = &self.grant {
            insert(tx, grant, at).await?;
            let entry = self.act.entry("grant", &grant.id).of_user(&grant.user).of_app(app);
            audit::insert(tx, &entry).await?;
        }
        keys::insert(tx, &self.key, &self.act).await?;
        Ok(Approved::Done)
    }
}

/// Holds the person's row until the commit, so that of many approvals at once none passes the cap.
async fn hold(
    tx: &mut Tx<'_>,
    key: &FreshKey,
    cap: Cap,
    at: Timestamp,
) -> Result<Option<Approved>, Error> {
    match keys::may_own(tx, &key.user, key.team.as_ref()).await? {
        MayOwn::Yes => {}
        MayOwn::No => return Ok(Some(Approved::Blocked)),
        MayOwn::NotInTeam => return Ok(Some(Approved::NotInTeam)),
    }
    let (live,): (i64,) = tx
        .one(
            "SELECT COUNT(*) FROM keys WHERE user_id = $1 AND app = $2
             AND (expires_at IS NULL OR expires_at > $3)",
            (&key.user, &key.app, at),
        )
        .await?;
    Ok((live >= cap.0).then_some(Approved::TooManyKeys))
}

async fn insert(tx: &mut Tx<'_>, grant: &Grant, at: Timestamp) -> Result<(), Error> {
    tx.run(
        "INSERT INTO grants (id, user_id, app, app_name, dialect, terms, signed_in_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        (
            &grant.id,
            &grant.user,
            &grant.app.id,
            &grant.app.name,
            grant.dialect.0,
            &grant.terms,
            grant.signed_in_at,
            at,
        ),
    )
    .await
}
