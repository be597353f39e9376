//! What may be spent, and how fast: of a key, a person, a team, a member of a team.
use super::{Lifetime, NanoDollars, Window};
use serde::{Deserialize, Serialize};

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
}

impl Limits {
    #[must_use]
    pub fn none(&self) -> bool {
        Self { epoch: 0, ..self.clone() } == NONE
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
            epoch: self.epoch,
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
        let after = Limits {
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

#[cfg(test)]
mod tests {
    use super::*;

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
