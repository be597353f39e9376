//! `/user/*`: people, as LiteLLM names it.
mod change;
mod list;
mod new;
mod shape;

use super::{Actor, Manage, Refusal, body::Body};
use crate::{model::User, store::users::FindUsers};
use axum::{
    Router,
    routing::{get, post},
};

pub(super) fn routes() -> Router<Manage> {
    Router::new()
        .route("/user/new", post(new::post))
        .route("/user/info", get(list::info))
        .route("/user/list", get(list::list))
        .route("/user/update", post(change::update))
        .route("/user/delete", post(change::delete))
        .route("/user/block", post(change::block))
        .route("/user/unblock", post(change::unblock))
}

impl Manage {
    /// The one person a text means: an id, a local account, or an e-mail that only one has.
    pub(super) async fn find_user(&self, text: &str) -> Result<Option<User>, Refusal> {
        let found = if text.contains('\0') {
            Vec::new()
        } else {
            self.store.read(FindUsers(text.to_owned())).await?
        };
        if found.len() > 1 {
            let text = "user_id is an e-mail that several people have: use an id";
            return Err(Refusal::NoSuchUser(text.into()));
        }
        Ok(found.into_iter().next())
    }

    pub(super) async fn user_named(&self, text: &str) -> Result<User, Refusal> {
        let unknown = "user_id names nobody we know; /user/new makes somebody";
        self.find_user(text).await?.ok_or_else(|| Refusal::NoSuchUser(unknown.into()))
    }

    /// The person a request is about: one that is not known is not found.
    async fn about(&self, text: &str) -> Result<User, Refusal> {
        self.find_user(text).await?.ok_or(Refusal::NotFound("person", "user_id"))
    }
}

/// Whom a request speaks of: `user_ids`, `user_id` or `user_email`, of which at least one is there.
async fn named(manage: &Manage, body: &mut Body) -> Result<Vec<User>, Refusal> {
    let mut named = body.texts("user_ids")?.flatten().unwrap_or_default();
    named.extend(body.text("user_id")?.flatten());
    named.extend(body.text("user_email")?.flatten());
    if named.is_empty() {
        return Err(Refusal::field("user_ids", "must name at least one person"));
    }
    let mut users = Vec::new();
    for text in named {
        users.push(manage.about(&text).await?);
    }
    Ok(users)
}
