//! Secrets of the operator: found by reference, never shown.
use hkdf::Hkdf;
use sha2::Sha256;
use std::{collections::BTreeMap, path::Path, sync::Arc};
use subtle::ConstantTimeEq as _;

/// No Display, no Serialize; Debug says only that there is one.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// `env:NAME`, `file:PATH`, or the secret itself.
    pub(super) fn find(
        text: &str,
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let found = if let Some(name) = text.strip_prefix("env:") {
            environment
                .get(name)
                .cloned()
                .ok_or_else(|| format!("reads the environment variable {name}, which is not set"))?
        } else if let Some(path) = text.strip_prefix("file:") {
            let path = super::beside(folder, path);
            let read = std::fs::read_to_string(&path);
            read.map_err(|error| format!("reads {}: {error}", path.display()))?
        } else {
            text.to_owned()
        };
        let found = found.trim();
        if found.is_empty() { Err("must not be empty".into()) } else { Ok(Self::new(found)) }
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// In a time that does not depend on where the difference is.
    #[must_use]
    pub fn is(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// `server.secret`, and those before it that still count while a new one is rolled out.
#[derive(Clone)]
pub struct Keyring {
    current: Secret,
    previous: Vec<Secret>,
}

impl Keyring {
    #[must_use]
    pub fn new(current: Secret, previous: Vec<Secret>) -> Self {
        Self { current, previous }
    }

    /// The name of the newest secret, for a row that must find the same one again.
    #[must_use]
    pub fn newest(&self) -> [u8; 32] {
        name(&self.current)
    }

    /// The names of all that count.
    pub fn names(&self) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(&self.current).chain(&self.previous).map(name)
    }

    /// Bytes for one purpose, from the secret of that name, if it still counts.
    #[must_use]
    pub fn derive(&self, secret: [u8; 32], purpose: &[&[u8]]) -> Option<[u8; 32]> {
        let found = std::iter::once(&self.current).chain(&self.previous);
        found.into_iter().find(|s| name(s) == secret).map(|s| expand(s, purpose))
    }
}

fn name(secret: &Secret) -> [u8; 32] {
    expand(secret, &[b"name of this secret"])
}

/// HKDF-SHA256 (RFC 5869).
pub(super) fn expand(secret: &Secret, purpose: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(Some(b"gatekey"), secret.expose().as_bytes())
        .expand_multi_info(purpose, &mut out)
        .expect("32 bytes are less than HKDF's most");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o3_a_previous_secret_still_derives_the_same() {
        let (old, new) = (Secret::new("old old old"), Secret::new("new new new"));
        let before = Keyring::new(old.clone(), vec![]);
        let named = before.newest();
        let after = Keyring::new(new.clone(), vec![old]);
        assert_eq!(before.derive(named, &[b"x"]), after.derive(named, &[b"x"]));
        assert_eq!(Keyring::new(new, vec![]).derive(named, &[b"x"]), None);
    }

    #[test]
    fn o1_a_secret_says_nothing_of_itself() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "Secret");
    }
}
