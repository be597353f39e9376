//! A change of a key: the named fields and no others.
use super::{Key, LimitsPatch, MetadataPatch, ModelList, Timestamp};

/// `None` leaves a field alone; `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyPatch {
    pub alias: Option<Option<String>>,
    pub models: Option<ModelList>,
    pub expires_at: Option<Option<Timestamp>>,
    pub metadata: MetadataPatch,
    pub blocked: Option<bool>,
    pub limits: LimitsPatch,
    /// By its id; the store knows the rest.
    pub budget: Option<Option<String>>,
}

impl KeyPatch {
    pub fn apply(&self, key: &mut Key) {
        if let Some(alias) = &self.alias {
            key.alias.clone_from(alias);
        }
        if let Some(models) = &self.models {
            key.models.clone_from(models);
        }
        if let Some(expires_at) = self.expires_at {
            key.expires_at = expires_at;
        }
        if let Some(blocked) = self.blocked {
            key.blocked = blocked;
        }
        key.limits = self.limits.apply(&key.limits).into();
        key.metadata = self.metadata.apply(&key.metadata);
    }

    /// What the audit calls it.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self.blocked {
            Some(true) => "key.block",
            Some(false) => "key.unblock",
            None => "key.update",
        }
    }
}
