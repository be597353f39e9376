//! A key as it is listed and judged. The secret is not in here.
use super::{
    App, GrantId, KeptLimits, KeyId, Lifetime, Limits, ModelList, Route, TeamId, Timestamp, User,
    UserId,
};

#[derive(Debug, Clone)]
pub struct Key {
    pub id: KeyId,
    pub alias: Option<String>,
    /// `sk-...Ab3d`.
    pub hint: String,
    pub user: UserId,
    /// The grant it came from. A key made by hand or by the management API has none.
    pub grant: Option<GrantId>,
    pub app: Option<String>,
    pub models: ModelList,
    /// A JSON object.
    pub metadata: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub blocked: bool,
    /// When a person last proved who they are for it: bounds how long keys may beget keys.
    pub signed_in_at: Timestamp,
    /// The team whose models and budget it uses.
    pub team: Option<KeyTeam>,
    pub owner: User,
    pub limits: KeptLimits,
    /// The key it was made with, or that one's: they spend together.
    pub root: Option<Root>,
    /// Seen by the secret before its last renewal: that one calls models for a while, and does nothing else.
    pub in_grace: bool,
    /// A ledger that several keys share.
    pub budget: Option<KeyBudget>,
    pub app_rules: Option<Box<AppRules>>,
}

/// A named budget, as far as its keys know it.
#[derive(Debug, Clone)]
pub struct KeyBudget {
    pub id: String,
    pub limits: KeptLimits,
}

/// What binds the keys of an app, whoever connected it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppRules {
    pub models: ModelList,
    pub limits: KeptLimits,
    pub blocked: bool,
}

/// The first of the keys that made one another, as its limits were last said.
#[derive(Debug, Clone)]
pub struct Root {
    pub id: KeyId,
    pub limits: KeptLimits,
}

/// What a key knows of its team.
#[derive(Debug, Clone)]
pub struct KeyTeam {
    pub id: TeamId,
    /// `None`: the team is gone.
    pub alias: Option<String>,
    pub models: ModelList,
    pub blocked: bool,
    /// Whether the owner is in it.
    pub member: bool,
    pub limits: KeptLimits,
    /// Of the owner in this team.
    pub member_limits: KeptLimits,
    pub member_models: ModelList,
}

/// What a key is good for at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Live,
    Expired,
    Blocked,
}

