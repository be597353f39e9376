//! PKCE (RFC 7636). Towards identity providers always and always S256; of apps: what was promised, and the proof
//! that whoever redeems made the promise.
use super::Hash;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    S256,
    #[serde(rename = "plain")]
    Plain,
}

/// SHA-256 of the verifier, whatever the method. A `plain` challenge *is* the verifier, a secret:
/// it is hashed where it comes in, and nothing below knows the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    pub method: Method,
    hash: [u8; 32],
}

#[derive(Debug, thiserror::Error)]
#[error(
    "code_challenge must be 43 characters of base64url for S256, and the verifier itself, 43 to 128 characters, for plain (RFC 7636)"
)]
pub struct InvalidChallenge;

/// What a redeemer shows. No verifier proves only a code that has no challenge (downgrade, RFC 9700 §4.8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof(pub Option<Hash>);

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

impl Method {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "S256" => Some(Self::S256),
            "plain" => Some(Self::Plain),
            _ => None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::S256 => "S256",
            Self::Plain => "plain",
        }
    }
}

impl Challenge {
    pub fn parse(method: Method, text: &str) -> Result<Self, InvalidChallenge> {
        let hash = match method {
            Method::S256 => URL_SAFE_NO_PAD.decode(text).ok().and_then(|hash| hash.try_into().ok()),
            Method::Plain => is_verifier(text).then(|| Sha256::digest(text).into()),
        };
        hash.map(|hash| Self { method, hash }).ok_or(InvalidChallenge)
    }

    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash(self.hash)
    }
}

impl Proof {
    /// What is no verifier proves nothing, and is counted as a try all the same.
    pub const NONE: Self = Self(Some(Hash([0; 32])));

    /// `None`: that is no verifier.
    #[must_use]
    pub fn parse(verifier: Option<&str>) -> Option<Self> {
        match verifier {
            None => Some(Self(None)),
            Some(text) => is_verifier(text).then(|| Self(Some(Hash(Sha256::digest(text).into())))),
        }
    }
}

/// RFC 7636 §4.1.
fn is_verifier(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    (43..=128).contains(&text.len()) && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"; // RFC 7636, appendix B
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn both_methods_come_to_the_same_promise() {
        let s256 = Challenge::parse(Method::S256, CHALLENGE).unwrap();
        let plain = Challenge::parse(Method::Plain, VERIFIER).unwrap();
        assert_eq!(s256.hash(), plain.hash());
        assert_eq!(Proof::parse(Some(VERIFIER)), Some(Proof(Some(s256.hash()))));
    }

    #[test]
    fn what_is_no_verifier_proves_nothing() {
        assert_eq!(Proof::parse(Some("short")), None);
        assert_eq!(Proof::parse(None), Some(Proof(None)));
    }
}
