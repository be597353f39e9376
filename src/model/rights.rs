//! What each may do: decided here, for the management API and the pages alike, and nowhere else.
//!
//! `docs/roles.md` has it as a table.
use super::{Key, KeyId, Membership, Role, TeamId, TeamRole, User, UserId};

/// Who asks, as far as it matters.
#[derive(Debug, Clone)]
pub struct Rights(Who);

#[derive(Debug, Clone)]
enum Who {
    Master,
    /// A key that an app got, or a team's own: its owner's role is not its.
    Bound(KeyId),
    Person {
        user: UserId,
        role: Role,
        teams: Vec<(TeamId, TeamRole)>,
        /// The key by which the person asks; none on a page.
        by: Option<KeyId>,
    },
}

impl Rights {
    #[must_use]
    pub fn of_master() -> Self {
        Self(Who::Master)
    }

    #[must_use]
    pub fn of_key(key: &Key, teams: &[Membership]) -> Self {
        if key.came_through_a_journey() || key.is_service() {
            return Self(Who::Bound(key.id.clone()));
        }
        Self::new(&key.owner, teams, Some(key.id.clone()))
    }

    /// Of somebody who is signed in.
    #[must_use]
    pub fn of_person(user: &User, teams: &[Membership]) -> Self {
        Self::new(user, teams, None)
    }

    /// Whether an app may get a key that acts as this person.
    #[must_use]
    pub fn may_connect(user: &User) -> bool {
        Self::new(user, &[], None).changes()
    }

    fn new(user: &User, teams: &[Membership], by: Option<KeyId>) -> Self {
        let teams = teams.iter().map(|m| (m.team.clone(), m.role)).collect();
        Self(Who::Person { user: user.id.clone(), role: user.role, teams, by })
    }

    /// Everything.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        match &self.0 {
            Who::Master => true,
            Who::Bound(_) => false,
            Who::Person { role, .. } => *role == Role::ProxyAdmin,
        }
    }

    /// Whether it may look at what is not its own.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        match &self.0 {
            Who::Person { role: Role::ProxyAdminViewer, .. } => true,
            _ => self.is_admin(),
        }
    }

    /// A key that an app got, or a team's own: it may read and end itself.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        matches!(self.0, Who::Bound(_))
    }

    /// Whether anything at all may be made or changed.
    #[must_use]
    pub fn changes(&self) -> bool {
        match &self.0 {
            Who::Master => true,
            Who::Bound(_) => false,
            Who::Person { role, .. } => matches!(role, Role::ProxyAdmin | Role::InternalUser),
        }
    }

    fn is(&self, user: &UserId) -> bool {
        matches!(&self.0, Who::Person { user: own, .. } if own == user)
    }

    fn is_key(&self, id: &KeyId) -> bool {
        match &self.0 {
            Who::Master => false,
            Who::Bound(own) => own == id,
            Who::Person { by, .. } => by.as_ref() == Some(id),
        }
    }

    fn role_in(&self, team: &TeamId) -> Option<TeamRole> {
        let Who::Person { teams, .. } = &self.0 else { return None };
        teams.iter().filter(|(id, _)| id == team).map(|(_, role)| *role).min()
    }

    #[must_use]
    pub fn may_read_user(&self, user: &UserId) -> bool {
        self.sees_all() || self.is(user)
    }

    #[must_use]
    pub fn may_read_team(&self, team: &TeamId) -> bool {
        self.sees_all() || self.role_in(team).is_some()
    }

    /// Members and keys of a team are its admins' as well; what it may use is not.
    #[must_use]
    pub fn may_run_team(&self, team: &TeamId) -> bool {
        self.is_admin() || (self.changes() && self.role_in(team) == Some(TeamRole::Admin))
    }

    fn runs_team_of(&self, key: &Key) -> bool {
        key.team.as_ref().is_some_and(|team| self.may_run_team(&team.id))
    }

    #[must_use]
    pub fn may_read_key(&self, key: &Key) -> bool {
        self.sees_all() || self.is_key(&key.id) || self.is(&key.user) || self.runs_team_of(key)
    }

    /// One's own, whatever the role: a key that has leaked must not wait for an admin.
    #[must_use]
    pub fn may_end_key(&self, key: &Key) -> bool {
        self.is_key(&key.id) || self.is(&key.user) || self.may_change_key(key)
    }

    /// Its fields. How far, is another question: a person's own key bounds what it changes.
    #[must_use]
    pub fn may_change_key(&self, key: &Key) -> bool {
        self.is_admin() || (self.changes() && self.is(&key.user)) || self.runs_team_of(key)
    }

    /// A new secret acts as the key's owner: a team's admin gets none that acts as another person.
    #[must_use]
    pub fn may_renew_key(&self, key: &Key) -> bool {
        let own = self.changes() && self.is(&key.user);
        self.is_admin() || own || (key.is_service() && self.runs_team_of(key))
    }

    #[must_use]
    pub fn may_block_key(&self, key: &Key) -> bool {
        self.is_admin() || self.runs_team_of(key)
    }

    /// A key that acts as this person. Who runs a team makes keys of the team's own, and none that acts as
    /// another person: an admin could be put into the team without being asked.
    #[must_use]
    pub fn may_make_key(&self, user: &UserId) -> bool {
        self.is_admin() || (self.changes() && self.is(user))
    }
}
