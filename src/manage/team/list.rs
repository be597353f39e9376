//! `GET /team/info`, `/team/list`.
use super::{Actor, Manage, Refusal, shape};
use crate::{
    manage::{
        key::key_shape,
        page::{number, parameters},
    },
    model::UserId,
    store::{keys_list::ListKeys, members::MembersOf, teams::ListTeams},
    web,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderName, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// All of them, unless a page is asked for: scripts of LiteLLM's know no pages here.
const LARGEST_PAGE: i64 = 5_000;
const SHOWN_KEYS: i64 = 500;

pub(super) async fn info(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    actor.must_not_be_bound()?;
    let asked = parameters(&uri, &["team_id"])?;
    let named = asked.get("team_id");
    let named = named.ok_or_else(|| Refusal::field("team_id", "must say which team is meant"))?;
    let (team, made) = manage.team(&actor, named).await?;
    let members =
        manage.store.read(MembersOf { team: team.id.clone(), limit: super::SHOWN }).await?;
    // A member sees the keys that are their own.
    let runs = actor.rights().sees_all() || actor.rights().may_run_team(&team.id);
    let list = ListKeys {
        user: actor.user().cloned().filter(|_| !runs),
        app: None,
        alias: None,
        team: Some(team.id.clone()),
        live_at: None,
        limit: SHOWN_KEYS,
        offset: 0,
    };
    let (keys, _) = manage.store.read(list).await?;
    let keys: Vec<Value> = keys.iter().map(|key| key_shape(key, None)).collect();
    let body = json!({
        "team_id": team.id,
        "team_info": shape::team(&team, made, Some(&members)),
        "keys": keys,
        "team_memberships": [],
    });
    Ok(web::no_store(Json(body).into_response()))
}

/// An array, as LiteLLM answers; how many there are in all is in the header `x-total-count`.
pub(super) async fn list(
    State(manage): State<Manage>,
    actor: Actor,
    uri: Uri,
) -> Result<Response, Refusal> {
    actor.must_not_be_bound()?;
    let asked = parameters(&uri, &["user_id", "page", "page_size"])?;
    let page = number(asked.get("page"), "page", 1, 1_000_000)?;
    let size = number(asked.get("page_size"), "page_size", LARGEST_PAGE, LARGEST_PAGE)?;
    let own = actor.user().cloned().filter(|_| !actor.rights().sees_all());
    let named = asked.get("user_id").map(|id| UserId::named(id));
    let user = own.or(named);
    let list = ListTeams { user, limit: size, offset: (page - 1) * size };
    let (teams, total) = manage.store.read(list).await?;
    let mut shapes = Vec::new();
    for (team, made) in &teams {
        let members =
            manage.store.read(MembersOf { team: team.id.clone(), limit: super::SHOWN }).await?;
        shapes.push(shape::team(team, *made, Some(&members)));
    }
    let mut response = web::no_store(Json(shapes).into_response());
    response.headers_mut().insert(HeaderName::from_static("x-total-count"), total.into());
    Ok(response)
}
