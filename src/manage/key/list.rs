//! `GET /key/list`: a page of keys.
use super::{Actor, Manage, Refusal, shape};
use crate::{
    manage::page::{number, parameters},
    model::UserId,
    store::keys_list::ListKeys,
    web,
};
use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

const LARGEST_PAGE: i64 = 100;
/// Ours, and LiteLLM's that change nothing here: whole objects, in the order of their making.
const KNOWN: [&str; 11] = [
    "page",
    "size",
    "user_id",
    "team_id",
    "app",
    "key_alias",
    "return_full_object",
    "include_team_keys",
    "sort_by",
    "sort_order",
    "expand",
];
/// Past this the database would count rows for seconds.
const LAST_PAGE: i64 = 1_000_000;

pub(super) async fn get(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    actor.must_not_be_bound()?;
    let asked = parameters(&uri, &KNOWN)?;
    let value = |name: &str| asked.get(name).cloned();
    let page = number(asked.get("page"), "page", 1, LAST_PAGE)?;
    let size = number(asked.get("size"), "size", 10, LARGEST_PAGE)?;
    let team = match value("team_id") {
        Some(text) => Some(manage.team(&actor, &text).await?.0.id),
        None => None,
    };
    // A team's admins see the keys of all its members; everybody else their own.
    let all = actor.rights().sees_all()
        || team.as_ref().is_some_and(|team| actor.rights().may_run_team(team));
    let own = actor.user().cloned().filter(|_| !all);
    let named = match value("user_id") {
        Some(text) => Some(manage.named(text).await?),
        None => None,
    };
    let user = own.or(named);
    let list = ListKeys {
        user,
        app: value("app"),
        alias: value("key_alias"),
        team,
        live_at: None,
        limit: size,
        offset: (page - 1) * size,
    };
    let (keys, total) = manage.store.read(list).await?;
    let keys: Vec<Value> = keys.iter().map(|key| shape::key(key, None)).collect();
    let body = json!({
        "keys": keys,
        "total_count": total,
        "current_page": page,
        "total_pages": (total + size - 1) / size,
    });
    Ok(web::no_store(Json(body).into_response()))
}

impl Manage {
    /// The person a filter means, by id or e-mail; an id that nobody has lists nothing.
    async fn named(&self, text: String) -> Result<UserId, Refusal> {
        let found = self.find_user(&text).await?;
        Ok(found.map_or_else(|| UserId::named(&text), |user| user.id))
    }
}
