//! Owns the nouns and every decision. Never here: a clock, chance, I/O, async.
//!
//! ```text
//! ConnectRequest --yes--> Approval --store--> Grant + Key
//!               \--no---> Denial
//! ```
//! Each arrow consumes what stands before it, here by value and in the store by `DELETE … RETURNING`.
mod app;
mod connect_request;
mod email;
mod id;
mod identity;
mod key;
mod key_patch;
mod link;
mod models;
mod own_path;
mod pkce;
pub mod redirect;
mod secret;
mod signin_policy;
mod time;
mod usage;

pub use app::{App, place};
pub use connect_request::{
    Approval, Asks, ConnectRequest, Consent, Denial, Dialect, Expired, Parent, Reply, Says, Terms,
    Verdict, Waiting,
};
pub use email::Email;
pub use id::{GrantId, KeyId, UserId};
pub use identity::{Identity, Role, User};
pub use key::{Key, KeyState, LIFETIMES};
pub use key_patch::KeyPatch;
pub use link::{Link, LinkError};
pub use models::{ModelList, matches_pattern};
pub use own_path::OwnPath;
pub use pkce::CodeVerifier;
pub use redirect::{
    Destination, InvalidRedirectUri, Pin, RedirectRules, ReturnAddress, WebRedirects,
};
pub use secret::{AccessKey, Binding, Handle, Hash, SessionId, State};
pub use signin_policy::{Refused, SigninPolicy};
pub use time::{InvalidLifetime, Lifetime, Timestamp};
pub use usage::{Tokens, Usage};
