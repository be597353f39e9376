//! Names of rows, which may be shown: random, so that none is ever used twice (row O12).
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn new(chance: [u8; 32]) -> Self {
                Self(format!("{}{}", $prefix, URL_SAFE_NO_PAD.encode(&chance[..16])))
            }

            /// As somebody said it, or as a row has it; unknown ones are simply not found.
            #[must_use]
            pub fn named(text: &str) -> Self {
                Self(text.to_owned())
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether a text looks like one.
            #[must_use]
            pub fn fits(text: &str) -> bool {
                text.starts_with($prefix)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
id!(/// A person.
    UserId, "user_");
id!(/// A key: never the secret, and the same after `/key/regenerate`.
    KeyId, "key_");
id!(/// What a person allowed an app.
    GrantId, "grant_");
id!(/// A team.
    TeamId, "team_");
