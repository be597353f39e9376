//! What an app asked for, and the two ways a person can answer.
use super::{
    App, Asks, Challenge, Hash, KeyId, Lifetime, Limit, OwnPath, ReturnAddress, TeamId, Terms,
    Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

/// The name under which a dialect's rows stand: what one began, no other can settle or redeem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect(pub &'static str);

/// An app waits for a person's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectRequest {
    pub app: App,
    pub reply: Reply,
    pub asks: Asks,
    pub consent: Consent,
    /// Where its dialect takes the person's answer.
    pub answer_at: OwnPath,
    /// The live key that came with the request and says who the person is.
    pub parent: Option<Parent>,
}

/// A key that begets a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub key: KeyId,
    pub user: UserId,
}

/// A request with the moment at which it is too late to answer.
pub struct Waiting {
    pub request: ConnectRequest,
    /// The binding cookie's hash: the browser that began it.
    pub browser: Hash,
    pub expires_at: Timestamp,
}

/// Too late for an answer; the person may start again.
#[derive(Debug)]
pub struct Expired;

/// Whether a person must press a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Consent {
    Asked,
    /// The same, and the page says in plain words what is weak about this way.
    Strong,
    /// The key stays in the browser that asked for it: signing in says enough.
    Implied,
}

/// What came back from the person's browser.
pub enum Says {
    Yes {
        lifetime: Option<Lifetime>,
        /// The team the key is for, where the page let them choose.
        team: Option<TeamId>,
        spends: Spends,
        /// The app runs on another machine: the answer is shown, to be taken there by hand (K10).
        by_hand: bool,
    },
    No,
    /// No form was sent.
    Nothing,
}

/// What a person says of the key's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spends {
    /// No page asked.
    AsAsked,
    /// Left open: the settings say.
    AsSet,
    AtMost(Limit),
}

/// How the answer travels. A dialect chooses one of these; it never invents a way of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// A key in the query of the return address.
    KeyInQuery { to: ReturnAddress, state: Option<String> },
    /// A key in the body of the answer.
    Json,
    /// A code in the query of the return address, to be redeemed.
    Code { to: ReturnAddress, challenge: Option<Challenge> },
    /// A code by itself: on the page, for the person to copy, where a challenge is required since eyes have seen it.
    Display { challenge: Option<Challenge> },
    /// Nothing: a terminal asks for itself until then, with a secret it already has.
    Poll { poll: [u8; 32], until: Timestamp },
}

/// A person said yes. The only thing a grant can be made from.
#[derive(Debug, Clone)]
pub struct Approval {
    pub app: App,
    pub terms: Terms,
    pub reply: Reply,
    pub parent: Option<Parent>,
}

/// What a person's answer makes of a request.
#[derive(Debug, Clone)]
pub enum Verdict {
    Approved(Approval),
    Denied(Denial),
    /// Nobody has answered yet.
    Unasked,
}

/// A person said no.
#[derive(Debug, Clone)]
pub struct Denial {
    pub app: App,
    reply: Reply,
}

impl ConnectRequest {
    pub const SECONDS: i64 = 15 * 60;
    /// So long an expired request can still be begun anew from its page.
    pub const KEPT: i64 = 2 * 3600;

    /// Until when it can be answered; what no terminal waits for any more need not be.
    #[must_use]
    pub fn ends(&self, now: Timestamp) -> Timestamp {
        let ends = now.plus(Self::SECONDS);
        match self.reply {
            Reply::Poll { until, .. } => ends.min(until),
            _ => ends,
        }
    }

    /// One request, one answer.
    #[must_use]
    pub fn answered(self, says: &Says) -> Verdict {
        let chosen = match (says, self.consent) {
            (Says::No, _) => {
                return Verdict::Denied(Denial { app: self.app, reply: self.reply });
            }
            (Says::Nothing, Consent::Asked | Consent::Strong) => return Verdict::Unasked,
            (Says::Nothing, Consent::Implied) => None,
            (Says::Yes { lifetime, .. }, _) => *lifetime,
        };
        let mut terms = self.asks.allow(chosen);
        if let Says::Yes { spends, .. } = says {
            terms.limit = match spends {
                Spends::AsAsked => terms.limit,
                Spends::AsSet => None,
                Spends::AtMost(limit) => Some(*limit),
            };
        }
        Verdict::Approved(Approval { app: self.app, terms, reply: self.reply, parent: self.parent })
    }
}

impl Waiting {
    pub fn open(self, now: Timestamp) -> Result<ConnectRequest, Expired> {
        if now < self.expires_at { Ok(self.request) } else { Err(Expired) }
    }
}

impl Reply {
    /// Where the app is waiting for it.
    #[must_use]
    pub fn address(&self) -> Option<&ReturnAddress> {
        match self {
            Self::KeyInQuery { to, .. } | Self::Code { to, .. } => Some(to),
            Self::Json | Self::Display { .. } | Self::Poll { .. } => None,
        }
    }
}

impl Denial {
    /// The terminal that need not wait any longer.
    #[must_use]
    pub fn poll(&self) -> Option<Hash> {
        if let Reply::Poll { poll, .. } = self.reply { Some(Hash(poll)) } else { None }
    }

    /// Where the app hears of it (RFC 6749 §4.1.2.1), if it is waiting at an address.
    #[must_use]
    pub fn address(self) -> Option<(ReturnAddress, Option<String>)> {
        match self.reply {
            Reply::KeyInQuery { to, state } => Some((to, state)),
            Reply::Code { to, .. } => Some((to, None)),
            Reply::Json | Reply::Display { .. } | Reply::Poll { .. } => None,
        }
    }
}
