//! Teams: who may use what together. Memberships are made by hand or follow the provider's groups; the two are
//! kept apart, so that a group that goes takes away only what it gave.
use super::{KeptLimits, ModelList, TeamId, UserId};
use serde::Serialize;
use std::collections::HashSet;

#[derive(Debug, Clone)]
pub struct Team {
    pub id: TeamId,
    /// Its name, which no other team has; `[[team]] name` is this.
    pub alias: String,
    /// An empty list is every model.
    pub models: ModelList,
    /// A JSON object.
    pub metadata: String,
    pub blocked: Option<Option<String>>,
    pub limits: KeptLimits,
}

/// A person's place in a team, however they came to it.
#[derive(Debug, Clone)]
pub struct Membership {
    pub team: TeamId,
    pub alias: String,
    pub role: TeamRole,
    pub source: Source,
    /// Its keys do not count now.
    pub blocked: bool,
}

/// Somebody's place in a team, seen from the team.
#[derive(Debug, Clone)]
pub struct Member {
    pub user: UserId,
    pub email: Option<String>,
    pub name: Option<String>,
    pub role: TeamRole,
    pub source: Source,
    /// In this team.
    pub limits: KeptLimits,
    pub models: ModelList,
}

/// LiteLLM's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TeamRole {
    /// Looks after the team, its members and keys.
    Admin,
    User,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Hand,
    /// A `[[team]]` rule, from the provider's groups.
    Group,
}

impl TeamRole {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "admin" => Some(Self::Admin),
            "user" => Some(Self::User),
            _ => None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
        }
    }
}

impl Source {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "hand" => Some(Self::Hand),
            "group" => Some(Self::Group),
            _ => None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Group => "group",
        }
    }
}

/// `[[team]]`: whoever is in one of the groups is in the team, as long as they are.
#[derive(Debug, Clone, Default)]
pub struct TeamRule {
    pub name: String,
    pub groups: Vec<String>,
}

/// The teams that these groups lead to, by name.
#[must_use]
pub fn teams_of(rules: &[TeamRule], groups: &[String]) -> Vec<String> {
    let have: HashSet<&str> = groups.iter().map(String::as_str).collect();
    let leads = |rule: &&TeamRule| rule.groups.iter().any(|group| have.contains(group.as_str()));
    rules.iter().filter(leads).map(|rule| rule.name.clone()).collect()
}

/// The team a key is for where no page asks: the only one, else the person's default one, else none.
#[must_use]
pub fn team_unasked(teams: &[Membership], default: Option<&TeamId>) -> Option<TeamId> {
    let open: Vec<&TeamId> = teams.iter().filter(|m| !m.blocked).map(|m| &m.team).collect();
    match open.as_slice() {
        [only] => Some((*only).clone()),
        several => several.iter().find(|team| Some(**team) == default).map(|team| (*team).clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(team: &str) -> Membership {
        Membership {
            team: TeamId::named(team),
            alias: team.to_uppercase(),
            role: TeamRole::User,
            source: Source::Hand,
            blocked: false,
        }
    }

    #[test]
    fn where_no_page_asks_it_is_the_only_team_else_the_default_one_else_none() {
        let (a, b) = (TeamId::named("a"), TeamId::named("b"));
        assert_eq!(team_unasked(&[], Some(&a)), None, "no longer a member of the default team");
        assert_eq!(team_unasked(&[member("a")], Some(&b)), Some(a.clone()));
        assert_eq!(team_unasked(&[member("a"), member("b")], Some(&b)), Some(b));
        assert_eq!(team_unasked(&[member("a"), member("b")], None), None);
        assert_eq!(team_unasked(&[member("a"), member("b")], Some(&TeamId::named("c"))), None);
        let shut = Membership { blocked: true, ..member("a") };
        assert_eq!(team_unasked(&[shut, member("b")], Some(&a)), Some(TeamId::named("b")));
    }

    #[test]
    fn one_group_of_a_rule_is_enough_and_names_are_compared_whole() {
        let rule = |name: &str, groups: &[&str]| TeamRule {
            name: name.into(),
            groups: groups.iter().map(|&g| g.into()).collect(),
        };
        let rules = [rule("data", &["eng-data", "ml"]), rule("web", &["eng-web"])];
        let of = |groups: &[&str]| {
            teams_of(&rules, &groups.iter().map(|&g| g.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of(&["ml"]), ["data"]);
        assert_eq!(of(&["eng-web", "eng-data", "ml"]), ["data", "web"]);
        assert!(of(&["eng", "ML", "eng-data-x"]).is_empty());
    }
}
