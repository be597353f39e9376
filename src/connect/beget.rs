//! A live key begets one, or a code for one, without a page.
use super::{
    IssuedKey, Journey, Refusal,
    issue::{Given, Owner},
};
use crate::{
    model::{App, Challenge, Code, Dialect, Key, Reply, Rights, Terms},
    store::grants::{Approve, Approved, Cap, Gives},
    web::{BadQuery, ClientAddress},
};

impl Journey {
    pub async fn beget(
        &self,
        dialect: Dialect,
        parent: &Key,
        address: ClientAddress,
    ) -> Result<IssuedKey, Refusal> {
        let terms = Terms::living(self.settings.key_lifetime.seconds());
        let reply = Reply::Json;
        match self.beget_as((dialect, App::json()), parent, (&reply, terms), address).await? {
            Given::Key(issued) => Ok(issued),
            Given::Code(..) | Given::Ready => Err(Refusal::NotHere),
        }
    }

    /// A code for such a key: whoever redeems it must prove the challenge, if there is one.
    pub async fn beget_code(
        &self,
        dialect: Dialect,
        parent: &Key,
        (challenge, terms): (Option<Challenge>, Terms),
        address: ClientAddress,
    ) -> Result<Code, Refusal> {
        let reply = Reply::Display { challenge };
        match self.beget_as((dialect, App::by_code()), parent, (&reply, terms), address).await? {
            Given::Code(code, _) => Ok(code),
            Given::Key(_) | Given::Ready => Err(Refusal::NotHere),
        }
    }

    async fn beget_as(
        &self,
        (dialect, app): (Dialect, App),
        parent: &Key,
        (reply, terms): (&Reply, Terms),
        address: ClientAddress,
    ) -> Result<Given, Refusal> {
        let at = self.clock.now();
        if parent.is_service() {
            return Err(Refusal::NoPerson);
        }
        if !Rights::may_connect(&parent.owner) {
            return Err(Refusal::LooksOnly);
        }
        if !parent.may_beget() {
            return Err(Refusal::Bound);
        }
        self.throttles.silent.count(parent.user.clone()).map_err(Refusal::TooOften)?;
        let lifetime = self.settings.key_lifetime;
        if parent.child_ends(at, lifetime, self.settings.renew_within) <= at {
            return Err(Refusal::SignInAgain);
        }
        let owner = Owner {
            user: parent.user.clone(),
            signed_in_at: parent.signed_in_at,
            team: parent.team.as_ref().map(|team| team.id.clone()),
            parent: Some(parent.clone()),
            cap: None,
        };
        let (granted, fresh) = self.granted(app, (reply, &terms), &owner, at);
        let parent_id = Some(parent.id.clone());
        let word = (None, false, parent_id.clone());
        let (kept, given) = self.give(reply, &granted, word, at);
        self.carry_out(Approve {
            gate: None,
            parent: parent_id,
            granted,
            fresh,
            dialect,
            gives: kept,
            cap: Cap(self.settings.max_keys_per_app),
            act: self.act(&parent.user, address, at),
        })
        .await?;
        Ok(given)
    }

    /// All or nothing; or why not.
    pub(super) async fn carry_out(&self, approve: Approve) -> Result<(), Refusal> {
        let by_poll = matches!(approve.gives, Gives::Poll { .. });
        match self.store.write(approve).await? {
            Approved::Done => Ok(()),
            // What the terminal waited for is over, or the page is.
            Approved::Gone if by_poll => Err(Refusal::NotWaiting),
            Approved::Gone => Err(Refusal::NotHere),
            Approved::Blocked => Err(Refusal::Blocked),
            Approved::NotInTeam => Err(Refusal::NotInTeam),
            Approved::AppBlocked => Err(Refusal::AppBlocked),
            Approved::ParentEnded => Err(Refusal::KeyEnded),
            Approved::TooManyKeys => Err(Refusal::TooManyKeys),
            Approved::WrongUserCode => Err(Refusal::WrongUserCode),
            Approved::LooksOnly => Err(Refusal::LooksOnly),
            Approved::Over => {
                Err(BadQuery("The end that the app asked for has come. Connect again.".into())
                    .into())
            }
        }
    }
}
