//! Who manages, and what that one may do: decided here and nowhere else.
use super::Refusal;
use crate::{
    guard::{Guard, NoCaller, PresentedKey},
    model::{Hash, Key, Role, Timestamp},
    store::audit::Act,
    web::{ClientAddress, Site},
};
use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use std::sync::Arc;

/// A request that carried a key which may manage something.
pub struct Actor {
    who: Who,
    address: ClientAddress,
}

enum Who {
    Master,
    Key(Arc<Key>),
}

impl<S: Send + Sync> FromRequestParts<S> for Actor
where
    Guard: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Ok(PresentedKey(secret)) = PresentedKey::from_request_parts(parts, state).await;
        let secret = secret?;
        let guard = Guard::from_ref(state);
        let address = ClientAddress::of(parts, &Site::from_ref(state));
        if guard.is_master(&secret) {
            return Ok(Self { who: Who::Master, address });
        }
        let key = guard.judge(&secret, address.place()).await.map_err(NoCaller::from)?;
        Ok(Self { who: Who::Key(key), address })
    }
}

impl Actor {
    /// The key itself, where one manages.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        match &self.who {
            Who::Master => None,
            Who::Key(key) => Some(key),
        }
    }

    /// An admin's key counts as the master key does, unless an app got it.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.is_one_of(&[Role::ProxyAdmin])
    }

    /// Whether it may see what is not its own.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.is_one_of(&[Role::ProxyAdmin, Role::ProxyAdminViewer])
    }

    /// The master key is all of them. A journey's key is none: its owner's role is not the app's.
    fn is_one_of(&self, roles: &[Role]) -> bool {
        self.key()
            .is_none_or(|key| !key.came_through_a_journey() && roles.contains(&key.owner.role))
    }

    /// Whether it may see this key.
    #[must_use]
    pub fn may_read(&self, key: &Key) -> bool {
        self.sees_all() || self.key().is_some_and(|own| own.id == key.id || reaches(own, key))
    }

    /// Whether it may end this key.
    #[must_use]
    pub fn may_end(&self, key: &Key) -> bool {
        let changes = self.key().is_none_or(may_change);
        self.is_admin()
            || self.key().is_some_and(|own| own.id == key.id || (changes && reaches(own, key)))
    }

    /// What a key that an app got may not do.
    pub fn must_not_be_an_apps(&self) -> Result<(), Refusal> {
        if self.key().is_some_and(Key::came_through_a_journey) {
            let text = "A key that an app got by connecting may read and end itself, nothing else.";
            return Err(Refusal::Forbidden(text));
        }
        Ok(())
    }

    /// Making and changing keys: an admin's, or a person's own key that no app got.
    pub fn must_change_keys(&self) -> Result<(), Refusal> {
        self.must_not_be_an_apps()?;
        let may = self.key().is_none_or(may_change);
        let text = "Your role may look at keys, not make or change them.";
        may.then_some(()).ok_or(Refusal::Forbidden(text))
    }

    pub fn must_be_admin(&self) -> Result<(), Refusal> {
        let admin = self.is_admin();
        admin.then_some(()).ok_or(Refusal::Forbidden("Only an admin may do this."))
    }

    /// For the audit.
    #[must_use]
    pub fn act(&self, chance: [u8; 32], at: Timestamp) -> Act {
        let actor = self.key().map_or("master_key".into(), |key| key.user.to_string());
        Act { id: Hash(chance), at, actor, address: Some(self.address.to_string()) }
    }
}

/// A key that no app got reaches its owner's other keys.
fn reaches(own: &Key, other: &Key) -> bool {
    !own.came_through_a_journey() && own.user == other.user
}

fn may_change(key: &Key) -> bool {
    matches!(key.owner.role, Role::ProxyAdmin | Role::InternalUser)
}
