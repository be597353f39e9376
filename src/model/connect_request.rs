//! What an app asked for, and the two ways a person can answer.
use super::{
    App, KeyId, LIFETIMES, Lifetime, ModelList, OwnPath, ReturnAddress, TeamId, Timestamp, UserId,
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
    pub browser: super::Hash,
    pub expires_at: Timestamp,
}

/// Too late for an answer; the person may start again.
#[derive(Debug)]
pub struct Expired;

/// Whether a person must press a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Consent {
    Asked,
    /// The key stays in the browser that asked for it: signing in says enough.
    Implied,
}

/// What came back from the person's browser.
pub enum Says {
    Yes {
        lifetime: Option<Lifetime>,
        /// The team the key is for, where the page let them choose.
        team: Option<TeamId>,
    },
    No,
    /// No form was sent.
    Nothing,
}

/// How the answer travels. A dialect chooses one of these; it never invents a way of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// A key in the query of the return address.
    KeyInQuery { to: ReturnAddress, state: Option<String> },
    /// A key in the body of the answer.
    Json,
}

/// What an app wants of its key, in seconds of life: what it gets unless the person says otherwise, and
/// the most a person may say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    pub seconds: i64,
    pub longest: i64,
}

/// What a person allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub seconds: i64,
    pub models: ModelList,
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

    /// One request, one answer.
    #[must_use]
    pub fn answered(self, says: &Says) -> Verdict {
        let chosen = match (says, self.consent) {
            (Says::No, _) => {
                return Verdict::Denied(Denial { app: self.app, reply: self.reply });
            }
            (Says::Nothing, Consent::Asked) => return Verdict::Unasked,
            (Says::Nothing, Consent::Implied) => None,
            (Says::Yes { lifetime, .. }, _) => *lifetime,
        };
        let terms = self.asks.allow(chosen);
        Verdict::Approved(Approval { app: self.app, terms, reply: self.reply, parent: self.parent })
    }
}

impl Asks {
    /// What the page offers, shortest first; what the app gets by itself is among them.
    #[must_use]
    pub fn choices(&self) -> Vec<Lifetime> {
        let own = Lifetime::of_seconds(self.seconds);
        let mut choices: Vec<_> =
            LIFETIMES.into_iter().filter(|l| l.seconds() <= self.longest).chain([own]).collect();
        choices.sort_unstable();
        choices.dedup();
        choices
    }

    /// Never more than may be offered: a form can be edited by the person who sends it.
    #[must_use]
    fn allow(&self, chosen: Option<Lifetime>) -> Terms {
        let seconds = chosen.map_or(self.seconds, Lifetime::seconds);
        Terms { seconds: seconds.min(self.longest.max(self.seconds)), models: ModelList::default() }
    }
}

impl Waiting {
    pub fn open(self, now: Timestamp) -> Result<ConnectRequest, Expired> {
        if now < self.expires_at { Ok(self.request) } else { Err(Expired) }
    }
}

impl Denial {
    /// Where the app hears of it (RFC 6749 §4.1.2.1), if it is waiting at an address.
    #[must_use]
    pub fn address(self) -> Option<(ReturnAddress, Option<String>)> {
        match self.reply {
            Reply::KeyInQuery { to, state } => Some((to, state)),
            Reply::Json => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c2_a_form_cannot_ask_for_longer_than_the_page_offers() {
        let asks = Asks { seconds: 86_400, longest: 7 * 86_400 };
        assert_eq!(asks.allow(None).seconds, 86_400);
        assert_eq!(asks.allow(Some(Lifetime::hours(1))).seconds, 3_600);
        assert_eq!(asks.allow(Some(Lifetime::days(365))).seconds, 7 * 86_400);
        let offered: Vec<_> = asks.choices().into_iter().map(Lifetime::seconds).collect();
        assert_eq!(offered, [3_600, 28_800, 86_400, 604_800]);
    }
}
