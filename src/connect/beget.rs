//! A live key begets one, without a page.
use super::{IssuedKey, Journey, Refusal, issue::Owner};
use crate::{
    model::{App, Dialect, Key, Reply, Rights, Terms},
    store::grants::{Approve, Approved, Cap},
    web::ClientAddress,
};

impl Journey {
    pub async fn beget(
        &self,
        dialect: Dialect,
        parent: &Key,
        address: ClientAddress,
    ) -> Result<IssuedKey, Refusal> {
        let at = self.clock.now();
        if parent.is_service() {
            return Err(Refusal::NoPerson);
        }
        if !Rights::may_connect(&parent.owner) {
            return Err(Refusal::LooksOnly);
        }
        self.throttles.silent.count(parent.user.clone()).map_err(Refusal::TooOften)?;
        let lifetime = self.settings.key_lifetime;
        if parent.child_ends(at, lifetime, self.settings.renew_within) <= at {
            return Err(Refusal::SignInAgain);
        }
        let terms = Terms { seconds: lifetime.seconds(), models: parent.models.clone() };
        let owner = Owner {
            user: parent.user.clone(),
            signed_in_at: parent.signed_in_at,
            team: parent.team.as_ref().map(|team| team.id.clone()),
            parent: Some(parent.clone()),
        };
        let made = self.make((dialect, App::json(), &Reply::Json), &owner, terms, at);
        let approve = Approve {
            gate: None,
            parent: Some(parent.id.clone()),
            grant: made.grant,
            key: made.key,
            cap: Cap(self.settings.max_keys_per_app),
            act: self.act(&parent.user, address, at),
        };
        match self.store.write(approve).await? {
            Approved::Done => Ok(made.issued),
            Approved::TooManyKeys => Err(Refusal::TooManyKeys),
            Approved::NotInTeam => Err(Refusal::NotInTeam),
            Approved::Blocked | Approved::Gone => Err(Refusal::Blocked),
            Approved::ParentEnded => Err(Refusal::KeyEnded),
        }
    }
}
