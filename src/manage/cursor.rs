//! Places in long lists, which nobody else can write (row O4): sealed together with the filters they are for.
use crate::config::Keyring;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::collections::BTreeMap;
use subtle::ConstantTimeEq as _;

/// One kind of list; a place in one is none in another.
pub(super) struct Cursors<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) list: &'static str,
    pub(super) filters: &'a BTreeMap<String, String>,
}

impl Cursors<'_> {
    /// The name of our secret, a seal over place and filters, and the place.
    pub(super) fn seal(&self, place: &[u8]) -> Option<String> {
        let secret = self.keyring.newest();
        let seal = self.sealed(secret, place)?;
        Some(URL_SAFE_NO_PAD.encode([&secret[..8], &seal[..], place].concat()))
    }

    /// The place, if the cursor is one of ours for this list and these filters.
    pub(super) fn open(&self, text: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (start, rest) = bytes.split_first_chunk::<8>()?;
        let (seal, place) = rest.split_first_chunk::<16>()?;
        let secret = self.keyring.names().find(|name| name.starts_with(start))?;
        let own = self.sealed(secret, place)?;
        bool::from(own.ct_eq(seal)).then(|| place.to_vec())
    }

    fn sealed(&self, secret: [u8; 32], place: &[u8]) -> Option<[u8; 16]> {
        let filters = serde_json::to_vec(self.filters).ok()?;
        let purpose = [b"place in the ", self.list.as_bytes(), b"\0", &filters, b"\0", place];
        self.keyring.derive(secret, &purpose)?.first_chunk().copied()
    }
}
