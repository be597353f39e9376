//! News of budgets: the shares of one that what was spent has reached, each once a window.
use super::Account;
use crate::{
    alerts::Alerts,
    model::{Alert, AlertKind, Balance, Limits, NanoDollars, Timestamp},
};
use serde_json::json;

/// After a call of that cost; or of all that was spent, where a ledger has just been read: what was told is told.
pub(super) fn tell(
    alerts: &Alerts,
    account: &Account,
    (limits, balance): (&Limits, &Balance),
    cost: Option<NanoDollars>,
    now: Timestamp,
) {
    let Some(limit) = limits.max_budget.filter(|limit| limit.0 > 0) else { return };
    let spent = balance.spent;
    let before = cost.map_or(0, |cost| spent.0.saturating_sub(cost.0));
    let share = |share: &i64| i64::try_from(i128::from(limit.0) * i128::from(*share) / 100);
    let reached = |of: &&i64| share(of).is_ok_and(|nano| before < nano && nano <= spent.0);
    for share in alerts.shares().iter().filter(reached) {
        let ledger = account.holder.ledger();
        let began = balance.began.unwrap_or(Timestamp(0));
        let counted = account.holder.ledger_of(limits.epoch);
        alerts.raise(Alert {
            kind: AlertKind::BudgetThreshold,
            // Another limit is another budget: what is topped up is told of again.
            once: format!("budget {counted} {} {} {share}", began.0, limit.0),
            at: now,
            data: json!({
                "ledger": ledger,
                "name": account.name,
                "model": account.model,
                "share": share,
                "limit": limit.dollars(),
                "spent": spent.dollars(),
                "window_began_at": Some(began).filter(|at| at.0 > 0).map(Timestamp::rfc3339),
                "resets_at": balance.resets.map(Timestamp::rfc3339),
            }),
        });
    }
}

/// Of a soft budget that this call has spent: in the log.
pub(super) fn warn(account: &Account, limits: &Limits, spent: NanoDollars, cost: NanoDollars) {
    let Some(soft) = limits.soft_budget else { return };
    if spent >= soft && spent.0.saturating_sub(cost.0) < soft.0 {
        let of = &account.name;
        tracing::warn!(of, %spent, %soft, "a soft budget is spent; calls go on");
    }
}
