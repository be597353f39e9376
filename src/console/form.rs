//! A form of the console, proven to be one: who sends it is signed in and has the page it stood on.
use super::Console;
use crate::{
    model::{Hash, OwnPath},
    store::audit::Act,
    web::{self, ClientAddress, NoSession, PageForm, Problem, Session},
};
use axum::{
    extract::{FromRequest, FromRequestParts as _, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

pub(super) struct Sent {
    pub(super) session: Session,
    pub(super) address: ClientAddress,
    pub(super) fields: Fields,
}

#[derive(Deserialize)]
pub(super) struct Fields {
    token: String,
    back: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) team: Option<String>,
    pub(super) app: Option<String>,
}

impl FromRequest<Console> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let session = Session::from_request_parts(&mut parts, console).await;
        let session = session.map_err(NoSession::into_response)?;
        let Ok(address) = ClientAddress::from_request_parts(&mut parts, console).await;
        let from_us = web::is_from_us(&parts.headers);
        let form = PageForm::from_request(Request::from_parts(parts, body), console).await;
        let PageForm(fields): PageForm<Fields> = form.map_err(IntoResponse::into_response)?;
        if !from_us || fields.token != session.form_token() {
            let text = "The form is not of this sign-in, so nothing was done.";
            let page = Problem::new(StatusCode::FORBIDDEN, "Nothing was done", text);
            return Err(page.with_way("Your account", "/").into_response());
        }
        Ok(Self { session, address, fields })
    }
}

impl Sent {
    /// The page it came from, which is one of ours.
    pub(super) fn back(&self) -> Response {
        let back = self.fields.back.clone().and_then(|back| OwnPath::try_from(back).ok());
        web::see_other(back.as_ref().map_or("/", OwnPath::as_str))
    }

    pub(super) fn act(&self, console: &Console) -> Act {
        Act {
            id: Hash(console.entropy.draw()),
            at: console.clock.now(),
            actor: self.session.user.id.to_string(),
            address: Some(self.address.to_string()),
        }
    }
}
