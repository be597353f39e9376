//! Named budgets: limits with one ledger that many keys share.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::{self, Act},
    changes::{self, Change},
    retired_ids::{is_retired, retire},
};
use crate::model::{KeptLimits, LimitsPatch, Timestamp};
use serde_json::json;

#[derive(Debug, Clone)]
pub struct Budget {
    pub id: String,
    pub limits: KeptLimits,
    /// A user id, or `master_key`.
    pub created_by: String,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

impl FromRow for Budget {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        let (id, limits, created_by) = (row.take()?, row.take()?, row.take()?);
        Ok(Self { id, limits, created_by, created_at: row.take()?, changed_at: row.take()? })
    }
}

pub struct NewBudget {
    pub id: String,
    pub limits: KeptLimits,
    pub act: Act,
}

/// What became of a budget's making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Done,
    Taken,
    /// The id was used before: what was spent under it is not the new one's (row O12).
    Used,
}

impl Operation for NewBudget {
    type Output = Made;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Made, Error> {
        let subject = subject(&self.id);
        if is_retired(tx, &subject).await? {
            return Ok(Made::Used);
        }
        let made: Option<(String,)> = tx
            .optional(
                "INSERT INTO budgets (id, limits, created_by, created_at, changed_at)
                 VALUES ($1, $2, $3, $4, $4) ON CONFLICT (id) DO NOTHING RETURNING id",
                (&self.id, &self.limits, &self.act.actor, self.act.at),
            )
            .await?;
        if made.is_none() {
            return Ok(Made::Taken);
        }
        let entry = self.act.entry("budget.new", &subject);
        audit::insert(tx, &entry.changing(json!({}), json!({"limits": self.limits}))).await?;
        Ok(Made::Done)
    }
}

/// Under which name the audit and the retired ids have it.
fn subject(id: &str) -> String {
    format!("budget:{id}")
}

pub struct UpdateBudget {
    pub id: String,
    pub patch: LimitsPatch,
    pub act: Act,
}

impl Operation for UpdateBudget {
    type Output = Option<Budget>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Budget>, Error> {
        tx.run("UPDATE budgets SET id = id WHERE id = $1", (&self.id,)).await?;
        let Some(mut budget) = find(tx, &self.id).await? else { return Ok(None) };
        let before = budget.limits.clone();
        budget.limits = self.patch.apply(&before).into();
        budget.changed_at = self.act.at;
        tx.run(
            "UPDATE budgets SET limits = $2, changed_at = $3 WHERE id = $1",
            (&self.id, &budget.limits, self.act.at),
        )
        .await?;
        changes::insert(tx, &Change::Budget(self.id.clone()), self.act.at).await?;
        let entry = self.act.entry("budget.update", &subject(&self.id));
        let (before, after) = (json!({"limits": before}), json!({"limits": budget.limits}));
        audit::insert(tx, &entry.changing(before, after)).await?;
        Ok(Some(budget))
    }
}

pub struct DeleteBudget {
    pub id: String,
    pub act: Act,
}

/// What became of a budget's deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    Done,
    NoSuchBudget,
    /// So many keys have it: they would be without a limit from one moment to the next.
    InUse(i64),
}

impl Operation for DeleteBudget {
    type Output = Deleted;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Deleted, Error> {
        let held: Option<(String,)> = tx
            .optional("UPDATE budgets SET id = id WHERE id = $1 RETURNING id", (&self.id,))
            .await?;
        if held.is_none() {
            return Ok(Deleted::NoSuchBudget);
        }
        let (keys,) = tx.one("SELECT COUNT(*) FROM keys WHERE budget_id = $1", (&self.id,)).await?;
        if keys > 0 {
            return Ok(Deleted::InUse(keys));
        }
        tx.run("DELETE FROM budgets WHERE id = $1", (&self.id,)).await?;
        let subject = subject(&self.id);
        retire(tx, &subject, self.act.at).await?;
        audit::insert(tx, &self.act.entry("budget.delete", &subject)).await?;
        Ok(Deleted::Done)
    }
}

pub struct BudgetById(pub String);

impl Operation for BudgetById {
    type Output = Option<Budget>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Budget>, Error> {
        find(tx, &self.0).await
    }
}

async fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<Budget>, Error> {
    tx.optional(
        "SELECT id, limits, created_by, created_at, changed_at FROM budgets WHERE id = $1",
        (id,),
    )
    .await
}

/// Holds a budget's row until the commit, if there is one: a key gets no budget that is being deleted.
pub(super) async fn hold(tx: &mut Tx<'_>, id: &str) -> Result<bool, Error> {
    let held: Option<(String,)> =
        tx.optional("UPDATE budgets SET id = id WHERE id = $1 RETURNING id", (id,)).await?;
    Ok(held.is_some())
}

/// By name, a page at a time.
pub struct ListBudgets {
    /// Those after this one.
    pub after: String,
    pub limit: i64,
}

impl Operation for ListBudgets {
    type Output = Vec<Budget>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Budget>, Error> {
        tx.all(
            "SELECT id, limits, created_by, created_at, changed_at FROM budgets
             WHERE id > $1 ORDER BY id LIMIT $2",
            (&self.after, self.limit),
        )
        .await
    }
}
