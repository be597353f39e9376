//! What may be spent, how fast, and by which routes: of a key, a person, a team, a member of a team, an app, a budget.
use super::{Lifetime, NanoDollars, Route, RouteList, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// By LiteLLM's names. What is not there is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_budget: Option<NanoDollars>,
    /// From here on callers are warned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_budget: Option<NanoDollars>,
    /// When what was spent begins anew; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_duration: Option<Window>,
    /// Calls a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpm_limit: Option<i64>,
    /// Tokens a minute, in and out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm_limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel_requests: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_routes: Option<RouteList>,
    /// Of one model each, beside those of all: `model_max_budget`, `model_rpm_limit`, `model_tpm_limit`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_model: BTreeMap<String, Limits>,
    /// How often it changed whether money is counted, and by which window: each time another ledger begins.
    #[serde(skip_serializing_if = "is_zero")]
    pub epoch: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_zero(epoch: &i64) -> bool {
    *epoch == 0
}

/// As keys, people and teams keep them: most have none, and then they take no room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Limits", into = "Limits")]
pub struct KeptLimits(Option<Box<Limits>>);

static NONE: Limits = Limits {
    max_budget: None,
    soft_budget: None,
    budget_duration: None,
    rpm_limit: None,
    tpm_limit: None,
    max_parallel_requests: None,
    allowed_routes: None,
    by_model: BTreeMap::new(),
    epoch: 0,
};

impl From<Limits> for KeptLimits {
    fn from(limits: Limits) -> Self {
        Self((limits != NONE).then(|| Box::new(limits)))
    }
}

impl From<KeptLimits> for Limits {
    fn from(kept: KeptLimits) -> Self {
        kept.0.map(|limits| *limits).unwrap_or_default()
    }
}

impl std::ops::Deref for KeptLimits {
    type Target = Limits;

    fn deref(&self) -> &Limits {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

/// `None` leaves a field alone; `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitsPatch {
    pub max_budget: Option<Option<NanoDollars>>,
    pub soft_budget: Option<Option<NanoDollars>>,
    pub budget_duration: Option<Option<Window>>,
    pub rpm_limit: Option<Option<i64>>,
    pub tpm_limit: Option<Option<i64>>,
    pub max_parallel_requests: Option<Option<i64>>,
    pub allowed_routes: Option<Option<RouteList>>,
    pub by_model: ByModelPatch,
}

/// Model by model, as metadata is changed member by member: a model that is not named keeps its limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByModelPatch {
    pub max_budget: PatchOf<(NanoDollars, Option<Window>)>,
    pub rpm_limit: PatchOf<i64>,
    pub tpm_limit: PatchOf<i64>,
}

/// One field of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PatchOf<T> {
    #[default]
    Keep,
    /// Of every model.
    Clear,
    /// Of these; `None` clears.
    Set(BTreeMap<String, Option<T>>),
}

impl Limits {
    #[must_use]
    pub fn none(&self) -> bool {
        self.allowed_routes.is_none() && !self.counts() && self.by_model.values().all(Self::none)
    }

    /// Whether a ledger is kept for it, whatever the model.
    #[must_use]
    pub fn counts(&self) -> bool {
        let pace = [self.rpm_limit, self.tpm_limit, self.max_parallel_requests];
        self.counts_money() || pace.iter().any(Option::is_some)
    }

    /// What its ledger is judged by.
    #[must_use]
    pub fn of_ledger(&self) -> Self {
        Self { allowed_routes: None, by_model: BTreeMap::new(), ..self.clone() }
    }

    #[must_use]
    pub fn allows_route(&self, route: Route) -> bool {
        self.allowed_routes.as_ref().is_none_or(|list| list.allows(route))
    }

    /// Whether money is limited for calls of this model.
    #[must_use]
    pub fn has_budget_for(&self, model: &str) -> bool {
        self.max_budget.is_some()
            || self.by_model.get(model).is_some_and(|limits| limits.max_budget.is_some())
    }

