//! `POST /keys/{id}/end`: a person ends a key that is theirs to end.
use super::{Console, form::Sent};
use crate::{
    model::{KeyId, Rights},
    store::{
        self,
        keys::KeyById,
        keys_end::{EndKeys, Which},
        members::TeamsOf,
    },
    web::Problem,
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

pub(super) async fn post(
    State(console): State<Console>,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let (id, user) = (KeyId::named(&id.replace('\0', "")), &sent.session.user);
    let ended = async {
        let Some(key) = console.store.read(KeyById(id)).await? else { return Ok(true) };
        let teams = console.store.read(TeamsOf(user.id.clone())).await?;
        if !Rights::of_person(user, &teams).may_end_key(&key) {
            return Ok(false);
        }
        let which = Which::Id(key.id);
        console.store.write(EndKeys { which, act: sent.act(&console) }).await?;
        console.guard.catch_up().await?;
        Ok::<_, store::Error>(true)
    };
    match ended.await {
        // Ended before, by a double click or another tab: it is what was wanted.
        Ok(true) => sent.back(),
        Ok(false) => {
            let text = "That key is not yours to end. Nothing was done.";
            Problem::new(StatusCode::FORBIDDEN, "Not your key", text)
                .with_way("Your account", "/")
                .into_response()
        }
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}
