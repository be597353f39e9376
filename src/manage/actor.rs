//! Who manages. What that one may do is decided by [`Rights`].
use super::Refusal;
use crate::{
    guard::{Guard, NoCaller, PresentedKey},
    model::{Hash, Key, Rights, Timestamp, UserId},
    store::{Store, audit::Act, members::TeamsOf},
    web::{ClientAddress, Site},
};
use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use std::sync::Arc;

/// A request that carried a key which may manage something.
pub struct Actor {
    /// `None`: the master key.
    key: Option<Arc<Key>>,
    rights: Rights,
    address: ClientAddress,
}

impl<S: Send + Sync> FromRequestParts<S> for Actor
where
    Guard: FromRef<S>,
    Site: FromRef<S>,
    Store: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Ok(PresentedKey(secret)) = PresentedKey::from_request_parts(parts, state).await;
        let secret = secret?;
        let guard = Guard::from_ref(state);
        let address = ClientAddress::of(parts, &Site::from_ref(state));
        if guard.is_master(&secret) {
            return Ok(Self { key: None, rights: Rights::of_master(), address });
        }
        let (key, ..) = guard.judge(&secret, address.place()).await.map_err(NoCaller::from)?;
        let teams = Store::from_ref(state).read(TeamsOf(key.user.clone())).await?;
        Ok(Self { rights: Rights::of_key(&key, &teams), key: Some(key), address })
    }
}

impl Actor {
    /// The key itself, where it is not the master key.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        self.key.as_deref()
    }

    #[must_use]
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// The person behind it.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        self.key().map(|key| &key.user)
    }

    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.rights.is_admin()
    }

    /// What a key that an app got may not do, and a team's own neither.
    pub fn must_not_be_bound(&self) -> Result<(), Refusal> {
        if self.rights.is_bound() {
            let text = "A key that an app got by connecting, or a team's own, may read and end itself, \
                        nothing else.";
            return Err(Refusal::Forbidden(text));
        }
        Ok(())
    }

    /// Making and changing: an admin's, or a person's own key that no app got.
    pub fn must_change(&self) -> Result<(), Refusal> {
        self.must_not_be_bound()?;
        self.must_be_current()?;
        let text = "Your role may look, not make or change.";
        self.rights.changes().then_some(()).ok_or(Refusal::Forbidden(text))
    }

    /// Whoever still has a secret that was replaced calls models with it for a while, and changes nothing.
    pub fn must_be_current(&self) -> Result<(), Refusal> {
        let replaced = self.key().is_some_and(|key| key.in_grace);
        let text = "This key has been renewed: use its new secret.";
        (!replaced).then_some(()).ok_or(Refusal::Forbidden(text))
    }

    pub fn must_be_admin(&self) -> Result<(), Refusal> {
        self.must_be_current()?;
        self.is_admin().then_some(()).ok_or(Refusal::Forbidden("Only an admin may do this."))
    }

    /// Looking at what is not its own.
    pub fn must_see_all(&self) -> Result<(), Refusal> {
        let text = "Only admins and admin viewers may look at this.";
        self.rights.sees_all().then_some(()).ok_or(Refusal::Forbidden(text))
    }

    /// For the audit.
    #[must_use]
    pub fn act(&self, chance: [u8; 32], at: Timestamp) -> Act {
        let actor = self.user().map_or("master_key".into(), ToString::to_string);
        Act { id: Hash(chance), at, actor, address: Some(self.address.to_string()) }
    }
}
