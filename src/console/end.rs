//! `POST /keys/{id}/end`: a person ends a key of theirs; an admin, anybody's.
use super::{Console, form::Sent};
use crate::{
    model::{KeyId, Rights},
    store::keys_end::{EndKeys, Which},
    web::Problem,
};
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};

pub(super) async fn post(
    State(console): State<Console>,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let (id, user) = (KeyId::named(&id), &sent.session.user);
    let which = if Rights::of_person(user, &[]).is_admin() {
        Which::Id(id)
    } else {
        Which::Own(id, user.id.clone())
    };
    let ended = async {
        console.store.write(EndKeys { which, act: sent.act(&console) }).await?;
        console.guard.catch_up().await
    };
    match ended.await {
        // Ended before, by a double click or another tab: it is what was wanted.
        Ok(()) => sent.back(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}
