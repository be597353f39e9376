//! A person comes in: known by (issuer, subject) and by nothing else. Many first sign-ins at once agree.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::{self, Act},
    changes::{self, Change},
    members,
    users::user_columns,
    users_change::index,
};
use crate::model::{Hash, Identity, Role, RoleSaid, TeamId, Timestamp, User, UserId};

pub struct SignIn {
    pub identity: Identity,
    /// The id to use if the person is new.
    pub fresh: UserId,
    pub role: RoleSaid,
    pub idp: String,
    /// An address for which this provider is the authority: whoever was made in advance with it is this person.
    pub claims: Option<String>,
    /// The teams that the provider's groups lead to, and ids for those that are new. `None`: groups are unknown.
    pub teams: Option<Vec<(String, TeamId)>>,
    /// Where a person is put who comes for the first time.
    pub default_team: Option<(String, TeamId)>,
    pub session: FreshSession,
    /// The session this browser had; a new one replaces it (rows C10, U15).
    pub replaces: Vec<Hash>,
    pub act: Act,
}

pub struct FreshSession {
    pub hash: Hash,
    pub expires_at: Timestamp,
    pub address: String,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

pub enum SignedIn {
    Done(User),
    Blocked(UserId),
    /// The provider was taken out of the settings, by a server that has newer ones.
    SwitchedOff,
}

/// The person as they were.
struct Before {
    role: Role,
    /// What an admin set.
    by_hand: Option<Role>,
    /// `group`: by one of `signin.admin_groups`.
    by: Option<String>,
    email: Option<String>,
    name: Option<String>,
    off: bool,
    blocked: bool,
    /// Made in advance, and never here.
    newcomer: bool,
}

impl Operation for SignIn {
    type Output = SignedIn;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<SignedIn, Error> {
        let off: Option<(String,)> = tx
            .optional(
                "SELECT issuer FROM issuers WHERE issuer = $1 AND off_at IS NOT NULL",
                (&self.identity.issuer,),
            )
            .await?;
        if off.is_some() {
            return Ok(SignedIn::SwitchedOff);
        }
        let id = self.person(tx).await?;
        // The row is held: nobody blocks, changes or deletes this person meanwhile.
        let before: Option<Before> = tx
            .optional(
                "UPDATE users SET id = id WHERE id = $1
                 RETURNING role, hand_role, role_by, email, name, off_at IS NOT NULL,
                     blocked_at IS NOT NULL, signed_in_at IS NULL",
                (&id,),
            )
            .await?;
        let act = Act { actor: id.to_string(), ..self.act.clone() };
        if before.as_ref().is_some_and(|was| was.blocked) {
            audit::insert(tx, &act.about("signin.refused", &id).saying("blocked")).await?;
            return Ok(SignedIn::Blocked(id));
        }
        let user = self.bring_up_to_date(tx, &id, before.as_ref()).await?;
        let mut changed = before.as_ref().is_some_and(|was| was.role != user.role || was.off);
        if let Some(teams) = &self.teams {
            changed |= members::follow_groups(tx, &id, teams, (&self.idp, &act)).await?;
        }
        let first = before.as_ref().is_none_or(|was| was.newcomer);
        if let Some((alias, fresh)) = self.default_team.as_ref().filter(|_| first) {
            let team = members::ensure_team(tx, alias, fresh, &act).await?;
            members::join_first(tx, &team, &id, &act).await?;
            changed = true;
        }
        if before.as_ref().is_some_and(|was| was.role != user.role) {
            // No session is carried over into another role (row C10).
            tx.run("DELETE FROM sessions WHERE user_id = $1", (&id,)).await?;
        }
        self.begin_session(tx, &id).await?;
        // Keys in memory know their owner's role, standing and teams.
        if changed {
            changes::insert(tx, &Change::User(id.clone()), self.act.at).await?;
        }
        if let Some(was) = before.as_ref().filter(|was| was.role != user.role) {
            let (from, to) = (was.role.name(), user.role.name());
            let entry = act.about("user.role", &id).saying(format!("by {}", self.idp));
            let change = (serde_json::json!({"role": from}), serde_json::json!({"role": to}));
            audit::insert(tx, &entry.changing(change.0, change.1)).await?;
        }
        let saying = format!("by {}", self.idp);
        audit::insert(tx, &act.about("signin", &id).saying(saying)).await?;
        Ok(SignedIn::Done(user))
    }
}

impl SignIn {
    /// Who this is: the person who came by this identity before, the one made in advance for this address, or
    /// somebody new.
    async fn person(&self, tx: &mut Tx<'_>) -> Result<UserId, Error> {
        let who = &self.identity;
        let known: Option<(UserId,)> = tx
            .optional(
                // Held, so that a deletion of the person ends before or after.
                "UPDATE identities SET subject = subject WHERE issuer = $1 AND subject = $2
                 RETURNING user_id",
                (&who.issuer, &who.subject),
            )
            .await?;
        if let Some((id,)) = known {
            return Ok(id);
        }
        let mut id = self.fresh.clone();
        if let Some(email) = &self.claims {
            let invited: Option<(UserId,)> = tx
                .optional("DELETE FROM invitations WHERE email = $1 RETURNING user_id", (email,))
                .await?;
            if let Some((invited,)) = invited {
                let entry = self.act.about("user.claimed", &invited);
                audit::insert(tx, &entry.saying(format!("by {}", self.idp))).await?;
                id = invited;
            }
        }
        tx.run(
            "INSERT INTO issuers (issuer) VALUES ($1) ON CONFLICT (issuer) DO NOTHING",
            (&who.issuer,),
        )
        .await?;
        // DO NOTHING would return no row to the one that lost.
        let (id,): (UserId,) = tx
            .one(
                "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (issuer, subject) DO UPDATE SET subject = excluded.subject
                 RETURNING user_id",
                (&who.issuer, &who.subject, &id, self.act.at),
            )
            .await?;
        Ok(id)
    }

