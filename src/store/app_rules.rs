//! What binds the keys of an app, whoever connected it. An app without a row is bound by nothing. Apps stand here by
//! [`App::rule_of`] their id.
use super::{
    Error, Operation, Tx,
    audit::{self, Act},
    changes::{self, Change},
};
use crate::model::{App, AppRules, KeptLimits, LimitsPatch, ModelList};
use serde_json::{Value, json};

pub struct SetAppRules {
    pub app: String,
    pub models: Option<ModelList>,
    pub blocked: Option<bool>,
    pub limits: LimitsPatch,
    pub act: Act,
}

impl Operation for SetAppRules {
    type Output = AppRules;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<AppRules, Error> {
        tx.run(
            "INSERT INTO app_rules (app, models, limits, blocked) VALUES ($1, '[]', '{}', FALSE)
             ON CONFLICT (app) DO UPDATE SET app = excluded.app",
            (&self.app,),
        )
        .await?;
        let before = find(tx, &self.app).await?.unwrap_or_default();
        let after = AppRules {
            models: self.models.clone().unwrap_or_else(|| before.models.clone()),
            limits: self.limits.apply(&before.limits).into(),
            blocked: self.blocked.unwrap_or(before.blocked),
        };
        tx.run(
            "UPDATE app_rules SET models = $2, limits = $3, blocked = $4 WHERE app = $1",
            (&self.app, &after.models, &after.limits, after.blocked),
        )
        .await?;
        changes::insert(tx, &Change::App(self.app.clone()), self.act.at).await?;
        let entry = self.act.entry("app.update", &self.app).of_app(Some(&self.app));
        audit::insert(tx, &entry.changing(as_json(&before), as_json(&after))).await?;
        Ok(after)
    }
}

fn as_json(rules: &AppRules) -> Value {
    json!({"models": rules.models, "limits": rules.limits, "blocked": rules.blocked})
}

async fn find(tx: &mut Tx<'_>, app: &str) -> Result<Option<AppRules>, Error> {
    let found: Option<(ModelList, KeptLimits, bool)> =
        tx.optional("SELECT models, limits, blocked FROM app_rules WHERE app = $1", (app,)).await?;
    Ok(found.map(|(models, limits, blocked)| AppRules { models, limits, blocked }))
}

/// Whether nobody may connect it.
pub(super) async fn is_blocked(tx: &mut Tx<'_>, app: &str) -> Result<bool, Error> {
    Ok(find(tx, &App::rule_of(app)).await?.is_some_and(|rules| rules.blocked))
}

/// An app's rules, and how many keys are bound by them.
pub struct AppRulesOf(pub String);

impl Operation for AppRulesOf {
    type Output = (AppRules, i64);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let rules = find(tx, &self.0).await?.unwrap_or_default();
        let (keys,) = tx.one("SELECT COUNT(*) FROM keys WHERE LOWER(app) = $1", (&self.0,)).await?;
        Ok((rules, keys))
    }
}

/// Apps with rules, by id, a page at a time.
pub struct ListAppRules {
    pub after: String,
    pub limit: i64,
}

impl Operation for ListAppRules {
    type Output = Vec<(String, AppRules)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let rows: Vec<(String, ModelList, KeptLimits, bool)> = tx
            .all(
                "SELECT app, models, limits, blocked FROM app_rules
                 WHERE app > $1 ORDER BY app LIMIT $2",
                (&self.after, self.limit),
            )
            .await?;
        let rules = |(app, models, limits, blocked)| (app, AppRules { models, limits, blocked });
        Ok(rows.into_iter().map(rules).collect())
    }
}
