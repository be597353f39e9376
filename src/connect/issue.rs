//! What an app gets: the one place where a connect journey makes a key, a code, or makes a poll ready.
use super::{IssuedKey, Journey};
use crate::{
    model::{
        AccessKey, App, Challenge, Code, Hash, Key, KeyId, Lifetime, Limit, Limits, NanoDollars,
        Reply, TeamId, Terms, Timestamp, UserCode, UserId,
    },
    store::{
        audit::Act,
        codes::FreshCode,
        grants::{FreshSecret, Gives, Granted},
    },
    web::ClientAddress,
};

/// Who it is for, and on whose word.
pub(super) struct Owner {
    pub(super) user: UserId,
    pub(super) signed_in_at: Timestamp,
    /// A child is of its parent's.
    pub(super) team: Option<TeamId>,
    /// The key that begets this one.
    pub(super) parent: Option<Key>,
    /// The tightest budget that binds the key anyway: its own is no larger (field report K27).
    pub(super) cap: Option<NanoDollars>,
}

/// What was given: one side of a secret, whose other side the store keeps.
pub(super) enum Given {
    Key(IssuedKey),
    /// And until when it can be redeemed.
    Code(Code, Timestamp),
    /// A terminal fetches it.
    Ready,
}

impl Journey {
    /// A child has its parent's app, models and grant, and ends no later than a real sign-in allows. Beside it the
    /// app's name, where the grant is a new one.
    pub(super) fn granted(
        &self,
        app: App,
        (reply, terms): (&Reply, &Terms),
        owner: &Owner,
        at: Timestamp,
    ) -> (Granted, Option<String>) {
        let parent = owner.parent.as_ref();
        let inherited = parent.and_then(|parent| parent.grant.clone());
        let fresh = inherited.is_none().then_some(app.name);
        let granted = Granted {
            id: inherited.unwrap_or_else(|| crate::model::GrantId::new(self.entropy.draw())),
            user: owner.user.clone(),
            app: parent.and_then(|parent| parent.app.clone()).unwrap_or(app.id),
            team: owner.team.clone(),
            terms: self.bound(
                parent.map_or_else(|| terms.clone(), |parent| self.within(parent, terms, at)),
                owner,
            ),
            sent_to: reply
                .address()
                .and_then(|to| to.to_string().split('?').next().map(str::to_owned)),
            signed_in_at: owner.signed_in_at,
        };
        (granted, fresh)
    }

    fn within(&self, parent: &Key, terms: &Terms, at: Timestamp) -> Terms {
        let wanted = Lifetime::of_seconds(terms.seconds);
        let ends = parent.child_ends(at, wanted, self.settings.renew_within);
        let ends = terms.ends_at.map_or(ends, |asked| asked.min(ends));
        Terms { models: parent.models.clone(), ends_at: Some(ends), ..terms.clone() }
    }

    /// A key that another begets spends with that one; a new one has what the settings give every key.
    fn bound(&self, terms: Terms, owner: &Owner) -> Terms {
        let cut = |limit: Limit| Limit {
            dollars: owner.cap.map_or(limit.dollars, |cap| cap.min(limit.dollars)),
            ..limit
        };
        let limits = match (terms.limit.map(cut), &owner.parent) {
            (None, Some(_)) => Limits::default(),
            (asked, _) => self.limits.of_app(asked.as_ref()),
        };
        Terms { limits: limits.into(), ..terms }
    }

    /// What the store keeps and what the app gets. The reply decides, not the dialect.
    pub(super) fn give(
        &self,
        reply: &Reply,
        granted: &Granted,
        (typed, team_chosen, parent): (Option<UserCode>, bool, Option<KeyId>),
        at: Timestamp,
    ) -> (Gives, Given) {
        match reply {
            Reply::KeyInQuery { .. } | Reply::Json => {
                let (secret, kept) = self.secret(at);
                let issued = IssuedKey::new(secret, granted, at);
                (Gives::Key(kept), Given::Key(issued))
            }
            Reply::Code { challenge, .. } | Reply::Display { challenge } => {
                self.give_code(challenge.clone(), parent, at)
            }
            Reply::Poll { poll, .. } => {
                let poll = Hash(*poll);
                let user_code = typed.map(|code| code.hash(poll));
                (Gives::Poll { poll, user_code, team_chosen }, Given::Ready)
            }
        }
    }

    /// A code that no challenge protects lives as long as a redirect takes.
    fn give_code(
        &self,
        challenge: Option<Challenge>,
        parent: Option<KeyId>,
        at: Timestamp,
    ) -> (Gives, Given) {
        let code = Code::new(self.entropy.draw());
        let ends = at.plus(if challenge.is_some() { Code::PROVEN } else { Code::BEARER });
        let fresh = FreshCode { code: code.hash(), challenge, ends, parent };
        (Gives::Code(fresh), Given::Code(code, ends))
    }

    /// A key on its way, and what is kept of it.
    pub(super) fn secret(&self, at: Timestamp) -> (AccessKey, FreshSecret) {
        let secret = AccessKey::new(self.entropy.draw());
        let kept = FreshSecret {
            id: KeyId::new(self.entropy.draw()),
            hash: secret.hash(),
            hint: secret.hint(),
            alias: self.alias(at),
        };
        (secret, kept)
    }

    /// As LiteLLM names them: `oauth_session_<8 characters>_<unix>`.
    fn alias(&self, at: Timestamp) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        format!("oauth_session_{}_{}", URL_SAFE_NO_PAD.encode(&self.entropy.draw()[..6]), at.0)
    }

    pub(super) fn act(&self, user: &UserId, address: ClientAddress, at: Timestamp) -> Act {
        Act {
            id: Hash(self.entropy.draw()),
            at,
            actor: user.to_string(),
            address: Some(address.to_string()),
        }
    }
}
