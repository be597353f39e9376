//! Bearer secrets. The plain text exists once, where it is handed over; at rest there is its hash.
//! No Debug, no Clone, no Serialize: none can slip into a log or an answer.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// SHA-256 of a secret: what is stored instead of it, and what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(String);

        impl $name {
            /// As somebody presented it. What is not one of ours is simply unknown to the store.
            #[must_use]
            pub fn presented(text: &str) -> Self {
                Self(text.to_owned())
            }

            #[must_use]
            pub fn hash(&self) -> Hash {
                Hash::of(&self.0)
            }

            /// The only way out.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }
    };
    (plain $(#[$doc:meta])* $name:ident) => {
        secret!($(#[$doc])* $name);

        impl $name {
            #[must_use]
            pub fn new(chance: [u8; 32]) -> Self {
                Self(URL_SAFE_NO_PAD.encode(chance))
            }
        }
    };
}
secret!(/// What an app calls models with.
    AccessKey);
secret!(plain /// Names a waiting request, in the URL of its page and in the page's form.
    Handle);
secret!(plain /// A browser, from its first page on; in its binding cookie.
    Binding);
secret!(plain /// A signed-in browser; in its session cookie.
    SessionId);
secret!(plain /// What the identity provider hands back with its answer (RFC 6749 §10.12).
    State);

secret!(plain /// What a terminal shows when it asks whether it may have its key.
    PollSecret);
secret!(/// Redeemed once for a key.
    Code);

impl Handle {
    /// Where its page stands.
    #[must_use]
    pub fn page(&self) -> String {
        format!("/connect/{}", self.0)
    }
}

impl Code {
    /// Seconds it can be redeemed, where a challenge binds it to whoever asked.
    pub const PROVEN: i64 = 600;
    /// Without one it is a bearer secret, and lives as long as a redirect takes.
    pub const BEARER: i64 = 90;

    #[must_use]
    pub fn new(chance: [u8; 32]) -> Self {
        Self(format!("gc-{}", URL_SAFE_NO_PAD.encode(chance)))
    }
}

/// `XXXX-XXXX`, which a person compares or types: no vowels, no look-alikes (RFC 8628 §6.1).
pub struct UserCode([u8; 8]);

impl UserCode {
    const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

    /// One number, read in base 20: the bias of plain bytes would cost a third of a bit each.
    #[must_use]
    pub fn new(chance: [u8; 32]) -> Self {
        let (head, _) = chance.split_first_chunk().expect("32 bytes begin with 8");
        let mut number = u64::from_be_bytes(*head);
        Self(std::array::from_fn(|_| {
            let letter = Self::ALPHABET[usize::try_from(number % 20).unwrap_or_default()];
            number /= 20;
            letter
        }))
    }

    /// As typed: case, dash and blanks do not matter.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let letters: Vec<u8> = text
            .bytes()
            .filter(|b| !b" -".contains(b))
            .map(|b| b.to_ascii_uppercase())
            .take(9)
            .collect();
        letters.try_into().ok().map(Self)
    }

    /// Hashed with the poll it belongs to: alone, so short a code could be found from its hash.
    #[must_use]
    pub fn hash(&self, poll: Hash) -> Hash {
        Hash(Sha256::new().chain_update(poll.0).chain_update(self.0).finalize().into())
    }

    #[must_use]
    pub fn expose(&self) -> String {
        let letters = self.0.map(char::from);
        let (left, right) = letters.split_at(4);
        format!("{}-{}", left.iter().collect::<String>(), right.iter().collect::<String>())
    }
}

impl AccessKey {
    const PREFIX: &str = "sk-";

    /// 256 bits, then a checksum by which a scanner tells a key from other base64.
    #[must_use]
    pub fn new(chance: [u8; 32]) -> Self {
        let body = URL_SAFE_NO_PAD.encode(chance);
        let checksum = crc32fast::hash(body.as_bytes());
        Self(format!("{}{body}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(checksum.to_be_bytes())))
    }

    /// Enough to tell one's own keys apart: `sk-...Ab3d`.
    #[must_use]
    pub fn hint(&self) -> String {
        let tail = self.0.len().saturating_sub(4);
        format!("{}...{}", Self::PREFIX, self.0.get(tail..).unwrap_or_default())
    }

    /// Whether a text is a secret rather than an id.
    #[must_use]
    pub fn fits(text: &str) -> bool {
        text.starts_with(Self::PREFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t28_a_key_carries_256_bits_and_a_checksum_that_scanners_can_check() {
        let key = AccessKey::new([7; 32]);
        let (body, checksum) = key.expose().strip_prefix("sk-").unwrap().split_at(43);
        assert_eq!(URL_SAFE_NO_PAD.decode(body).unwrap(), [7; 32]);
        let sum = URL_SAFE_NO_PAD.decode(checksum).unwrap();
        assert_eq!(sum, crc32fast::hash(body.as_bytes()).to_be_bytes());
        assert_eq!(key.hint().len(), "sk-...".len() + 4);
    }

    #[test]
    fn the_hash_is_of_the_whole_text() {
        let (a, b) = ("sk-aaaaaaaaaaaaaaaaaaaaaaaaaa1", "sk-aaaaaaaaaaaaaaaaaaaaaaaaaa2");
        assert_ne!(AccessKey::presented(a).hash(), AccessKey::presented(b).hash());
    }

    #[test]
    fn a_user_code_may_be_typed_carelessly() {
        let code = UserCode::new([7; 32]);
        let poll = Hash([1; 32]);
        let typed = UserCode::typed(&code.expose().to_lowercase().replace('-', " ")).unwrap();
        assert_eq!(typed.hash(poll), code.hash(poll));
        assert!(UserCode::typed("BCDF").is_none());
    }
}