    /// Whether what is spent has to be known.
    #[must_use]
    pub fn counts_money(&self) -> bool {
        self.max_budget.is_some() || self.soft_budget.is_some()
    }

    /// In which windows it is counted, if it is.
    #[must_use]
    pub fn counted_by(&self) -> Option<Option<Window>> {
        self.counts_money().then_some(self.budget_duration)
    }

    /// Where nothing is said, what the other says.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            max_budget: self.max_budget.or(other.max_budget),
            soft_budget: self.soft_budget.or(other.soft_budget),
            budget_duration: self.budget_duration.or(other.budget_duration),
            rpm_limit: self.rpm_limit.or(other.rpm_limit),
            tpm_limit: self.tpm_limit.or(other.tpm_limit),
            max_parallel_requests: self.max_parallel_requests.or(other.max_parallel_requests),
            ..self
        }
    }

    /// The first field that is larger than its bound, and the bound. What is not said lies within: it gets the bound.
    #[must_use]
    pub fn beyond(&self, bound: &Self) -> Option<(&'static str, String)> {
        fn over<T: PartialOrd + ToString + Copy>(
            own: Option<T>,
            most: Option<T>,
        ) -> Option<String> {
            most.filter(|most| own.is_some_and(|own| own > *most)).map(|most| most.to_string())
        }
        let duration = |window: Option<Window>| match window {
            Some(Window::Every(lifetime)) => Some(lifetime),
            _ => None,
        };
        let windows: (Option<Lifetime>, _) =
            (duration(self.budget_duration), duration(bound.budget_duration));
        let fields = [
            ("max_budget", over(self.max_budget, bound.max_budget)),
            ("soft_budget", over(self.soft_budget, bound.soft_budget)),
            ("budget_duration", over(windows.0, windows.1)),
            ("rpm_limit", over(self.rpm_limit, bound.rpm_limit)),
            ("tpm_limit", over(self.tpm_limit, bound.tpm_limit)),
            (
                "max_parallel_requests",
                over(self.max_parallel_requests, bound.max_parallel_requests),
            ),
        ];
        fields.into_iter().find_map(|(name, bound)| Some((name, bound?)))
    }
}

impl LimitsPatch {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    #[must_use]
    pub fn apply(&self, to: &Limits) -> Limits {
        let routes = self.allowed_routes.clone();
        let after = Limits {
            allowed_routes: routes.unwrap_or_else(|| to.allowed_routes.clone()),
            by_model: self.by_model.apply(&to.by_model),
            max_budget: self.max_budget.unwrap_or(to.max_budget),
            soft_budget: self.soft_budget.unwrap_or(to.soft_budget),
            budget_duration: self.budget_duration.unwrap_or(to.budget_duration),
            rpm_limit: self.rpm_limit.unwrap_or(to.rpm_limit),
            tpm_limit: self.tpm_limit.unwrap_or(to.tpm_limit),
            max_parallel_requests: self.max_parallel_requests.unwrap_or(to.max_parallel_requests),
            epoch: to.epoch,
        };
        // A new holder of limits has spent nothing yet: there is no ledger before the first.
        let again = *to != NONE && after.counted_by() != to.counted_by();
        Limits { epoch: to.epoch + i64::from(again), ..after }
    }
}

impl ByModelPatch {
    /// Entries that say nothing any more stay: their epoch keeps a cleared ledger apart from the next.
    fn apply(&self, to: &BTreeMap<String, Limits>) -> BTreeMap<String, Limits> {
        let mut after = to.clone();
        let mut each = |model: &str, patch: LimitsPatch| {
            let limits = after.entry(model.to_owned()).or_default();
            *limits = patch.apply(limits);
        };
        for (model, budget) in self.max_budget.each(to) {
            let (max_budget, window) = (budget.map(|b| b.0), budget.and_then(|b| b.1));
            let (max_budget, budget_duration) = (Some(max_budget), Some(window));
            each(model, LimitsPatch { max_budget, budget_duration, ..LimitsPatch::default() });
        }
        for (model, limit) in self.rpm_limit.each(to) {
            each(model, LimitsPatch { rpm_limit: Some(limit), ..LimitsPatch::default() });
        }
        for (model, limit) in self.tpm_limit.each(to) {
            each(model, LimitsPatch { tpm_limit: Some(limit), ..LimitsPatch::default() });
        }
        after.retain(|_, limits| *limits != NONE);
        after
    }

