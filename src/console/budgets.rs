//! What is left of the budgets that bind a person's keys: their own, the person's, their teams'.
use super::Console;
use crate::{
    guard::{Account, Whose},
    model::{Key, Timestamp},
    store::{self, spent::Holder},
};
use std::collections::BTreeMap;

/// So many keys with limits are looked at: those of one person share most of their budgets.
const MOST: usize = 20;

/// A budget as a bar.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) percent: i64,
    pub(super) words: String,
    /// What the person should know before it is too late.
    pub(super) warning: Option<String>,
}

/// Those of keys stand with the keys, those they share above all of them.
#[derive(Default)]
pub(super) struct Budgets {
    shared: BTreeMap<String, Bar>,
    own: BTreeMap<String, Bar>,
}

impl Budgets {
    pub(super) async fn of(console: &Console, keys: &[Key]) -> Result<Self, store::Error> {
        let now = console.clock.now();
        let mut budgets = Self::default();
        for key in keys.iter().filter(|key| key.counts_money()).take(MOST) {
            for account in console.guard.accounts(&Whose::Key(key.id.clone())).await?.iter() {
                let is_key = matches!(account.holder, Holder::Key(_));
                let bars = if is_key { &mut budgets.own } else { &mut budgets.shared };
                if let Some(bar) = Bar::new(account, now) {
                    bars.insert(account.holder.ledger(), bar);
                }
            }
        }
        Ok(budgets)
    }

    /// A key's own, or that of the key it was made with.
    pub(super) fn of_key(&mut self, key: &Key) -> Option<Bar> {
        let root = key.root.as_ref().map(|root| Holder::Key(root.id.clone()).ledger());
        let own = self.own.remove(&Holder::Key(key.id.clone()).ledger());
        own.or_else(|| self.own.remove(&root?))
    }

    pub(super) fn shared(self) -> Vec<Bar> {
        self.shared.into_values().collect()
    }
}

impl Bar {
    pub(super) fn new(account: &Account, now: Timestamp) -> Option<Self> {
        let (limits, balance) = (account.limits(), account.balance(now));
        let limit = limits.max_budget.or(limits.soft_budget)?;
        let warning = limits.soft_budget.filter(|soft| balance.spent >= *soft);
        let warning =
            warning.map(|soft| format!("the soft budget of {} is spent", soft.in_words()));
        let share = i128::from(balance.spent.0) * 100 / i128::from(limit.0.max(1));
        let mut words = format!("{} of {} spent", balance.spent.in_words(), limit.in_words());
        if let Some(at) = balance.resets {
            words = format!("{words}, begins anew {}", at.in_words());
        }
        let percent = i64::try_from(share.min(100)).unwrap_or(100);
        let percent = if limit.0 == 0 { 100 } else { percent };
        Some(Self { name: account.name.clone(), percent, words, warning })
    }
}
