//! `GET /user/info`, `/user/list`.
use super::{Actor, Manage, Refusal, shape};
use crate::{
    manage::{
        key::key_shape,
        page::{number, parameters},
        team::team_shape,
    },
    model::Role,
    store::{
        keys_list::ListKeys,
        members::TeamsOf,
        teams::ListTeams,
        users::{ListUsers, UserById},
    },
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
/// Ours, and LiteLLM's that change nothing here: people in the order of their coming.
const KNOWN: [&str; 10] = [
    "page",
    "page_size",
    "search",
    "user_email",
    "user_ids",
    "role",
    "team",
    "team_id",
    "sort_by",
    "sort_order",
];
/// Of a person's keys and teams so many are shown; `/key/list` pages through them.
const SHOWN: i64 = 500;

pub(super) async fn info(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    actor.must_not_be_bound()?;
    let asked = parameters(&uri, &["user_id", "user_email"])?;
    let named = asked.get("user_id").or_else(|| asked.get("user_email"));
    let id = match (named, actor.user()) {
        // Who may not look learns nothing, not even that there is nobody.
        (Some(text), _) => manage.about(text).await.map(|user| user.id).map_err(|error| {
            if actor.rights().sees_all() { error } else { Refusal::NotFound("person", "user_id") }
        })?,
        (None, Some(own)) => own.clone(),
        (None, None) => return Err(Refusal::field("user_id", "must say who is meant")),
    };
    let listed = manage.store.read(UserById(id.clone())).await?;
    let listed = listed.filter(|_| actor.rights().may_read_user(&id));
    let listed = listed.ok_or(Refusal::NotFound("person", "user_id"))?;
    let memberships = manage.store.read(TeamsOf(id.clone())).await?;
    let (teams, _) =
        manage.store.read(ListTeams { user: Some(id.clone()), limit: SHOWN, offset: 0 }).await?;
    let keys = ListKeys {
        user: Some(id.clone()),
        app: None,
        alias: None,
        team: None,
        live_at: None,
        limit: SHOWN,
        offset: 0,
    };
    let (keys, _) = manage.store.read(keys).await?;
    let keys: Vec<Value> = keys.iter().map(|key| key_shape(key, None)).collect();
    let teams: Vec<Value> =
        teams.iter().map(|(team, made)| team_shape(team, *made, None)).collect();
    let body = json!({
        "user_id": id,
        "user_info": shape::user(&listed, Some(&memberships)),
        "keys": keys,
        "teams": teams,
    });
    Ok(web::no_store(Json(body).into_response()))
}

pub(super) async fn list(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    actor.must_not_be_bound()?;
    let asked = parameters(&uri, &KNOWN)?;
    let page = number(asked.get("page"), "page", 1, 1_000_000)?;
    let size = number(asked.get("page_size"), "page_size", 25, LARGEST_PAGE)?;
    let role = match asked.get("role").map(String::as_str) {
        None | Some("") => None,
        Some(text) => Some(Role::parse(text).ok_or_else(|| Refusal::field("role", "is no role"))?),
    };
    let team = match asked.get("team_id").or_else(|| asked.get("team")) {
        Some(text) => Some(manage.team(&actor, text).await?.0.id),
        None => None,
    };
    let sees = actor.rights().sees_all()
        || team.as_ref().is_some_and(|team| actor.rights().may_run_team(team));
    if !sees {
        let text = "Only admins list people; the admins of a team those in it, with team_id.";
        return Err(Refusal::Forbidden(text));
    }
    if let Some(ids) = asked.get("user_ids") {
        return manage.these(ids, &actor).await;
    }
    let search = asked.get("search").or_else(|| asked.get("user_email"));
    let search = search.filter(|text| !text.trim().is_empty()).cloned();
    let list = ListUsers { search, team, role, limit: size, offset: (page - 1) * size };
    let (people, total) = manage.store.read(list).await?;
    let users: Vec<Value> = people.iter().map(|listed| shape::user(listed, None)).collect();
    let body = json!({
        "users": users,
        "total": total,
        "page": page,
        "page_size": size,
        "total_pages": (total + size - 1) / size,
    });
    Ok(web::no_store(Json(body).into_response()))
}

impl Manage {
    /// Those named, separated by commas.
    async fn these(&self, ids: &str, actor: &Actor) -> Result<Response, Refusal> {
        let mut users = Vec::new();
        for id in ids.split(',').map(str::trim).filter(|id| !id.is_empty()).take(100) {
            let listed = self.store.read(UserById(crate::model::UserId::named(id))).await?;
            let listed = listed.filter(|listed| actor.rights().may_read_user(&listed.user.id));
            users.extend(listed.map(|listed| shape::user(&listed, None)));
        }
        let total = users.len();
        let body = json!({"users": users, "total": total, "page": 1, "page_size": 100,
            "total_pages": 1});
        Ok(web::no_store(Json(body).into_response()))
    }
}
