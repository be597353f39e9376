//! The ledgers in memory: of everybody who has limits and whose keys are in use. What they have spent is read once,
//! and then counted here and written beside the calls.
use super::{
    bound::{Bound, bound_by, holders, of_app, of_budget},
    crossed,
};
use crate::{
    alerts::Alerts,
    model::{
        Ask, Balance, Broken, Calendar, Held, Key, KeyId, Ledger, Limits, NanoDollars, Spent,
        Timestamp, Window,
    },
    store::{
        self, Store,
        app_rules::AppRulesOf,
        books::Books,
        budgets::BudgetById,
        keys::KeyById,
        spent::{Holder, OpenLedger, SpentOf, Which},
    },
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Past this, those that nobody uses are let go; they are read again when somebody does.
const MANY: usize = 100_000;
/// For the books to take what has ended.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Ledgers {
    store: Store,
    books: Books,
    calendar: Arc<Calendar>,
    alerts: Alerts,
    known: Mutex<HashMap<Holder, Arc<Account>>>,
    /// One is opened at a time.
    turn: tokio::sync::Mutex<()>,
    /// How often what is kept of them has been corrected by another hand.
    corrections: AtomicU64,
}

/// Somebody's limits, and what is used of them.
pub struct Account {
    pub holder: Holder,
    /// For people: `the key sk-…`, `the team red`.
    pub name: String,
    /// The model whose calls it bounds; `None`: of every model.
    pub model: Option<String>,
    calendar: Arc<Calendar>,
    alerts: Alerts,
    state: Mutex<State>,
}

struct State {
    limits: Limits,
    ledger: Ledger,
    /// The corrections that are in it.
    corrections: u64,
}

/// Whose limits are looked at.
#[derive(Debug, Clone)]
pub enum Whose {
    /// Everybody's that bind this key.
    Key(KeyId),
    Budget(String),
    App(String),
}

/// All the limits that a key's calls must keep, in an order that everybody locks them in.
pub type Accounts = Arc<[Arc<Account>]>;

/// Which limit, and whose, a call would break.
pub struct Refused {
    pub account: Arc<Account>,
    pub broken: Broken,
}

/// What a caller is told of somebody's limits.
pub struct Told {
    /// The limit, and what is left of it.
    pub requests: Option<(i64, i64)>,
    pub tokens: Option<(i64, i64)>,
    /// What is booked in the window that runs, where money is counted.
    pub spent: Option<NanoDollars>,
    /// Of a soft budget that is spent.
    pub warning: Option<String>,
}

/// What one call holds on the ledgers until it ends: it is settled, or given back, whatever happens.
pub struct Reservation(Vec<(Arc<Account>, Held)>);

impl Ledgers {
    pub(super) fn new(store: Store, books: Books, calendar: Calendar, alerts: Alerts) -> Self {
        Self {
            store,
            books,
            alerts,
            calendar: Arc::new(calendar),
            known: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            corrections: AtomicU64::new(0),
        }
    }

    /// Of everybody whose limits bind this key, as the key's row has them.
    pub(super) async fn of(&self, key: &Key, now: Timestamp) -> Result<Accounts, store::Error> {
        self.of_all(bound_by(key), now).await
    }

    /// Of a key, an app or a budget as the store has it now; of nobody that is gone.
    pub(super) async fn of_whom(
        &self,
        whose: &Whose,
        now: Timestamp,
    ) -> Result<Accounts, store::Error> {
        match whose.clone() {
            Whose::Key(id) => match self.store.read(KeyById(id)).await? {
                Some(key) => self.of(&key, now).await,
                None => Ok(Accounts::default()),
            },
            Whose::Budget(id) => match self.store.read(BudgetById(id)).await? {
                Some(budget) => self.of_all(vec![of_budget(&budget.id, &budget.limits)], now).await,
                None => Ok(Accounts::default()),
            },
            Whose::App(app) => {
                let (rules, _) = self.store.read(AppRulesOf(app.clone())).await?;
                self.of_all(vec![of_app(&app, &rules.limits)], now).await
            }
        }
    }

    /// Another hand has corrected what was spent: it is read anew where it is needed.
    pub(super) fn distrust(&self) {
        self.corrections.fetch_add(1, Ordering::SeqCst);
    }

