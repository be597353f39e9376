//! What calls cost, reckoned again with another price: rows, the sums they are in, and what ledgers have spent, a batch
//! in a transaction. Sums of calls whose rows have been swept stay as they are.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
    calls,
    changes::{self, Change},
    labels,
    spent::{self, Holder},
};
use crate::model::{Amount, App, Charge, ChargeId, KeptLimits, KeyId, Tariff, Timestamp};
use std::{collections::BTreeMap, sync::Arc};

/// A batch of rows, the oldest first.
#[derive(Clone)]
pub struct Rerate {
    pub from: ChargeId,
    /// What each model costs now.
    pub tariffs: Arc<BTreeMap<String, Tariff>>,
    /// Only this model's.
    pub model: Option<String>,
    /// Else nothing is written.
    pub apply: bool,
    pub at: Timestamp,
}

/// What a batch came to.
#[derive(Debug, Clone, Default)]
pub struct Rerated {
    /// The next begins there; `None`: that was the last.
    pub next: Option<ChargeId>,
    pub by_model: BTreeMap<String, Difference>,
}

/// Of one model: rows looked at and changed, and what the rows cost before and after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Difference {
    pub rows: i64,
    pub changed: i64,
    pub before: i64,
    pub after: i64,
    /// Rows whose model is not served any more: they stay as they are.
    pub left: i64,
}

impl std::ops::AddAssign for Difference {
    fn add_assign(&mut self, more: Self) {
        self.rows += more.rows;
        self.changed += more.changed;
        self.before = self.before.saturating_add(more.before);
        self.after = self.after.saturating_add(more.after);
        self.left += more.left;
    }
}

impl Operation for Rerate {
    type Output = Rerated;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Rerated, Error> {
        let (rows, next) = calls::batch(tx, &self.from, self.model.as_ref()).await?;
        let mut done = Rerated { next, ..Rerated::default() };
        let (mut ledgers, mut sums) = (Ledgers::default(), Vec::new());
        for row in &rows {
            let difference = done.by_model.entry(row.charge.model.clone()).or_default();
            let before = row.charge.cost.map_or(0, |cost| cost.0);
            difference.rows += 1;
            difference.before = difference.before.saturating_add(before);
            let Some(tariff) = self.tariffs.get(&row.charge.model) else {
                difference.left += 1;
                difference.after = difference.after.saturating_add(before);
                continue;
            };
            let amount = Amount { tokens: row.charge.tokens, units: row.charge.units };
            let cost = tariff.price.of(&amount);
            let after = cost.map_or(0, |cost| cost.0);
            difference.after = difference.after.saturating_add(after);
            if cost == row.charge.cost && tariff.version == row.charge.price {
                continue;
            }
            difference.changed += 1;
            if self.apply && calls::set_cost(tx, row, cost, tariff.version.as_ref()).await? {
                let unpriced = i64::from(cost.is_none()) - i64::from(row.charge.cost.is_none());
                let more = (after.saturating_sub(before), unpriced);
                sums.push((&row.charge, more));
                ledgers.note(tx, &row.charge, more.0).await?;
            }
        }
        if !sums.is_empty() {
            write(tx, &sums).await?;
            ledgers.write(tx).await?;
            labels::correct(tx, &sums).await?;
            // Each batch by itself: a run that stops half way has told the servers of what it did.
            changes::insert(tx, &Change::Books, self.at).await?;
        }
        Ok(done)
    }
}

/// What some calls cost was another sum, and so were the calls without one.
pub(super) type More<'a> = [(&'a Charge, (i64, i64))];

/// In the order in which calls are written, so that neither waits for the other for ever.
async fn write(tx: &mut Tx<'_>, rows: &More<'_>) -> Result<(), Error> {
    let mut sums: BTreeMap<(&KeyId, &str, i64), (i64, i64)> = BTreeMap::new();
    for (charge, (nano, unpriced)) in rows {
        let place = (&charge.key, charge.model.as_str(), charge.at.day());
        let sum = sums.entry(place).or_default();
        *sum = (sum.0.saturating_add(*nano), sum.1 + unpriced);
    }
    for ((key, model, day), (nano, unpriced)) in sums {
        tx.run(
            "UPDATE usage SET cost = cost + $4, unpriced_calls = unpriced_calls + $5
             WHERE key_id = $1 AND model = $2 AND day = $3",
            (key, model, day, nano, unpriced),
        )
        .await?;
    }
    Ok(())
}

/// What the ledgers of a batch's rows have spent too much or too little, by ledger and time.
#[derive(Default)]
struct Ledgers {
    limits: BTreeMap<String, Option<KeptLimits>>,
    keys: BTreeMap<KeyId, OfKey>,
    more: BTreeMap<String, Vec<(Timestamp, i64)>>,
}

/// What a key's row says of others whose money it was.
#[derive(Default, Clone)]
struct OfKey {
    limits: KeptLimits,
    root: Option<(KeyId, KeptLimits)>,
    budget: Option<String>,
}

/// Its limits, its root and the root's, its budget.
type KeyRow = (KeptLimits, Option<KeyId>, Option<KeptLimits>, Option<String>);