    /// What the provider says of the person replaces what it said before; whoever is let in counts again.
    async fn bring_up_to_date(
        &self,
        tx: &mut Tx<'_>,
        id: &UserId,
        before: Option<&Before>,
    ) -> Result<User, Error> {
        let who = &self.identity;
        let by_hand = before.and_then(|was| was.by_hand);
        let by_group = before.is_some_and(|was| was.by.is_some());
        let role = match self.role {
            RoleSaid::Is(role) => role,
            RoleSaid::Nothing => by_hand.unwrap_or(Role::InternalUser),
            RoleSaid::AdminByGroup => Role::ProxyAdmin,
            RoleSaid::Unknown(_) if by_group => Role::ProxyAdmin,
            RoleSaid::Unknown(said) => said.or(by_hand).unwrap_or(Role::InternalUser),
        };
        let stays = by_group && matches!(self.role, RoleSaid::Unknown(_));
        let role_by = (stays || self.role == RoleSaid::AdminByGroup).then_some("group");
        // An address that nobody vouches for is shown, and finds nobody.
        let doubt = who.trusted_email().is_none().then_some(self.act.at);
        let user: User = tx
            .one(
                concat!(
                    "INSERT INTO users (id, email, name, role, created_at, signed_in_at, email_doubt,
                         role_by)
                     VALUES ($1, $2, $3, $4, $5, $5, $6, $7)
                     ON CONFLICT (id) DO UPDATE SET
                         email_doubt = CASE WHEN excluded.email IS NULL THEN users.email_doubt
                             ELSE excluded.email_doubt END,
                         email = COALESCE(excluded.email, users.email),
                         name = COALESCE(excluded.name, users.name),
                         role = excluded.role,
                         role_by = excluded.role_by,
                         signed_in_at = excluded.signed_in_at,
                         off_at = NULL, off_reason = NULL, off_issuer = NULL
                     RETURNING ",
                    user_columns!()
                ),
                (id, &who.email, &who.name, role, self.act.at, doubt, role_by),
            )
            .await?;
        let known = before.map(|was| (was.email.as_ref(), was.name.as_ref()));
        if known != Some((user.email.as_ref(), user.name.as_ref())) {
            index(tx, &user).await?;
        }
        Ok(user)
    }

    async fn begin_session(&self, tx: &mut Tx<'_>, id: &UserId) -> Result<(), Error> {
        for old in &self.replaces {
            tx.run("DELETE FROM sessions WHERE hash = $1", (old,)).await?;
        }
        let FreshSession { hash, expires_at, address, agent } = &self.session;
        tx.run(
            "INSERT INTO sessions (hash, user_id, idp, signed_in_at, expires_at, address, agent)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            (hash, id, &self.idp, self.act.at, *expires_at, address, agent),
        )
        .await
    }
}

impl FromRow for Before {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            role: row.take()?,
            by_hand: row.take()?,
            by: row.take()?,
            email: row.take()?,
            name: row.take()?,
            off: row.take()?,
            blocked: row.take()?,
            newcomer: row.take()?,
        })
    }
}