    async fn of_all(
        &self,
        bound: Vec<Bound<'_>>,
        now: Timestamp,
    ) -> Result<Accounts, store::Error> {
        let mut accounts = Vec::new();
        for (holder, name, limits) in holders(bound) {
            if !limits.counts() {
                // Somebody else's entry may hold it still; its next limits have another epoch.
                if let Some(account) = self.find(&holder) {
                    account.state().limits = limits;
                }
                continue;
            }
            accounts.push(self.account(holder, name, &limits, now).await?);
        }
        Ok(accounts.into())
    }

    async fn account(
        &self,
        holder: Holder,
        name: String,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Arc<Account>, store::Error> {
        let corrections = self.corrections.load(Ordering::SeqCst);
        let is_current = |state: &State| state.corrections == corrections;
        let same = |account: &Arc<Account>| {
            let state = account.state();
            state.limits == *limits && is_current(&state)
        };
        if let Some(account) = self.find(&holder).filter(same) {
            return Ok(account);
        }
        let _turn = self.turn.lock().await;
        let found = self.find(&holder);
        let by = |limits: &Limits| (limits.counted_by(), limits.epoch);
        let differs = |account: &Arc<Account>| {
            let state = account.state();
            by(&state.limits) != by(limits) || !is_current(&state)
        };
        let reopen = found.as_ref().is_none_or(differs);
        let corrected = found.as_ref().is_some_and(|account| !is_current(&account.state()));
        // What memory has is in the database after that; what ends meanwhile counts twice rather than not at all.
        let before = found.as_ref().map(|account| account.balance(now).spent);
        if corrected && !self.books.settled(PATIENCE).await {
            return Err(store::Error::Unavailable("usage cannot be written".into()));
        }
        let spent = match limits.counted_by().filter(|_| reopen) {
            Some(window) => self.spent(&holder, (window, limits.epoch), now).await?,
            None => None,
        };
        let Some(account) = found else {
            let ledger = Ledger::opened(spent);
            let state = State { limits: limits.clone(), ledger, corrections };
            let calendar = self.calendar.clone();
            let model = match &holder {
                Holder::Model(_, model) => Some(model.clone()),
                _ => None,
            };
            let (state, whose, alerts) = (state.into(), holder.clone(), self.alerts.clone());
            let account = Arc::new(Account { holder: whose, name, model, calendar, alerts, state });
            let known = (limits, &account.balance(now));
            crossed::tell(&self.alerts, &account, known, None, now);
            self.keep(holder, account.clone(), now);
            return Ok(account);
        };
        let now_spent = account.balance(now).spent;
        let mut state = account.state();
        state.limits = limits.clone();
        if reopen {
            let meanwhile = before.map_or(0, |before| now_spent.0.saturating_sub(before.0).max(0));
            let more = if corrected { meanwhile } else { 0 };
            let spent = spent.map(|s| Spent { nano: s.nano.saturating_add(more), ..s });
            state.ledger.reopen(spent);
        }
        state.corrections = corrections;
        drop(state);
        crossed::tell(&self.alerts, &account, (limits, &account.balance(now)), None, now);
        Ok(account)
    }

    /// What was spent in the window that runs: as it is kept, or as the books have it.
    async fn spent(
        &self,
        holder: &Holder,
        (window, epoch): (Option<Window>, i64),
        now: Timestamp,
    ) -> Result<Option<Spent>, store::Error> {
        let ledger = holder.ledger_of(epoch);
        let began = match window {
            None => Timestamp(0),
            Some(Window::Calendar(each)) => self.calendar.begins(each, now),
            Some(Window::Every(_)) => {
                return self.store.read(SpentOf { ledger, which: Which::Newest }).await;
            }
        };
        let which = Which::Began(began);
        if let Some(spent) = self.store.read(SpentOf { ledger, which }).await? {
            return Ok(Some(spent));
        }
        // What has ended is in the books before they are summed.
        if !self.books.settled(PATIENCE).await {
            return Err(store::Error::Unavailable("usage cannot be written".into()));
        }
        let open = OpenLedger { holder: holder.clone(), began, epoch };
        self.store.write(open).await.map(Some)
    }

    fn find(&self, holder: &Holder) -> Option<Arc<Account>> {
        self.known().get(holder).cloned()
    }

    fn keep(&self, holder: Holder, account: Arc<Account>, now: Timestamp) {
        let mut known = self.known();
        // What is queued must be in the database before a ledger may be read from it again.
        if known.len() >= MANY && known.len().is_power_of_two() && self.books.waiting() == 0 {
            known.retain(|_, account| {
                Arc::strong_count(account) > 1 || !account.state().ledger.is_idle(now)
            });
        }
        known.insert(holder, account);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Holder, Arc<Account>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it bounds calls of this model.
    #[must_use]
    pub fn binds(&self, model: &str) -> bool {
        self.model.as_ref().is_none_or(|own| own == model)
    }

    #[must_use]
    pub fn limits(&self) -> Limits {
        self.state().limits.clone()
    }

    /// Whether a call could begin; nothing is taken.
    pub fn judge(&self, now: Timestamp, ask: Ask) -> Result<(), Broken> {
        let State { limits, ledger, .. } = &mut *self.state();
        ledger.judge((limits, &self.calendar), now, ask)
    }

    /// What a caller is told beside an answer.
    #[must_use]
    pub fn told(&self, now: Timestamp) -> Told {
        let State { limits, ledger, .. } = &mut *self.state();
        let balance = ledger.balance((limits, &self.calendar), now);
        let left =
            |limit: Option<i64>, used: i64| limit.map(|limit| (limit, (limit - used).max(0)));
        Told {
            requests: left(limits.rpm_limit, balance.requests),
            tokens: left(limits.tpm_limit, balance.tokens),
            spent: limits.counts_money().then_some(balance.spent),
            warning: limits.soft_budget.filter(|soft| balance.spent >= *soft).map(|soft| {
                format!("{} has spent ${}; its soft budget is ${soft}", self.name, balance.spent)
            }),
        }
    }

    #[must_use]
    pub fn balance(&self, now: Timestamp) -> Balance {
        let State { limits, ledger, .. } = &mut *self.state();
        ledger.balance((limits, &self.calendar), now)
    }
}

impl Reservation {
    /// On all ledgers that bind a call of this model, or on none.
    pub fn take(
        accounts: &Accounts,
        model: &str,
        now: Timestamp,
        ask: Ask,
    ) -> Result<Self, Refused> {
        let binding = || accounts.iter().filter(|account| account.binds(model));
        let mut states: Vec<_> = binding().map(|account| account.state()).collect();
        for (account, state) in binding().zip(&mut states) {
            let State { limits, ledger, .. } = &mut **state;
            ledger.judge((limits, &account.calendar), now, ask).map_err(|broken| {
                let account = Arc::clone(account);
                Refused { account, broken }
            })?;
        }
        let held = binding().zip(&mut states).map(|(account, state)| {
            let State { limits, ledger, .. } = &mut **state;
            (Arc::clone(account), ledger.take((limits, &account.calendar), now, ask))
        });
        Ok(Self(held.collect()))
    }

    /// The call has ended; answers with the ledgers that its cost is to be written to, and their windows.
    #[must_use]
    pub fn settle(
        &mut self,
        now: Timestamp,
        (cost, tokens): (NanoDollars, i64),
    ) -> Vec<(String, Timestamp)> {
        let mut booked = Vec::new();
        for (account, held) in self.0.drain(..) {
            let State { limits, ledger, .. } = &mut *account.state();
            let rules = (&*limits, &*account.calendar);
            let began = ledger.settle(rules, now, held, (cost, tokens));
            if limits.max_budget.is_some() || limits.soft_budget.is_some() {
                let balance = ledger.balance(rules, now);
                crossed::warn(&account, limits, balance.spent, cost);
                crossed::tell(&account.alerts, &account, (limits, &balance), Some(cost), now);
            }
            if limits.counts_money() {
                booked.push((account.holder.ledger_of(limits.epoch), began));
            }
            if let Some(days) = account.holder.days() {
                booked.push((days, Timestamp(now.day().saturating_mul(86_400))));
            }
        }
        booked
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for (account, held) in self.0.drain(..) {
            account.state().ledger.give_back(held);
        }
    }
}
