//! Keeps the provider's key out of an answer, wherever the frames cut it (field report K42).
use super::catalog::Upstream;
use bytes::Bytes;
use std::sync::Arc;

pub(super) struct Mask {
    of: Arc<Upstream>,
    /// The end of what has come, while it may be the beginning of the key.
    held: Vec<u8>,
}

impl Mask {
    pub(super) fn new(of: Arc<Upstream>) -> Self {
        Self { of, held: Vec::new() }
    }

    /// What may go on now: as a rule the same bytes.
    pub(super) fn pass(&mut self, bytes: Bytes) -> Bytes {
        let joined: Bytes = if self.held.is_empty() {
            bytes
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(&bytes);
            joined.into()
        };
        let clean = self.of.without_secret(joined);
        let safe = clean.len() - self.begun(&clean);
        self.held.extend_from_slice(&clean[safe..]);
        clean.slice(..safe)
    }

    /// Nothing more comes: it was not the key.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }

    /// How many bytes at the end are a beginning of the key.
    fn begun(&self, bytes: &[u8]) -> usize {
        let Some(secret) = self.of.secret() else { return 0 };
        // Events end with a line feed, and a key has none: the usual answer comes at once.
        if bytes.last().is_none_or(|last| memchr::memchr(*last, secret).is_none()) {
            return 0;
        }
        let longest = bytes.len().min(secret.len().saturating_sub(1));
        (1..=longest).rev().find(|&count| bytes.ends_with(&secret[..count])).unwrap_or(0)
    }
}
