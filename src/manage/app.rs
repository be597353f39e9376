//! `/app/*`: what binds the keys of an app, whoever connected it. An admin's.
use super::{Actor, Manage, Refusal, body::Body, limits, page::parameters};
use crate::{
    guard::Whose,
    model::{App, AppRules},
    store::app_rules::{AppRulesOf, ListAppRules, SetAppRules},
    web,
};
use axum::{
    Json, Router,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

const SHOWN: i64 = 1000;
const LONGEST_ID: usize = 512;

pub(super) fn routes() -> Router<Manage> {
    Router::new()
        .route("/app/update", post(update))
        .route("/app/info", get(info))
        .route("/app/list", get(list))
}

async fn update(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let app = good_id(&body.need("app", "app")?)?;
    let models = body.models()?.map(Option::unwrap_or_default);
    let blocked = body.yes("blocked")?.map(Option::unwrap_or_default);
    let limits = manage.limits(&mut body)?;
    body.done()?;
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    let set = SetAppRules { app: app.clone(), models, blocked, limits, act };
    manage.store.write(set).await?;
    manage.guard.catch_up().await?;
    manage.answer_app(&app).await
}

/// As the lists of keys and apps have it: nobody needs to have connected it yet.
fn good_id(text: &str) -> Result<String, Refusal> {
    let good = text.len() <= LONGEST_ID && !text.contains(char::is_control);
    if good {
        return Ok(App::rule_of(text));
    }
    Err(Refusal::field("app", "must be an app's id, as /key/list shows it"))
}

async fn info(State(manage): State<Manage>, actor: Actor, uri: Uri) -> Result<Response, Refusal> {
    actor.must_see_all()?;
    let named = parameters(&uri, &["app"])?.remove("app");
    let named = named.ok_or_else(|| Refusal::field("app", "must say which app is meant"))?;
    manage.answer_app(&good_id(&named)?).await
}

async fn list(State(manage): State<Manage>, actor: Actor, uri: Uri) -> Result<Response, Refusal> {
    actor.must_see_all()?;
    let after = parameters(&uri, &["after"])?.remove("after").unwrap_or_default();
    let apps = manage.store.read(ListAppRules { after, limit: SHOWN }).await?;
    let shapes: Vec<Value> = apps.iter().map(|(app, rules)| shape(app, rules)).collect();
    Ok(web::no_store(Json(shapes).into_response()))
}

fn shape(app: &str, rules: &AppRules) -> Value {
    let mut shape = json!({
        "app": app,
        "app_name": App::name_of(app),
        "models": rules.models,
        "blocked": rules.blocked,
    });
    limits::show(&mut shape, &rules.limits);
    shape
}

impl Manage {
    async fn answer_app(&self, app: &str) -> Result<Response, Refusal> {
        let (rules, keys) = self.store.read(AppRulesOf(app.to_owned())).await?;
        let mut shape = shape(app, &rules);
        // Zero tells of a mistyped id.
        shape["keys"] = json!(keys);
        let now = self.clock.now();
        let accounts = self.guard.accounts(&Whose::App(app.to_owned())).await?;
        shape["limits"] = accounts.iter().map(|account| limits::used(account, now)).collect();
        Ok(web::no_store(Json(shape).into_response()))
    }
}
