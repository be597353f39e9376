//! Whose limits bind a key.
use crate::{
    model::{App, KeptLimits, Key, Limits},
    store::spent::Holder,
};

/// Somebody, how people call them, and their limits.
pub(super) type Bound<'a> = (Holder, String, &'a KeptLimits);

/// Whose limits bind a key, in the order of their ledgers' names; those of one model apart.
pub(super) fn holders(bound: Vec<Bound>) -> Vec<(Holder, String, Limits)> {
    let mut holders = Vec::new();
    for (holder, name, limits) in bound {
        for (model, of_model) in &limits.by_model {
            let of = Holder::Model(Box::new(holder.clone()), model.clone());
            holders.push((of, format!("{name} for {model}"), of_model.of_ledger()));
        }
        holders.push((holder, name, limits.of_ledger()));
    }
    holders.sort_by_cached_key(|(holder, ..)| holder.ledger());
    holders
}

pub(super) fn of_budget<'a>(id: &str, limits: &'a KeptLimits) -> Bound<'a> {
    (Holder::Budget(id.to_owned()), format!("the budget {id}"), limits)
}

pub(super) fn of_app<'a>(app: &str, limits: &'a KeptLimits) -> Bound<'a> {
    (Holder::App(app.to_owned()), format!("the app {}", App::name_of(app)), limits)
}

pub(super) fn bound_by(key: &Key) -> Vec<Bound<'_>> {
    let named = key.alias.as_deref().unwrap_or(&key.hint);
    let person = key.owner.shown();
    let mut bound = vec![
        (Holder::Key(key.id.clone()), format!("the key {named}"), &key.limits),
        (Holder::User(key.user.clone()), format!("the person {person}"), &key.owner.limits),
    ];
    if let Some(root) = &key.root {
        let name = "the key that this key was made with".to_owned();
        bound.push((Holder::Key(root.id.clone()), name, &root.limits));
    }
    if let Some(team) = &key.team {
        let alias = team.alias.as_deref().unwrap_or(team.id.as_str());
        bound.push((Holder::Team(team.id.clone()), format!("the team {alias}"), &team.limits));
        let member = Holder::Member(team.id.clone(), key.user.clone());
        bound.push((member, format!("{person} in the team {alias}"), &team.member_limits));
    }
    if let Some(budget) = &key.budget {
        bound.push(of_budget(&budget.id, &budget.limits));
    }
    if let (Some(rules), Some(app)) = (&key.app_rules, &key.app) {
        bound.push(of_app(&App::rule_of(app), &rules.limits));
    }
    bound
}
