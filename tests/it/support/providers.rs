//! Google, Entra with Graph, and GitHub, in the shapes they document, on the small provider's keys and switches.
use super::idp::{Fault, Inner, Shared, authorize, jwks};
use axum::{
    Form, Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// What Graph knows.
#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) groups: Vec<String>,
    /// Groups that one of those is in.
    pub(crate) nested: Vec<String>,
    /// 0: it answers.
    pub(crate) status: u16,
    /// Where its next page is said to be, instead of at itself.
    pub(crate) next: Option<String>,
    pub(crate) asked: usize,
    /// Tokens that were shown to somebody who only looks like Graph.
    pub(crate) leaked: usize,
}

/// What GitHub knows.
#[derive(Default)]
pub(crate) struct GitHub {
    pub(crate) user: Value,
    pub(crate) emails: Value,
    pub(crate) orgs: Vec<String>,
    pub(crate) teams: Vec<(String, String)>,
    pub(crate) status: u16,
}

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/google/.well-known/openid-configuration", get(google))
        .route("/google/authorize", get(authorize))
        .route("/google/token", post(google_token))
        .route("/entra/{tenant}/v2.0/.well-known/openid-configuration", get(entra))
        .route("/entra/{tenant}/authorize", get(authorize))
        .route("/entra/{tenant}/token", post(entra_token))
        .route("/keys", get(jwks))
        .route("/graph/v1.0/me/{which}", get(member_of))
        .route("/graph.evil/v1.0/me/memberOf", get(looks_like_graph))
        .route("/github/login/oauth/authorize", get(authorize))
        .route("/github/login/oauth/access_token", post(github_token))
        .route("/github/api/v3/{*path}", get(github))
}

fn metadata(url: &str, issuer: &str, at: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{at}/authorize"),
        "token_endpoint": format!("{at}/token"),
        "jwks_uri": format!("{url}/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    })
}

fn url(idp: &Inner) -> String {
    idp.url.lock().unwrap().clone()
}

async fn google(State(idp): Shared) -> Json<Value> {
    let url = url(&idp);
    Json(metadata(&url, &format!("{url}/google"), &format!("{url}/google")))
}

/// The address of all tenants leaves a hole in the issuer; one by domain leads to the tenant's id.
async fn entra(State(idp): Shared, Path(tenant): Path<String>) -> Json<Value> {
    let url = url(&idp);
    let named = match tenant.as_str() {
        "common" | "organizations" => "{tenantid}",
        "acme.example" => TENANT,
        other => other,
    };
    let issuer = format!("{url}/entra/{named}/v2.0");
    Json(metadata(&url, &issuer, &format!("{url}/entra/{tenant}")))
}

async fn google_token(State(idp): Shared, Form(form): Form<HashMap<String, String>>) -> Response {
    let issuer = format!("{}/google", url(&idp));
    tokens(&idp, &form, &issuer)
}

async fn entra_token(State(idp): Shared, Form(form): Form<HashMap<String, String>>) -> Response {
    let tid = idp.state.lock().unwrap().claims["tid"].as_str().unwrap_or_default().to_owned();
    let issuer = format!("{}/entra/{tid}/v2.0", url(&idp));
    tokens(&idp, &form, &issuer)
}

/// An access token is for Graph only when that was asked for.
fn tokens(idp: &Inner, form: &HashMap<String, String>, issuer: &str) -> Response {
    let fault = idp.state.lock().unwrap().fault;
    if fault == Fault::Down {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("gatekey", "hush"));
    let Some(asked) = idp.state.lock().unwrap().codes.remove(&form["code"]) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let for_graph = asked["scope"].contains("User.Read");
    let access_token = if for_graph { "graph-token" } else { "another-token" };
    let issuer = if fault == Fault::WrongIssuer { "https://evil.example" } else { issuer };
    let id_token = idp.id_token(fault, &asked["nonce"], (issuer, access_token), true);
    Json(json!({"access_token": access_token, "token_type": "Bearer", "scope": asked["scope"],
        "id_token": id_token}))
    .into_response()
}

/// Three to a page; a directory role is among them.
async fn member_of(
    State(idp): Shared,
    Path(which): Path<String>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let url = url(&idp);
    let mut known = idp.state.lock().unwrap();
    known.graph.asked += 1;
    if headers["authorization"] != "Bearer graph-token" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if known.graph.status != 0 {
        return StatusCode::from_u16(known.graph.status).unwrap().into_response();
    }
    let from: usize = query.get("from").map_or(0, |from| from.parse().unwrap());
    let group = |id: &String| json!({"@odata.type": "#microsoft.graph.group", "id": id});
    let nested: &[String] = match which.as_str() {
        "memberOf" => &[],
        "transitiveMemberOf" => &known.graph.nested,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let groups: Vec<&String> = known.graph.groups.iter().chain(nested).collect();
    let mut value: Vec<Value> = groups.iter().skip(from).take(10).map(|id| group(id)).collect();
    value.push(json!({"@odata.type": "#microsoft.graph.directoryRole", "id": "a-role"}));
    let mut page = json!({"value": value});
    if from + 10 < groups.len() {
        let own = format!("{url}/graph/v1.0/me/{which}?from={}", from + 10);
        page["@odata.nextLink"] = json!(known.graph.next.clone().unwrap_or(own));
    }
    Json(page).into_response()
}

async fn looks_like_graph(State(idp): Shared) -> Json<Value> {
    idp.state.lock().unwrap().graph.leaked += 1;
    Json(json!({"value": []}))
}

async fn github_token(State(idp): Shared, Form(form): Form<HashMap<String, String>>) -> Response {
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("gatekey", "hush"));
    let known = idp.state.lock().unwrap().codes.remove(&form["code"]);
    match known {
        Some(_) => Json(json!({"access_token": "gho_token", "token_type": "bearer"})),
        // GitHub says no with 200.
        None => Json(json!({"error": "bad_verification_code"})),
    }
    .into_response()
}

async fn github(
    State(idp): Shared,
    Path(path): Path<String>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if headers["authorization"] != "Bearer gho_token" || !headers.contains_key("user-agent") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let known = idp.state.lock().unwrap();
    let github = &known.github;
    if github.status != 0 && path != "user" {
        return StatusCode::from_u16(github.status).unwrap().into_response();
    }
    let may_see_orgs = known.asked.get("scope").is_some_and(|scope| scope.contains("read:org"));
    let all: Vec<Value> = match path.as_str() {
        "user" => return Json(github.user.clone()).into_response(),
        "user/emails" => github.emails.as_array().cloned().unwrap_or_default(),
        "user/memberships/orgs" if may_see_orgs => {
            assert_eq!(query["state"], "active", "who was only invited is no member");
            github.orgs.iter().map(|org| json!({"organization": {"login": org}})).collect()
        }
        "user/teams" if may_see_orgs => github
            .teams
            .iter()
            .map(|(org, slug)| json!({"slug": slug, "organization": {"login": org}}))
            .collect(),
        _ => return StatusCode::FORBIDDEN.into_response(),
    };
    let number = |name: &str| query[name].parse::<usize>().unwrap();
    let (size, page) = (number("per_page"), number("page"));
    let page: Vec<Value> = all.into_iter().skip(size * (page - 1)).take(size).collect();
    Json(page).into_response()
}
