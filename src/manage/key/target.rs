//! Which key a request speaks of: by value, by its stable id, or by itself.
use super::{Actor, Manage, Refusal};
use crate::{
    model::{AccessKey, Key, KeyId},
    store::keys::{KeyByHash, KeyById, Presented},
};

impl Manage {
    /// A key the actor may see; others are as unknown as none.
    pub(in crate::manage) async fn find(&self, actor: &Actor, named: &str) -> Result<Key, Refusal> {
        // Postgres knows no text with a NUL: nothing is named so.
        let found = if named.contains('\0') {
            None
        } else if KeyId::fits(named) {
            self.store.read(KeyById(KeyId::named(named))).await?
        } else {
            let (hash, at) = (AccessKey::presented(named).hash(), self.clock.now());
            match self.store.read(KeyByHash { hash, at }).await? {
                Presented::Key(key) => Some(*key),
                Presented::Ended { .. } | Presented::Unknown => None,
            }
        };
        found.filter(|key| actor.rights().may_read_key(key)).ok_or(Refusal::NoSuchKey)
    }
}
