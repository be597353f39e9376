//! Polls, a mechanism several dialects share: a terminal asks until a person has answered elsewhere.
use super::{IssuedKey, Journey, Refusal};
use crate::{
    model::{Handle, Hash, Membership, PollSecret, TeamId, Timestamp, UserCode, UserId},
    store::{
        self,
        grants::Cap,
        polls::{AskPoll, Asked, OpenPoll, Polled, StartPoll, TakePoll},
    },
    web::ClientAddress,
};

/// What a terminal is told when it starts: its name, its secret, and what the person compares.
pub struct Ticket {
    pub poll: Handle,
    pub secret: PollSecret,
    pub user_code: UserCode,
}

/// What a terminal hears.
pub enum Heard {
    /// Nobody has answered yet.
    Pending,
    /// Which of these the key is to be for.
    ChooseTeam(UserId, Vec<Membership>),
    /// The key, its team, and all teams of the person.
    Key(IssuedKey, Option<TeamId>, Vec<Membership>),
}

/// Read by a program; each dialect has its own words for it.
#[derive(Debug)]
pub enum BadPoll {
    WrongSecret,
    NotInTeam,
    TooManyKeys,
    /// So many seconds to wait.
    TooOften(i64),
    /// Forged, expired, denied, or answered before.
    Unknown,
    /// Nothing is used up.
    Trouble(store::Error),
}

impl Ticket {
    pub const SECONDS: i64 = 600;
}

impl Journey {
    pub async fn start_poll(&self, address: ClientAddress) -> Result<Ticket, Refusal> {
        self.throttles.started.count(address.place()).map_err(Refusal::TooOften)?;
        let ticket = Ticket {
            poll: Handle::new(self.entropy.draw()),
            secret: PollSecret::new(self.entropy.draw()),
            user_code: UserCode::new(self.entropy.draw()),
        };
        let poll = ticket.poll.hash();
        let row = StartPoll {
            poll,
            secret: ticket.secret.hash(),
            user_code: ticket.user_code.hash(poll),
            expires_at: self.clock.now().plus(Ticket::SECONDS),
        };
        self.store.write(row).await?;
        Ok(ticket)
    }

    /// The poll under this name, if its terminal still waits: what a [`crate::model::Reply::Poll`] answers.
    pub async fn open_poll(&self, name: &str) -> Result<Option<(Hash, Timestamp)>, Refusal> {
        let poll = Handle::presented(name).hash();
        let open = self.store.read(OpenPoll { poll, at: self.clock.now() }).await?;
        Ok(open.map(|until| (poll, until)))
    }

    pub async fn poll(
        &self,
        (name, secret): (&str, &str),
        team: Option<TeamId>,
        address: ClientAddress,
    ) -> Result<Heard, BadPoll> {
        let poll = Handle::presented(name).hash();
        self.throttles.polled.count(address.place()).map_err(BadPoll::TooOften)?;
        let (secret, at) = (PollSecret::presented(secret).hash(), self.clock.now());
        let asked =
            self.store.read(AskPoll { poll, secret, at }).await.map_err(BadPoll::Trouble)?;
        // Names that nobody knows are not counted: whoever makes them up would fill the table.
        if asked != Asked::Unknown {
            self.throttles.poll.count(poll).map_err(BadPoll::TooOften)?;
        }
        match asked {
            Asked::Unknown => return Err(BadPoll::Unknown),
            Asked::WrongSecret => return Err(BadPoll::WrongSecret),
            Asked::Pending => return Ok(Heard::Pending),
            Asked::Ready => {}
        }
        let (key, kept) = self.secret(at);
        let take = TakePoll {
            poll,
            secret,
            team,
            key: kept,
            cap: Cap(self.settings.max_keys_per_app),
            act: self.act(&UserId::named("nobody"), address, at),
        };
        match self.store.write(take).await.map_err(BadPoll::Trouble)? {
            Polled::Ready(granted, teams) => {
                let team = granted.team.clone();
                Ok(Heard::Key(IssuedKey::new(key, &granted, at), team, teams))
            }
            Polled::ChooseTeam(user, teams) => Ok(Heard::ChooseTeam(user, teams)),
            Polled::NotInTeam => Err(BadPoll::NotInTeam),
            Polled::TooManyKeys => Err(BadPoll::TooManyKeys),
            Polled::Unknown => Err(BadPoll::Unknown),
        }
    }
}
