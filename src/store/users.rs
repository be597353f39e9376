//! People: who has signed in, as what, and whether they may.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::{self, Act},
    changes::{self, Change},
};
use crate::model::{Hash, Identity, Role, Timestamp, User, UserId};

/// A person comes in: known by (issuer, subject) and by nothing else. Many first sign-ins at once agree.
pub struct SignIn {
    pub identity: Identity,
    /// The id to use if the person is new.
    pub fresh: UserId,
    /// `None` leaves a known person's role as it is.
    pub role: Option<Role>,
    pub idp: String,
    pub session: Hash,
    pub expires_at: Timestamp,
    /// The session this browser had; a new one replaces it (rows C10, U15).
    pub replaces: Vec<Hash>,
    pub act: Act,
}

pub enum SignedIn {
    Done(User),
    Blocked(User),
}

impl Operation for SignIn {
    type Output = SignedIn;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<SignedIn, Error> {
        let who = &self.identity;
        // DO NOTHING would return no row to the one that lost.
        let (id,): (UserId,) = tx
            .one(
                "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (issuer, subject) DO UPDATE SET subject = excluded.subject
                 RETURNING user_id",
                (&who.issuer, &who.subject, &self.fresh, self.act.at),
            )
            .await?;
        let before: Option<(Role,)> =
            tx.optional("SELECT role FROM users WHERE id = $1", (&id,)).await?;
        let user: User = tx
            .one(
                "INSERT INTO users (id, email, name, role, created_at, signed_in_at)
                 VALUES ($1, $2, $3, COALESCE($4, 'internal_user'), $5, $5)
                 ON CONFLICT (id) DO UPDATE SET
                     email = COALESCE(excluded.email, users.email),
                     name = COALESCE(excluded.name, users.name),
                     role = COALESCE($4, users.role),
                     signed_in_at = excluded.signed_in_at
                 RETURNING id, email, name, role, blocked_at",
                (&id, &who.email, &who.name, self.role, self.act.at),
            )
            .await?;
        let act = Act { actor: id.to_string(), ..self.act.clone() };
        let saying = format!("by {}", self.idp);
        if user.blocked {
            audit::insert(tx, &act.entry("signin.refused", &id).saying("blocked")).await?;
            return Ok(SignedIn::Blocked(user));
        }
        for old in &self.replaces {
            tx.run("DELETE FROM sessions WHERE hash = $1", (old,)).await?;
        }
        tx.run(
            "INSERT INTO sessions (hash, user_id, idp, signed_in_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
            (self.session, &id, &self.idp, self.act.at, self.expires_at),
        )
        .await?;
        // Keys in memory know their owner's role, and nothing else that a sign-in changes.
        if before.is_some_and(|(role,)| role != user.role) {
            changes::insert(tx, &Change::User(id.clone()), self.act.at).await?;
        }
        audit::insert(tx, &act.entry("signin", &id).saying(saying)).await?;
        Ok(SignedIn::Done(user))
    }
}

/// A person, and what lists show of them.
#[derive(Debug)]
pub struct Listed {
    pub user: User,
    pub created_at: Timestamp,
    pub signed_in_at: Option<Timestamp>,
}

/// Those whom a text means: an id, a local account's name, or an e-mail in any case.
pub struct FindUsers(pub String);

impl Operation for FindUsers {
    type Output = Vec<User>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<User>, Error> {
        let exact: Vec<User> = tx
            .all(
                "SELECT id, email, name, role, blocked_at FROM users WHERE id = $1 OR id IN
                     (SELECT user_id FROM identities WHERE issuer = 'local' AND subject = $1)
                 ORDER BY id LIMIT 20",
                (&self.0,),
            )
            .await?;
        if !exact.is_empty() {
            return Ok(exact);
        }
        tx.all(
            "SELECT id, email, name, role, blocked_at FROM users WHERE LOWER(email) = LOWER($1)
             ORDER BY id LIMIT 20",
            (&self.0,),
        )
        .await
    }
}

pub struct ListUsers;

impl Operation for ListUsers {
    type Output = Vec<Listed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.all(
            "SELECT id, email, name, role, blocked_at, created_at, signed_in_at FROM users
             ORDER BY created_at, id",
            (),
        )
        .await
    }
}

/// Whether anybody could sign in already: the first-run link is offered only while nobody can.
pub struct AnyUser;

impl Operation for AnyUser {
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let any: Option<(UserId,)> =
            tx.optional("SELECT user_id FROM identities LIMIT 1", ()).await?;
        Ok(any.is_some())
    }
}

/// A blocked person's sessions and waiting requests go; the keys stay and refuse, so that unblocking
/// brings them back.
pub struct Block {
    pub user: UserId,
    pub blocked: bool,
    pub act: Act,
}

impl Operation for Block {
    /// Whether there is such a person.
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let at = self.blocked.then_some(self.act.at);
        let found: Option<(UserId,)> = tx
            .optional(
                "UPDATE users SET blocked_at = $2 WHERE id = $1 RETURNING id",
                (&self.user, at),
            )
            .await?;
        if found.is_none() {
            return Ok(false);
        }
        if self.blocked {
            tx.run("DELETE FROM sessions WHERE user_id = $1", (&self.user,)).await?;
        }
        changes::insert(tx, &Change::User(self.user.clone()), self.act.at).await?;
        let action = if self.blocked { "user.block" } else { "user.unblock" };
        audit::insert(tx, &self.act.entry(action, &self.user)).await?;
        Ok(true)
    }
}

impl FromRow for User {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.take()?,
            email: row.take()?,
            name: row.take()?,
            role: row.take()?,
            blocked: row.take::<Option<Timestamp>>()?.is_some(),
        })
    }
}

impl FromRow for Listed {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self { user: User::from_row(row)?, created_at: row.take()?, signed_in_at: row.take()? })
    }
}

/// The owner of keys that the master key makes for nobody in particular, as LiteLLM calls it.
pub struct EnsureDefault {
    pub at: Timestamp,
}

impl Operation for EnsureDefault {
    type Output = UserId;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<UserId, Error> {
        let id = UserId::named("default_user_id");
        tx.run(
            "INSERT INTO users (id, name, role, created_at)
             VALUES ($1, 'Master key', 'internal_user', $2) ON CONFLICT (id) DO NOTHING",
            (&id, self.at),
        )
        .await?;
        Ok(id)
    }
}