impl Key {
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        let others = || self.team_says_no().is_some() || self.app_says_no().is_some();
        if self.blocked || !self.owner.standing.is_good() || others() {
            KeyState::Blocked
        } else if self.expires_at.is_some_and(|end| now >= end) {
            KeyState::Expired
        } else {
            KeyState::Live
        }
    }

    /// Why it is refused before its end, in words for a list.
    #[must_use]
    pub fn why_blocked(&self) -> Option<String> {
        let own = self.blocked.then(|| "the key is blocked".to_owned());
        let person = || self.owner.standing.why();
        own.or_else(person).or_else(|| self.team_says_no()).or_else(|| self.app_says_no())
    }

    fn app_says_no(&self) -> Option<String> {
        let blocked = self.app_rules.as_ref().is_some_and(|rules| rules.blocked);
        blocked.then(|| format!("the app {} is blocked", self.shown()))
    }

    fn team_says_no(&self) -> Option<String> {
        let team = self.team.as_ref()?;
        let Some(alias) = &team.alias else { return Some("the team is gone".into()) };
        if team.blocked {
            return Some(format!("the team {alias} is blocked"));
        }
        let at_home = team.member || self.owner.service_of.as_ref() == Some(&team.id);
        (!at_home).then(|| format!("its owner is not in the team {alias} any more"))
    }

    /// Whether it may call this model, which is in these groups: everybody's list must allow it.
    #[must_use]
    pub fn allows(&self, model: &str, groups: &[String]) -> bool {
        self.model_lists().all(|(_, list)| list.allows(model, groups))
    }

    /// Everybody's list of models that binds it.
    pub fn model_lists(&self) -> impl Iterator<Item = (&'static str, &ModelList)> {
        let own = [("the key", &self.models), ("the person", &self.owner.models)];
        let team = self.team.as_ref().map(|team| {
            [("the team", &team.models), ("the person in the team", &team.member_models)]
        });
        let app = self.app_rules.as_ref().map(|rules| ("the app", &rules.models));
        own.into_iter().chain(team.into_iter().flatten()).chain(app)
    }

    #[must_use]
    pub fn allows_route(&self, route: Route) -> bool {
        self.all_limits().all(|(_, limits)| limits.allows_route(route))
    }

    /// Everybody's limits that bind it.
    pub fn all_limits(&self) -> impl Iterator<Item = (&'static str, &KeptLimits)> {
        let own = [("the key", &self.limits), ("the person", &self.owner.limits)];
        let root = self.root.as_ref().map(|root| ("the key that it was made with", &root.limits));
        let team = self.team.as_ref().map(|team| {
            [("the team", &team.limits), ("the person in the team", &team.member_limits)]
        });
        let app = self.app_rules.as_ref().map(|rules| ("the app", &rules.limits));
        let budget = self.budget.as_ref().map(|budget| ("the budget", &budget.limits));
        own.into_iter().chain(root).chain(team.into_iter().flatten()).chain(app).chain(budget)
    }

    /// Whether a key that it makes would be bound by all that binds it: of two keys before it, one shares its ledger.
    /// And whether it is the key's own secret of now that asks.
    #[must_use]
    pub fn may_beget(&self) -> bool {
        let by_root = self.root.as_ref().is_some_and(|root| !root.limits.none());
        !self.in_grace && (self.limits.none() || !by_root)
    }

    /// Whether limits of its own, or of what it spends with, bind it.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        let by_root = self.root.as_ref().is_some_and(|root| !root.limits.none());
        !self.limits.none() || by_root || self.budget.is_some()
    }

    /// Whether anybody counts what it spends.
    #[must_use]
    pub fn counts_money(&self) -> bool {
        let counts = Limits::counts_money;
        self.all_limits().any(|(_, limits)| counts(limits) || limits.by_model.values().any(counts))
    }

    /// Whether anybody's budget binds its calls of this model.
    #[must_use]
    pub fn has_budget_for(&self, model: &str) -> bool {
        self.all_limits().any(|(_, limits)| limits.has_budget_for(model))
    }

    /// Whether all that binds the other, of its own and of the keys it spends with, binds this one too.
    #[must_use]
    pub fn is_bound_like(&self, other: &Self) -> bool {
        let shares =
            |id: &KeyId| self.id == *id || self.root.as_ref().is_some_and(|root| root.id == *id);
        let own = other.limits.none() || shares(&other.id);
        let root = other.root.as_ref().filter(|root| !root.limits.none());
        let budget = |key: &Self| key.budget.as_ref().map(|budget| budget.id.clone());
        own && root.is_none_or(|root| shares(&root.id))
            && budget(other).is_none_or(|id| budget(self) == Some(id))
    }

    /// A team's own, with no person behind it.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.owner.service_of.is_some()
    }

    /// Keys of a connect journey may read and end themselves and nothing else of the management API.
    #[must_use]
    pub fn came_through_a_journey(&self) -> bool {
        self.grant.is_some()
    }

    /// When a key made from this one ends: never later than a real sign-in allows.
    #[must_use]
    pub fn child_ends(&self, now: Timestamp, lifetime: Lifetime, renew: Lifetime) -> Timestamp {
        let ends = now.plus(lifetime.seconds()).min(self.signed_in_at.plus(renew.seconds()));
        match self.expires_at {
            // Made by hand: no sign-in stands behind it, so its own end binds.
            Some(own) if !self.came_through_a_journey() => ends.min(own),
            _ => ends,
        }
    }

    /// What a list calls it: the app it is for, else its alias.
    #[must_use]
    pub fn shown(&self) -> String {
        let app = self.app.as_deref().map(App::name_of);
        app.or_else(|| self.alias.clone()).unwrap_or_else(|| "A key without a name".into())
    }

    #[must_use]
    pub fn initial(&self) -> String {
        super::app::initial(&self.shown())
    }
}

/// What a consent page may offer, where the settings allow it.
pub const LIFETIMES: [Lifetime; 5] = [
    Lifetime::hours(1),
    Lifetime::hours(8),
    Lifetime::hours(24),
    Lifetime::days(7),
    Lifetime::days(30),
];
