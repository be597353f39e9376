//! `/budget/*`: budgets with a name, which many keys share as one ledger. An admin's.
use super::{
    Actor, Manage, Refusal,
    body::{Body, Field},
    chosen_id::chosen,
    limits,
    page::parameters,
};
use crate::{
    guard::Whose,
    model::{Limits, Timestamp},
    store::budgets::{
        Budget, BudgetById, DeleteBudget, Deleted, ListBudgets, Made, NewBudget, UpdateBudget,
    },
    web,
};
use axum::{
    Json, Router,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// So many are listed; after the last one, `?after=` goes on.
const SHOWN: i64 = 1000;

pub(super) fn routes() -> Router<Manage> {
    Router::new()
        .route("/budget/new", post(new))
        .route("/budget/info", post(info).get(info_of_one))
        .route("/budget/update", post(update))
        .route("/budget/delete", post(delete))
        .route("/budget/list", get(list))
}

async fn new(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let id = match body.text("budget_id")?.flatten() {
        Some(id) => chosen(&id, "budget_id").map(|()| id)?,
        None => manage.fresh_budget_id(),
    };
    let limits = manage.limits(&mut body)?.apply(&Limits::default());
    body.done()?;
    must_limit(&limits)?;
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    let new = NewBudget { id: id.clone(), limits: limits.into(), act };
    match manage.store.write(new).await? {
        Made::Done => manage.answer_budget(&id).await,
        Made::Taken => Err(Refusal::field("budget_id", "is another budget's")),
        Made::Used => {
            let why = "was used before by a budget that is gone; ids are not used twice";
            Err(Refusal::field("budget_id", why))
        }
    }
}

/// One that limits nothing would look like a budget on every page and be none.
fn must_limit(limits: &Limits) -> Result<(), Refusal> {
    if limits.none() {
        return Err(Refusal::field("max_budget", "or another limit must be given"));
    }
    Ok(())
}

async fn update(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let id = body.need("budget_id", "budget")?;
    let patch = manage.limits(&mut body)?;
    body.done()?;
    let before = manage.found_budget(&id).await?;
    must_limit(&patch.apply(&before.limits))?;
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    let update = UpdateBudget { id: id.clone(), patch, act };
    manage.store.write(update).await?.ok_or(NO_SUCH)?;
    manage.guard.catch_up().await?;
    manage.answer_budget(&id).await
}

const NO_SUCH: Refusal = Refusal::NotFound("budget", "budget_id");

async fn delete(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    // LiteLLM's name for it here.
    let id = match body.text("id")?.flatten() {
        Some(id) => id,
        None => body.need("budget_id", "budget")?,
    };
    body.done()?;
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    let budget = manage.found_budget(&id).await?;
    match manage.store.write(DeleteBudget { id, act }).await? {
        Deleted::Done => {
            let shape = manage.budget_shape(&budget).await?;
            Ok(web::no_store(Json(shape).into_response()))
        }
        Deleted::NoSuchBudget => Err(NO_SUCH),
        Deleted::InUse(keys) => Err(Refusal::Conflict(format!(
            "{keys} keys have this budget, and would be without it: give them another one first, or none, with \
             /key/update."
        ))),
    }
}

/// As LiteLLM's scripts ask: `{"budgets": ["id", …]}`.
async fn info(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_see_all()?;
    let ids = body.texts("budgets")?.flatten().unwrap_or_default();
    body.done()?;
    if ids.is_empty() {
        return Err(Refusal::field("budgets", "must name at least one budget"));
    }
    let mut shapes = Vec::new();
    for id in ids {
        shapes.push(manage.budget_shape(&manage.found_budget(&id).await?).await?);
    }
    Ok(web::no_store(Json(shapes).into_response()))
}

async fn info_of_one(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    actor.must_see_all()?;
    let named = parameters(&uri, &["budget_id"])?.remove("budget_id");
    let id = named.ok_or_else(|| Refusal::field("budget_id", "must say which budget is meant"))?;
    manage.answer_budget(&id).await
}

async fn list(State(manage): State<Manage>, actor: Actor, uri: Uri) -> Result<Response, Refusal> {
    actor.must_see_all()?;
    let after = parameters(&uri, &["after"])?.remove("after").unwrap_or_default();
    let mut shapes = Vec::new();
    for budget in manage.store.read(ListBudgets { after, limit: SHOWN }).await? {
        shapes.push(manage.budget_shape(&budget).await?);
    }
    Ok(web::no_store(Json(shapes).into_response()))
}

impl Body {
    /// The budget that a key shall have. It spends what others may be waiting for, so an admin says so.
    pub(super) fn budget(&mut self, actor: &Actor) -> Result<Field<String>, Refusal> {
        let named = self.text("budget_id")?;
        if named.is_some() && !actor.is_admin() {
            return Err(Refusal::Forbidden(
                "Only an admin gives a key a budget, or takes it away.",
            ));
        }
        Ok(named)
    }
}

impl Manage {
    fn fresh_budget_id(&self) -> String {
        let id: [u8; 32] = self.entropy.draw();
        format!("budget_{}", URL_SAFE_NO_PAD.encode(&id[..16]))
    }

    /// A name that is no budget's is a mistake of the field.
    pub(super) async fn must_be_budget(&self, named: Option<&String>) -> Result<(), Refusal> {
        if let Some(id) = named {
            let known = self.find_budget(id).await?;
            known.ok_or_else(|| {
                Refusal::field("budget_id", "names no budget: make it with /budget/new")
            })?;
        }
        Ok(())
    }

    async fn find_budget(&self, id: &str) -> Result<Option<Budget>, Refusal> {
        if id.contains('\0') {
            return Ok(None);
        }
        Ok(self.store.read(BudgetById(id.to_owned())).await?)
    }

    async fn found_budget(&self, id: &str) -> Result<Budget, Refusal> {
        self.find_budget(id).await?.ok_or(NO_SUCH)
    }

    async fn answer_budget(&self, id: &str) -> Result<Response, Refusal> {
        let shape = self.budget_shape(&self.found_budget(id).await?).await?;
        Ok(web::no_store(Json(shape).into_response()))
    }

    async fn budget_shape(&self, budget: &Budget) -> Result<Value, Refusal> {
        let now = self.clock.now();
        let mut shape = json!({
            "budget_id": budget.id,
            "created_by": budget.created_by,
            "created_at": budget.created_at.rfc3339(),
            "updated_at": budget.changed_at.rfc3339(),
        });
        limits::show(&mut shape, &budget.limits);
        let accounts = self.guard.accounts(&Whose::Budget(budget.id.clone())).await?;
        shape["limits"] = accounts.iter().map(|account| limits::used(account, now)).collect();
        if let Some(account) = accounts.iter().find(|account| account.model.is_none()) {
            let balance = account.balance(now);
            shape["spend"] = json!(balance.spent.dollars());
            shape["budget_reset_at"] = json!(balance.resets.map(Timestamp::rfc3339));
        }
        Ok(shape)
    }
}
