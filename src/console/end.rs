//! `POST /keys/{id}/end`: a person ends a key of theirs.
use super::Console;
use crate::{
    model::{Hash, KeyId},
    store::{
        audit::Act,
        keys_end::{EndKeys, Which},
    },
    web::{self, ClientAddress, NoSession, PageForm, Problem, Session},
};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Fields {
    token: String,
}

pub(super) async fn post(
    State(console): State<Console>,
    Path(id): Path<String>,
    session: Result<Session, NoSession>,
    (address, headers): (ClientAddress, HeaderMap),
    PageForm(fields): PageForm<Fields>,
) -> Response {
    let session = match session {
        Ok(session) => session,
        Err(none) => return none.into_response(),
    };
    if !web::is_from_us(&headers) || fields.token != session.form_token() {
        let text = "The form is not of this sign-in, so nothing was done.";
        return Problem::new(StatusCode::FORBIDDEN, "Nothing was ended", text)
            .with_way("Your keys", "/")
            .into_response();
    }
    let act = Act {
        id: Hash(console.entropy.draw()),
        at: console.clock.now(),
        actor: session.user.id.to_string(),
        address: Some(address.to_string()),
    };
    let which = Which::Own(KeyId::named(&id), session.user.id);
    let ended = async {
        console.store.write(EndKeys { which, act }).await?;
        console.guard.catch_up().await
    };
    match ended.await {
        // Ended before, by a double click or another tab: it is what was wanted.
        Ok(()) => web::see_other("/"),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}
