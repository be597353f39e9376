//! `/logout`: the session ends here and on the server.
use super::Signin;
use crate::{
    model::Hash,
    store::{
        audit::Act,
        sessions::{EndSession, SessionOf},
    },
    web::{self, ClientAddress, Page, Problem, Session, Site},
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

#[derive(Template)]
#[template(path = "logout.html")]
struct Logout<'a> {
    site: &'a Site,
}

/// A link cannot sign anybody out; a button can.
pub(super) async fn get(State(signin): State<Signin>) -> Response {
    Page(Logout { site: &signin.site }).into_response()
}

pub(super) async fn post(
    State(signin): State<Signin>,
    address: ClientAddress,
    headers: HeaderMap,
) -> Response {
    if !web::is_from_us(&headers) {
        let text = "Another site sent this. You are still signed in.";
        return Problem::new(StatusCode::FORBIDDEN, "Nothing was done", text).into_response();
    }
    let at = signin.clock.now();
    for session in Session::claimed(&signin.site, &headers) {
        let ended = async {
            let Some(found) = signin.store.read(SessionOf { session, at }).await? else {
                return Ok(());
            };
            let act = Act {
                id: Hash(signin.entropy.draw()),
                at,
                actor: found.user.id.to_string(),
                address: Some(address.to_string()),
            };
            let entry = act.about("signout", &found.user.id);
            signin.store.write(EndSession { session, entry }).await
        };
        if let Err(error) = ended.await {
            return Problem::unavailable(&error).into_response();
        }
    }
    let mut response = web::see_other("/login");
    for cookie in Session::end_cookies(&signin.site) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
