//! Owns the nouns and every decision. Never here: a clock, chance, I/O, async.
//!
//! ```text
//! ConnectRequest --yes--> Approval --store--> Grant + Key
//!               \--no---> Denial
//! ```
//! Each arrow consumes what stands before it, here by value and in the store by `DELETE … RETURNING`.
mod alert;
mod app;
mod connect_request;
mod email;
mod facts;
mod id;
mod identity;
mod key;
mod key_patch;
mod labels;
mod ledger;
mod limits;
mod link;
mod metadata;
mod models;
mod money;
mod own_path;
mod pkce;
mod price_table;
pub mod redirect;
mod rights;
mod routes;
mod secret;
mod signin_policy;
mod team;
mod terms;
mod time;
mod usage;
mod user;
mod window;

pub use alert::{Alert, AlertKind};
pub use app::{App, place};
pub use connect_request::{
    Approval, ConnectRequest, Consent, Denial, Dialect, Expired, Parent, Reply, Says, Spends,
    Verdict, Waiting,
};
pub use email::Email;
pub use facts::{Facts, PerMillion, Price, PricedBy, Tariff};
pub use id::{GrantId, KeyId, TeamId, UserId};
pub use identity::{Identity, Role};
pub use key::{AppRules, Key, KeyBudget, KeyState, KeyTeam, LIFETIMES, Root};
pub use key_patch::KeyPatch;
pub use labels::Labels;
pub use ledger::{Ask, Balance, Broken, Held, Ledger, Spent};
pub use limits::{ByModelPatch, KeptLimits, Limits, LimitsPatch, PatchOf};
pub use link::{Link, LinkError};
pub use metadata::MetadataPatch;
pub use models::{Groups, ModelList, matches_pattern};
pub use money::{NanoDollars, NotMoney};
pub use own_path::OwnPath;
pub use pkce::{Challenge, CodeVerifier, Method, Proof};
pub use price_table::PriceTable;
pub use redirect::{
    Destination, InvalidRedirectUri, Pin, RedirectRules, ReturnAddress, WebRedirects,
};
pub use rights::Rights;
pub use routes::{Route, RouteList};
pub use secret::{AccessKey, Binding, Code, Handle, Hash, PollSecret, SessionId, State, UserCode};
pub use signin_policy::{Refused, RoleSaid, SigninPolicy};
pub use team::{Member, Membership, Source, Team, TeamRole, TeamRule, team_unasked, teams_of};
pub use terms::{Asks, Each, Limit, Terms};
pub use time::{InvalidLifetime, Lifetime, Timestamp};
pub use usage::{Amount, Charge, ChargeId, Tokens, Units, Usage};
pub use user::{Standing, User};
pub use window::{Calendar, InvalidWindow, Window};
