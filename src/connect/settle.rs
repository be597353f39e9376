//! The person's answer is carried out: the request is used up, and a grant stands or nothing does.
use super::{
    Answer, Journey, Refusal, Settled,
    issue::{Given, Owner},
};
use crate::{
    model::{
        Approval, Consent, Denial, Dialect, Expired, KeyState, Parent, Reply, Rights, Says, TeamId,
        Timestamp, UserCode, UserId, Verdict, team_unasked,
    },
    store::{
        grants::{Approve, Cap},
        keys::KeyById,
        member_limits::CapOf,
        members::TeamsOf,
        requests::{Deny, Gate, RequestOf},
    },
    web::{BadQuery, ClientAddress, Session},
};

impl Journey {
    /// Settles what `dialect` began. Of two clicks, one gets here and the other is [`Refusal::NotHere`].
    pub async fn settle(&self, dialect: Dialect, answer: Answer) -> Result<Settled, Refusal> {
        self.serves(dialect)?;
        let (handle, at) = (answer.handle.hash(), self.clock.now());
        let waiting = self.store.read(RequestOf { handle }).await?.ok_or(Refusal::NotHere)?;
        let browser = waiting.browser;
        answer.browser.bound(browser).ok_or(Refusal::NotHere)?;
        let request = waiting.open(at).map_err(|Expired| Refusal::expired(&answer.handle))?;
        let gate = Gate { handle, browser, dialect, at };
        let default_team = answer.session.as_ref().and_then(|s| s.user.default_team.clone());
        let owner = self.owner(request.parent.as_ref(), answer.session, at).await;
        if matches!(answer.says, Says::No) {
            // A no needs nobody.
            let user = owner.ok().map(|owner| owner.user);
            return match request.answered(&Says::No) {
                Verdict::Denied(denial) => self.deny(gate, denial, user, answer.address).await,
                _ => Err(Refusal::NotHere),
            };
        }
        let mut owner = owner?;
        // Another tab may have signed somebody else in since the page was shown (row U15).
        if answer.shown.is_some_and(|shown| shown != owner.user.as_str()) {
            return Err(Refusal::OtherUser);
        }
        if request.consent == Consent::Implied {
            self.throttles.silent.count(owner.user.clone()).map_err(Refusal::TooOften)?;
        }
        if owner.parent.is_none() {
            owner.team = self.team(&owner.user, default_team.as_ref(), &answer.says).await?;
            let (user, team) = (owner.user.clone(), owner.team.clone());
            owner.cap = self.store.read(CapOf { user, team }).await?;
        }
        let heard = Heard::of(&answer.says, answer.user_code);
        if matches!(request.reply, Reply::Poll { .. }) {
            self.throttles.typed.count(answer.address.place()).map_err(Refusal::TooOften)?;
        }
        match request.answered(&answer.says) {
            Verdict::Approved(approval) => {
                self.approve(gate, approval, owner, (heard, answer.address)).await
            }
            _ => Err(BadQuery("Nobody has answered yet.".into()).into()),
        }
    }

    /// On whose word the key is made: the live key that brought the request, or the session.
    pub(super) async fn owner(
        &self,
        parent: Option<&Parent>,
        session: Option<Session>,
        at: Timestamp,
    ) -> Result<Owner, Refusal> {
        let Some(parent) = parent else {
            let session = session.ok_or(Refusal::SignedOut)?;
            if !Rights::may_connect(&session.user) {
                return Err(Refusal::LooksOnly);
            }
            let (user, signed_in_at) = (session.user.id, session.signed_in_at);
            return Ok(Owner { user, signed_in_at, team: None, parent: None, cap: None });
        };
        let key = self.store.read(KeyById(parent.key.clone())).await?;
        let key = key.filter(|key| key.state(at) == KeyState::Live).ok_or(Refusal::SignedOut)?;
        if key.child_ends(at, self.settings.key_lifetime, self.settings.renew_within) <= at {
            return Err(Refusal::SignInAgain);
        }
        if !key.may_beget() {
            return Err(Refusal::Bound);
        }
        if key.is_service() {
            return Err(Refusal::NoPerson);
        }
        if !Rights::may_connect(&key.owner) {
            return Err(Refusal::LooksOnly);
        }
        let (user, signed_in_at) = (key.user.clone(), key.signed_in_at);
        let team = key.team.as_ref().map(|team| team.id.clone());
        Ok(Owner { user, signed_in_at, team, parent: Some(key), cap: None })
    }

    /// The team that was chosen; where nothing was, the only one, else the person's default one.
    async fn team(
        &self,
        user: &UserId,
        default: Option<&TeamId>,
        says: &Says,
    ) -> Result<Option<TeamId>, Refusal> {
        let teams = self.store.read(TeamsOf(user.clone())).await?;
        match says {
            Says::Yes { team: Some(chosen), .. } => {
                let own = teams.iter().any(|m| m.team == *chosen && !m.blocked);
                own.then(|| Some(chosen.clone())).ok_or(Refusal::NotInTeam)
            }
            _ => Ok(team_unasked(&teams, default)),
        }
    }

    async fn approve(
        &self,
        gate: Gate,
        approval: Approval,
        owner: Owner,
        (says, address): (Heard, ClientAddress),
    ) -> Result<Settled, Refusal> {
        let Approval { app, terms, reply, .. } = approval;
        let (name, at) = (app.name.clone(), gate.at);
        let (granted, fresh) = self.granted(app, (&reply, &terms), &owner, at);
        let parent = owner.parent.as_ref().map(|parent| parent.id.clone());
        let word = (says.user_code, says.team_chosen, parent.clone());
        let (kept, given) = self.give(&reply, &granted, word, at);
        self.carry_out(Approve {
            gate: Some(gate),
            parent,
            granted,
            fresh,
            dialect: gate.dialect,
            gives: kept,
            cap: Cap(self.settings.max_keys_per_app),
            act: self.act(&owner.user, address, at),
        })
        .await?;
        let by_hand = says.by_hand;
        Ok(match (reply, given) {
            (Reply::KeyInQuery { to, state }, Given::Key(key)) => {
                Settled::KeyTo { to, state, key, app: name, by_hand }
            }
            (Reply::Code { to, .. }, Given::Code(code, until)) => {
                Settled::CodeTo { to, code, until, app: name, by_hand }
            }
            (_, Given::Key(key)) => Settled::Key(key),
            (_, Given::Code(code, until)) => Settled::Code { code, until },
            (_, Given::Ready) => Settled::Ready,
        })
    }

    async fn deny(
        &self,
        gate: Gate,
        denial: Denial,
        user: Option<UserId>,
        address: ClientAddress,
    ) -> Result<Settled, Refusal> {
        let actor = user.clone().unwrap_or_else(|| UserId::named("nobody"));
        let mut entry = self.act(&actor, address, gate.at).entry("connect.denied", &denial.app.id);
        if let Some(user) = &user {
            entry = entry.of_user(user);
        }
        let poll = denial.poll();
        let first = self.store.write(Deny { gate, poll, entry }).await?;
        if first { Ok(Settled::Denied(denial)) } else { Err(Refusal::NotHere) }
    }
}

/// What a yes says beside its terms.
struct Heard {
    user_code: Option<UserCode>,
    team_chosen: bool,
    by_hand: bool,
}

impl Heard {
    fn of(says: &Says, user_code: Option<UserCode>) -> Self {
        match says {
            Says::Yes { team, by_hand, .. } => {
                Self { user_code, team_chosen: team.is_some(), by_hand: *by_hand }
            }
            Says::No | Says::Nothing => Self { user_code, team_chosen: false, by_hand: false },
        }
    }
}
