//! The making of a key: the one place where a connect journey does it.
use super::{IssuedKey, Journey};
use crate::{
    model::{
        AccessKey, App, Dialect, GrantId, Hash, Key, KeyId, Lifetime, Reply, TeamId, Terms,
        Timestamp, UserId,
    },
    store::{audit::Act, grants::Grant, keys::FreshKey},
    web::ClientAddress,
};
use serde_json::json;

/// Who it is for, and on whose word.
pub(super) struct Owner {
    pub(super) user: UserId,
    pub(super) signed_in_at: Timestamp,
    /// A child is of its parent's.
    pub(super) team: Option<TeamId>,
    /// The key that begets this one.
    pub(super) parent: Option<Key>,
}

/// A key that was made, and what the store keeps of it.
pub(super) struct Made {
    pub(super) grant: Option<Grant>,
    pub(super) key: FreshKey,
    pub(super) issued: IssuedKey,
}

impl Journey {
    /// A child has its parent's app, models and grant, and ends no later than a real sign-in allows.
    pub(super) fn make(
        &self,
        (dialect, app, reply): (Dialect, App, &Reply),
        owner: &Owner,
        terms: Terms,
        at: Timestamp,
    ) -> Made {
        let secret = AccessKey::new(self.entropy.draw());
        let parent = owner.parent.as_ref();
        let renew = self.settings.renew_within;
        let wanted = at.plus(terms.seconds);
        let lifetime = Lifetime::of_seconds(terms.seconds);
        let ends = parent.map_or(wanted, |parent| parent.child_ends(at, lifetime, renew));
        let models = parent.map_or(terms.models.clone(), |parent| parent.models.clone());
        let app_id = parent.and_then(|parent| parent.app.clone()).unwrap_or_else(|| app.id.clone());
        let inherited = parent.and_then(|parent| parent.grant.clone());
        let grant = inherited.is_none().then(|| Grant {
            id: GrantId::new(self.entropy.draw()),
            user: owner.user.clone(),
            app: App { id: app_id.clone(), name: app.name },
            dialect,
            terms,
            signed_in_at: owner.signed_in_at,
        });
        let key = FreshKey {
            id: KeyId::new(self.entropy.draw()),
            hash: secret.hash(),
            hint: secret.hint(),
            alias: Some(self.alias(at)),
            user: owner.user.clone(),
            grant: inherited.or_else(|| grant.as_ref().map(|grant| grant.id.clone())),
            app: Some(app_id.clone()),
            team: owner.team.clone(),
            models,
            metadata: metadata(&app_id, reply, at, ends),
            signed_in_at: owner.signed_in_at,
            expires_at: Some(ends),
        };
        Made { grant, key, issued: IssuedKey { secret, ends, seconds: ends.0 - at.0 } }
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

/// Without the address's query: that is the app's, and may hold a secret of its own.
fn metadata(app: &str, reply: &Reply, at: Timestamp, ends: Timestamp) -> String {
    let to = match reply {
        Reply::KeyInQuery { to, .. } => to.to_string().split('?').next().map(str::to_owned),
        Reply::Json => None,
    };
    json!({
        "oauth_flow": true,
        "client_type": "oauth_external_app",
        "session_type": "oauth_session",
        "redirect_uri": to,
        "app": app,
        "created_at": at.rfc3339(),
        "expires_at": ends.rfc3339(),
    })
    .to_string()
}
