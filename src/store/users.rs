//! People: who there is, and how they are found.
use super::{Error, FromRow, Operation, Row, Tx};
use crate::model::{Role, Standing, TeamId, Timestamp, User, UserId};

/// The columns a [`User`] is read from.
macro_rules! user_columns {
    () => {
        "users.id, users.email, users.name, users.role, users.blocked_at, users.block_reason,
         users.off_at, users.off_reason, users.models, users.default_team, users.service_of,
         users.limits"
    };
}
pub(super) use user_columns;

/// A person, and what lists show of them.
#[derive(Debug, Clone)]
pub struct Listed {
    pub user: User,
    /// A JSON object.
    pub metadata: String,
    pub created_at: Timestamp,
    pub signed_in_at: Option<Timestamp>,
    /// The role that an admin gave, which counts when the provider gives none.
    pub by_hand: Option<Role>,
    /// Whether a group of the provider's made them an admin.
    pub by_group: bool,
}

macro_rules! select_listed {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            user_columns!(),
            ", users.metadata, users.created_at, users.signed_in_at, users.hand_role,
             users.role_by IS NOT NULL FROM users ",
            $rest
        )
    };
}

/// Those whom a text means: an id, a local account's name, or an e-mail in any case, if their provider vouches for
/// it or an admin gave it.
pub struct FindUsers(pub String);

impl Operation for FindUsers {
    type Output = Vec<User>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<User>, Error> {
        let exact: Vec<User> = tx
            .all(
                concat!(
                    "SELECT ",
                    user_columns!(),
                    " FROM users WHERE id IN (SELECT CAST($1 AS TEXT) UNION
                         SELECT user_id FROM identities WHERE issuer = 'local' AND subject = $1)
                     ORDER BY id LIMIT 20"
                ),
                (&self.0,),
            )
            .await?;
        let exact: Vec<User> = exact.into_iter().filter(|u| u.service_of.is_none()).collect();
        if !exact.is_empty() {
            return Ok(exact);
        }
        let email = self.0.to_lowercase();
        let found: Vec<User> = tx
            .all(
                concat!(
                    "SELECT ",
                    user_columns!(),
                    " FROM users WHERE id IN (SELECT user_id FROM user_words WHERE word = $1)
                     AND email_doubt IS NULL ORDER BY id LIMIT 200"
                ),
                (&email,),
            )
            .await?;
        let by_email = |user: &User| user.email.as_ref().is_some_and(|e| e.to_lowercase() == email);
        Ok(found.into_iter().filter(by_email).collect())
    }
}

/// A person by id, with all that a list shows.
pub struct UserById(pub UserId);

impl Operation for UserById {
    type Output = Option<Listed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        find(tx, &self.0).await
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: &UserId) -> Result<Option<Listed>, Error> {
    tx.optional(select_listed!("WHERE id = $1 AND service_of IS NULL"), (id,)).await
}

/// People in the order of their coming, a page at a time.
#[derive(Debug, Clone, Default)]
pub struct ListUsers {
    /// How a word of name or address begins.
    pub search: Option<String>,
    pub team: Option<TeamId>,
    pub role: Option<Role>,
    pub limit: i64,
    pub offset: i64,
}

impl Operation for ListUsers {
    /// The page, and how many there are in all.
    type Output = (Vec<Listed>, i64);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        match (&self.search, &self.team) {
            (Some(search), _) => self.found(tx, &search.trim().to_lowercase()).await,
            (None, Some(team)) => self.of_team(tx, team).await,
            (None, None) => self.all(tx).await,
        }
    }
}

/// A text for each index that can lead the way.
impl ListUsers {
    /// A team itself has no words and is in no team.
    async fn found(&self, tx: &mut Tx<'_>, from: &str) -> Result<(Vec<Listed>, i64), Error> {
        let to = format!("{from}\u{10ffff}");
        let page = tx
            .all(
                select_listed!(
                    "WHERE id IN (SELECT user_id FROM user_words WHERE word >= $1 AND word < $2)
                     AND (CAST($3 AS TEXT) IS NULL OR role = $3)
                     AND (CAST($4 AS TEXT) IS NULL OR id IN
                         (SELECT user_id FROM members WHERE team_id = $4))
                     ORDER BY created_at, id LIMIT $5 OFFSET $6"
                ),
                (from, &to, self.role, &self.team, self.limit, self.offset),
            )
            .await?;
        let (total,) = tx
            .one(
                "SELECT COUNT(*) FROM users
                 WHERE id IN (SELECT user_id FROM user_words WHERE word >= $1 AND word < $2)
                 AND (CAST($3 AS TEXT) IS NULL OR role = $3)
                 AND (CAST($4 AS TEXT) IS NULL OR id IN
                     (SELECT user_id FROM members WHERE team_id = $4))",
                (from, &to, self.role, &self.team),
            )
            .await?;
        Ok((page, total))
    }