    /// Every model that is given a limit, and in which field.
    pub fn models(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let budgets = self.max_budget.set().map(|model| ("model_max_budget", model));
        let requests = self.rpm_limit.set().map(|model| ("model_rpm_limit", model));
        let tokens = self.tpm_limit.set().map(|model| ("model_tpm_limit", model));
        budgets.chain(requests).chain(tokens)
    }
}

impl<T: Copy> PatchOf<T> {
    /// The models it speaks of, and what it says of each.
    fn each<'a>(&'a self, known: &'a BTreeMap<String, Limits>) -> Vec<(&'a str, Option<T>)> {
        match self {
            Self::Keep => Vec::new(),
            Self::Clear => known.keys().map(|model| (model.as_str(), None)).collect(),
            Self::Set(each) => each.iter().map(|(model, limit)| (model.as_str(), *limit)).collect(),
        }
    }

    /// Those that are given one.
    fn set(&self) -> impl Iterator<Item = &str> {
        let each = if let Self::Set(each) = self { Some(each) } else { None };
        let given = each.into_iter().flatten().filter(|(_, limit)| limit.is_some());
        given.map(|(model, _)| model.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_one_model_leaves_the_others_alone_and_is_not_forgotten_when_cleared() {
        let dollars = |count: i64| Some((NanoDollars(count), None));
        let patch = |model: &str, budget| LimitsPatch {
            by_model: ByModelPatch {
                max_budget: PatchOf::Set([(model.to_owned(), budget)].into()),
                ..ByModelPatch::default()
            },
            ..LimitsPatch::default()
        };
        let one = patch("a", dollars(1)).apply(&NONE);
        let two = patch("b", dollars(2)).apply(&one);
        assert_eq!(two.by_model.len(), 2);
        assert!(two.has_budget_for("a") && two.has_budget_for("b") && !two.has_budget_for("c"));
        let cleared = patch("a", None).apply(&two);
        assert!(!cleared.has_budget_for("a") && cleared.has_budget_for("b"));
        let again = patch("a", dollars(3)).apply(&cleared);
        assert_eq!(again.by_model["a"].epoch, 2, "another ledger than the first");
        let by_model = ByModelPatch { max_budget: PatchOf::Clear, ..ByModelPatch::default() };
        let none = LimitsPatch { by_model, ..LimitsPatch::default() }.apply(&again);
        assert!(none.none(), "{none:?}");
        let text = serde_json::to_string(&again).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&text).unwrap(), again);
    }

    #[test]
    fn a_bound_binds_what_is_said_and_fills_what_is_not() {
        let bound = Limits {
            max_budget: Some(NanoDollars(10)),
            budget_duration: Some(Window::Every(Lifetime::days(30))),
            ..Limits::default()
        };
        let asked = Limits { max_budget: Some(NanoDollars(11)), ..Limits::default() };
        assert_eq!(asked.beyond(&bound).map(|(name, _)| name), Some("max_budget"));
        assert_eq!(Limits::default().beyond(&bound), None);
        assert_eq!(Limits::default().or(&bound), bound);
        let long = Limits {
            budget_duration: Some(Window::Every(Lifetime::days(31))),
            ..Limits::default()
        };
        assert_eq!(long.beyond(&bound), Some(("budget_duration", "30d".into())));
    }

    #[test]
    fn limits_are_kept_and_read_the_same() {
        let text = r#"{"max_budget":20000000000,"budget_duration":"monthly","rpm_limit":5}"#;
        let limits: Limits = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&limits).unwrap(), text);
        assert!(serde_json::from_str::<Limits>("{}").unwrap().none());
    }
}
