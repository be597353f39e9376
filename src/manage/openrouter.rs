//! What OpenRouter's and Requesty's tools read of the key they use: `/api/v1/key`, `/api/v1/credits`, `/x/apikey`. Real
//! figures; dollars are what the tokens cost, and what has no price counts for nothing.
use super::Manage;
use crate::{
    guard::{Caller, NoCaller, Whose},
    model::{Each, Key, NanoDollars, Timestamp, Usage, Window},
    store::{
        self,
        activity::{Activity, Of},
        spent::Holder,
    },
    web,
};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use std::time::Duration;

pub(super) fn routes() -> Router<Manage> {
    Router::new()
        .route("/api/v1/key", get(key))
        .route("/api/v1/auth/key", get(key))
        .route("/api/v1/credits", get(credits))
        .route("/x/apikey", get(requesty))
}

/// What a key has spent, and may.
struct Figures {
    key: std::sync::Arc<Key>,
    all: NanoDollars,
    today: NanoDollars,
    week: NanoDollars,
    month: NanoDollars,
    /// Its own budget, and what is booked on that.
    budget: Option<Budget>,
}

#[derive(Clone, Copy)]
struct Budget {
    limit: NanoDollars,
    window: Option<Window>,
    spent: NanoDollars,
}

impl Figures {
    /// Within the window of its budget.
    fn spent(&self) -> NanoDollars {
        self.budget.map_or(self.all, |budget| budget.spent)
    }

    fn left(&self) -> Option<f64> {
        let budget = self.budget?;
        Some(NanoDollars((budget.limit.0 - budget.spent.0).max(0)).dollars())
    }
}

async fn key(State(manage): State<Manage>, caller: Result<Caller, NoCaller>) -> Response {
    let figures = match manage.figures(caller).await {
        Ok(figures) => figures,
        Err(refused) => return refused,
    };
    let budget = figures.budget;
    let data = json!({
        "label": figures.key.alias.clone().unwrap_or_else(|| figures.key.hint.clone()),
        "usage": figures.all.dollars(),
        "usage_daily": figures.today.dollars(),
        "usage_weekly": figures.week.dollars(),
        "usage_monthly": figures.month.dollars(),
        "limit": budget.map(|budget| budget.limit.dollars()),
        "limit_remaining": figures.left(),
        "limit_reset": budget.and_then(|budget| budget.window).map(|window| window.to_string()),
        "is_free_tier": false,
        "is_management_key": false,
        "is_provisioning_key": false,
        "expires_at": figures.key.expires_at.map(Timestamp::rfc3339),
        "creator_user_id": figures.key.user,
        "rate_limit": {"requests": -1, "interval": "1h", "note": "This field is deprecated."},
        "allowed_data_regions": [],
        "byok_usage": 0,
        "byok_usage_daily": 0,
        "byok_usage_weekly": 0,
        "byok_usage_monthly": 0,
        "free_model_daily_requests": {"limit": 0, "remaining": 0, "used": 0},
        "include_byok_in_limit": false,
        "organization_id": null,
        "workspace_id": null,
        "budgets": [],
        "effective_budget": null,
    });
    web::no_store(Json(json!({"data": data})).into_response())
}

/// Without a limit there is no sum that was paid in: what was used is all there is to say.
async fn credits(State(manage): State<Manage>, caller: Result<Caller, NoCaller>) -> Response {
    let figures = match manage.figures(caller).await {
        Ok(figures) => figures,
        Err(refused) => return refused,
    };
    let used = figures.spent().dollars();
    let total = figures.budget.map_or(used, |budget| budget.limit.dollars());
    let body = json!({"data": {"total_credits": total, "total_usage": used}});
    web::no_store(Json(body).into_response())
}

/// Requesty's balance of a key.
async fn requesty(State(manage): State<Manage>, caller: Result<Caller, NoCaller>) -> Response {
    let figures = match manage.figures(caller).await {
        Ok(figures) => figures,
        Err(refused) => return refused,
    };
    let body = json!({
        "name": figures.key.alias,
        "monthly_limit": figures
            .budget
            .filter(|budget| budget.window == Some(Window::Calendar(Each::Monthly)))
            .map(|budget| budget.limit.to_string()),
        "monthly_spend": figures.month.to_string(),
        "total_spend": figures.all.to_string(),
        "org_balance": figures.left().map(|left| left.to_string()),
    });
    web::no_store(Json(body).into_response())
}

impl Manage {
    async fn figures(&self, caller: Result<Caller, NoCaller>) -> Result<Figures, Response> {
        let key = caller.map_err(|none| refused(&none))?.key;
        self.count(key).await.map_err(|error| {
            tracing::error!(%error, "the figures of a key could not be read");
            web::numbered_error(StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment", Some(2))
        })
    }

    async fn count(&self, key: std::sync::Arc<Key>) -> Result<Figures, store::Error> {
        // What was just used is in it.
        self.books.settled(Duration::from_secs(1)).await;
        let of = Of::Key(key.id.to_string());
        let days = self.store.read(Activity { of, from: i64::MIN, to: i64::MAX }).await?;
        let now = self.clock.now();
        let own = Holder::Key(key.id.clone());
        let accounts = self.guard.accounts(&Whose::Key(key.id.clone())).await?;
        let account = accounts.iter().find(|account| account.holder == own);
        let budget = key.limits.max_budget.zip(account).map(|(limit, account)| Budget {
            limit,
            window: key.limits.budget_duration,
            spent: account.balance(now).spent,
        });
        let since = |day: i64| {
            let fits = days.iter().filter(|row| row.day >= day);
            fits.map(|row| row.usage).sum::<Usage>().cost
        };
        Ok(Figures {
            all: since(i64::MIN),
            today: since(now.day()),
            week: since(now.week_begins()),
            month: since(now.month_begins()),
            budget,
            key,
        })
    }
}

/// Errors under `/api/v1` have a number as their code.
fn refused(none: &NoCaller) -> Response {
    none.dress(web::numbered_error(none.status(), none.message(), None))
}