    async fn of_team(&self, tx: &mut Tx<'_>, team: &TeamId) -> Result<(Vec<Listed>, i64), Error> {
        let page = tx
            .all(
                select_listed!(
                    "WHERE id IN (SELECT user_id FROM members WHERE team_id = $1)
                     AND (CAST($2 AS TEXT) IS NULL OR role = $2)
                     ORDER BY created_at, id LIMIT $3 OFFSET $4"
                ),
                (team, self.role, self.limit, self.offset),
            )
            .await?;
        let (total,) = tx
            .one(
                "SELECT COUNT(*) FROM users
                 WHERE id IN (SELECT user_id FROM members WHERE team_id = $1)
                 AND (CAST($2 AS TEXT) IS NULL OR role = $2)",
                (team, self.role),
            )
            .await?;
        Ok((page, total))
    }

    async fn all(&self, tx: &mut Tx<'_>) -> Result<(Vec<Listed>, i64), Error> {
        // `service_of` is null here; naming it lets Postgres walk the index instead of sorting everybody.
        let page = tx
            .all(
                select_listed!(
                    "WHERE service_of IS NULL AND (CAST($1 AS TEXT) IS NULL OR role = $1)
                     ORDER BY service_of, created_at, id LIMIT $2 OFFSET $3"
                ),
                (self.role, self.limit, self.offset),
            )
            .await?;
        let (total,) = tx
            .one(
                "SELECT COUNT(*) FROM users
                 WHERE service_of IS NULL AND (CAST($1 AS TEXT) IS NULL OR role = $1)",
                (self.role,),
            )
            .await?;
        Ok((page, total))
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

/// The owner of keys that the master key makes for nobody in particular, as LiteLLM calls it.
pub struct EnsureDefault {
    pub at: Timestamp,
}

impl EnsureDefault {
    #[must_use]
    pub fn id() -> UserId {
        UserId::named("default_user_id")
    }
}

impl Operation for EnsureDefault {
    type Output = UserId;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<UserId, Error> {
        let id = Self::id();
        tx.run(
            "INSERT INTO users (id, name, role, created_at)
             VALUES ($1, 'Master key', 'internal_user', $2) ON CONFLICT (id) DO NOTHING",
            (&id, self.at),
        )
        .await?;
        Ok(id)
    }
}

/// The owner of a team's own keys: no person, so that nobody's leaving ends them.
pub struct EnsureService {
    pub team: TeamId,
    pub at: Timestamp,
}

pub(super) fn service_id(team: &TeamId) -> UserId {
    UserId::named(&format!("service_of_{team}"))
}

impl Operation for EnsureService {
    type Output = UserId;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<UserId, Error> {
        let id = service_id(&self.team);
        tx.run(
            "INSERT INTO users (id, name, role, created_at, service_of)
             VALUES ($1, 'The team itself', 'internal_user', $2, $3) ON CONFLICT (id) DO NOTHING",
            (&id, self.at, &self.team),
        )
        .await?;
        Ok(id)
    }
}

impl FromRow for User {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        let (id, email, name, role) = (row.take()?, row.take()?, row.take()?, row.take()?);
        let (blocked_at, reason): (Option<Timestamp>, Option<String>) = (row.take()?, row.take()?);
        let (off_at, off_reason): (Option<Timestamp>, Option<String>) = (row.take()?, row.take()?);
        let standing = match (blocked_at, off_at) {
            (Some(_), _) => Standing::Blocked(reason),
            (None, Some(_)) => Standing::Off(off_reason.unwrap_or_default()),
            (None, None) => Standing::Good,
        };
        let (models, default_team, service_of) = (row.take()?, row.take()?, row.take()?);
        let limits = row.take()?;
        Ok(Self { id, email, name, role, standing, models, default_team, service_of, limits })
    }
}

impl FromRow for Listed {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            user: User::from_row(row)?,
            metadata: row.take()?,
            created_at: row.take()?,
            signed_in_at: row.take()?,
            by_hand: row.take()?,
            by_group: row.take()?,
        })
    }
}