impl Ledgers {
    async fn note(&mut self, tx: &mut Tx<'_>, charge: &Charge, nano: i64) -> Result<(), Error> {
        if nano == 0 {
            return Ok(());
        }
        for (holder, limits) in self.holders(tx, charge).await? {
            let mut names = vec![holder.ledger_of(limits.epoch)];
            if let Some(of_model) = limits.by_model.get(&charge.model) {
                let of = Holder::Model(Box::new(holder.clone()), charge.model.clone());
                names.push(of.ledger_of(of_model.epoch));
            }
            for name in names.into_iter().chain(holder.days()) {
                self.more.entry(name).or_default().push((charge.at, nano));
            }
        }
        Ok(())
    }

    /// Everybody whose money it was, as far as is known today.
    async fn holders(
        &mut self,
        tx: &mut Tx<'_>,
        charge: &Charge,
    ) -> Result<Vec<(Holder, KeptLimits)>, Error> {
        let of_key = self.key(tx, &charge.key).await?;
        let mut holders = vec![(Holder::Key(charge.key.clone()), of_key.limits)];
        holders.extend(of_key.root.map(|(id, limits)| (Holder::Key(id), limits)));
        let mut others = vec![Holder::User(charge.user.clone())];
        if let Some(team) = &charge.team {
            others.push(Holder::Team(team.clone()));
            others.push(Holder::Member(team.clone(), charge.user.clone()));
        }
        if !charge.app.is_empty() {
            others.push(Holder::App(App::rule_of(&charge.app)));
        }
        others.extend(of_key.budget.map(Holder::Budget));
        for holder in others {
            if let Some(limits) = self.limits_of(tx, &holder).await? {
                holders.push((holder, limits));
            }
        }
        Ok(holders)
    }

    async fn key(&mut self, tx: &mut Tx<'_>, id: &KeyId) -> Result<OfKey, Error> {
        if let Some(known) = self.keys.get(id) {
            return Ok(known.clone());
        }
        let sql = "SELECT limits, root_id, root_limits, budget_id FROM keys WHERE id = $1";
        let found: Option<KeyRow> = tx.optional(sql, (id,)).await?;
        let (limits, root, root_limits, budget) = found.unwrap_or_default();
        let of_key = OfKey { limits, root: root.zip(root_limits), budget };
        self.keys.insert(id.clone(), of_key.clone());
        Ok(of_key)
    }

    async fn limits_of(
        &mut self,
        tx: &mut Tx<'_>,
        holder: &Holder,
    ) -> Result<Option<KeptLimits>, Error> {
        let name = holder.ledger();
        if let Some(known) = self.limits.get(&name) {
            return Ok(known.clone());
        }
        let found: Option<(KeptLimits,)> = match holder {
            Holder::User(id) => {
                tx.optional("SELECT limits FROM users WHERE id = $1", (id,)).await?
            }
            Holder::Team(id) => {
                tx.optional("SELECT limits FROM teams WHERE id = $1", (id,)).await?
            }
            Holder::Member(team, user) => {
                let sql = "SELECT limits FROM member_limits WHERE team_id = $1 AND user_id = $2";
                tx.optional(sql, (team, user)).await?
            }
            Holder::App(id) => {
                tx.optional("SELECT limits FROM app_rules WHERE app = $1", (id,)).await?
            }
            Holder::Budget(id) => {
                tx.optional("SELECT limits FROM budgets WHERE id = $1", (id,)).await?
            }
            Holder::Key(_) | Holder::Model(..) => None,
        };
        let limits = found.map(|(limits,)| limits);
        self.limits.insert(name, limits.clone());
        Ok(limits)
    }

    /// To the window of each ledger in which a row lies, if the ledger has kept one.
    async fn write(self, tx: &mut Tx<'_>) -> Result<(), Error> {
        for (ledger, rows) in self.more {
            let windows: Vec<(Timestamp,)> = tx
                .all(
                    "SELECT began FROM spent WHERE ledger = $1 AND began <= $2
                     ORDER BY began DESC LIMIT 1000",
                    (&ledger, rows.iter().map(|(at, _)| *at).max().unwrap_or(Timestamp(0))),
                )
                .await?;
            let mut sums: BTreeMap<Timestamp, i64> = BTreeMap::new();
            for (at, nano) in rows {
                if let Some((began,)) = windows.iter().find(|(began,)| *began <= at) {
                    let sum = sums.entry(*began).or_default();
                    *sum = sum.saturating_add(nano);
                }
            }
            for (began, nano) in sums {
                spent::add(tx, &ledger, began, nano).await?;
            }
        }
        Ok(())
    }
}

/// A line of the audit: what was begun, and what came of it.
pub struct NoteRerate {
    pub detail: String,
    pub model: Option<String>,
    pub act: Act,
}

impl Operation for NoteRerate {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let subject = self.model.as_deref().unwrap_or("all models");
        let entry = self.act.entry("prices.rerate", subject).saying(&self.detail);
        audit::insert(tx, &entry).await
    }
}
