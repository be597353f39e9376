//! What OpenRouter's and Requesty's tools read of the key they use: `/api/v1/key`, `/api/v1/credits`, `/x/apikey`. Real
//! figures; dollars are what the tokens cost, and what has no price counts for nothing.
use super::Manage;
use crate::{
    guard::{Caller, NoCaller},
    model::{Each, Key, Limit, NanoDollars, Timestamp, Usage},
    store::{
        self,
        activity::{Activity, Of},
        grants::TermsOf,
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
    limit: Option<Limit>,
}

impl Figures {
    /// Within the window of its limit.
    fn spent(&self) -> NanoDollars {
        match self.limit.and_then(|limit| limit.each) {
            None => self.all,
            Some(Each::Daily) => self.today,
            Some(Each::Weekly) => self.week,
            Some(Each::Monthly) => self.month,
        }
    }

    fn left(&self) -> Option<f64> {
        let limit = self.limit?.dollars.0;
        Some(NanoDollars((limit - self.spent().0).max(0)).dollars())
    }
}

async fn key(State(manage): State<Manage>, caller: Result<Caller, NoCaller>) -> Response {
    let figures = match manage.figures(caller).await {
        Ok(figures) => figures,
        Err(refused) => return refused,
    };
    let limit = figures.limit;
    let data = json!({
        "label": figures.key.alias.clone().unwrap_or_else(|| figures.key.hint.clone()),
        "usage": figures.all.dollars(),
        "usage_daily": figures.today.dollars(),
        "usage_weekly": figures.week.dollars(),
        "usage_monthly": figures.month.dollars(),
        "limit": limit.map(|limit| limit.dollars.dollars()),
        "limit_remaining": figures.left(),
        "limit_reset": limit.and_then(|limit| limit.each).map(Each::name),
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
    let total = figures.limit.map_or(used, |limit| limit.dollars.dollars());
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
            .limit
            .filter(|limit| limit.each == Some(Each::Monthly))
            .map(|limit| limit.dollars.to_string()),
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
        let terms = match &key.grant {
            Some(grant) => self.store.read(TermsOf(grant.clone())).await?,
            None => None,
        };
        let now = self.clock.now();
        let since = |day: i64| {
            let fits = days.iter().filter(|row| row.day >= day);
            fits.map(|row| row.usage).sum::<Usage>().cost
        };
        Ok(Figures {
            all: since(i64::MIN),
            today: since(now.day()),
            week: since(now.week_begins()),
            month: since(now.month_begins()),
            limit: terms.and_then(|terms| terms.limit),
            key,
        })
    }
}

/// Errors under `/api/v1` have a number as their code.
fn refused(none: &NoCaller) -> Response {
    none.dress(web::numbered_error(none.status(), none.message(), None))
}
