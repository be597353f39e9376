//! PKCE (RFC 7636), as we use it towards identity providers: always, and always S256.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// The secret half. Derived, never stored: see `idp::Leg`.
pub struct CodeVerifier(String);

impl CodeVerifier {
    #[must_use]
    pub fn new(chance: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(chance))
    }

    /// The public half (RFC 7636 §4.2).
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0))
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
