//! The ledger of one limit-holder: what is spent, reserved and running. Every decision about money and pace, with no
//! clock and no I/O.
//!
//! A call is judged on all of its ledgers, then taken on all of them, and later settled or given back on each. Money
//! is nano-dollars; sums saturate and never go below zero (row G10).
use super::{Calendar, Each, Limits, NanoDollars, Timestamp, Window};

/// So many windows of the past are known.
const PAST: usize = 32;
/// Calls and tokens are counted by the minute of the clock.
const MINUTE: i64 = 60;

#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// The window that runs; `None`: none has begun.
    window: Option<Spent>,
    /// Those before, for a clock that is put back and forth.
    past: Vec<Spent>,
    reserved: i64,
    running: i64,
    minute: i64,
    requests: i64,
    tokens: i64,
    /// The calendar was asked last: what it said holds until then.
    period: Option<(Each, Timestamp, Timestamp)>,
}

/// What was spent since a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    pub began: Timestamp,
    pub nano: i64,
}

/// The most that a call can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    pub cost: NanoDollars,
    pub tokens: i64,
}

/// What one call holds on one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    ask: Ask,
    minute: i64,
}

/// Which limit a call would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// What is booked has reached the limit.
    Budget {
        limit: NanoDollars,
        spent: NanoDollars,
        resets: Option<Timestamp>,
    },
    /// What runs may use up the rest.
    Reserved {
        limit: NanoDollars,
        spent: NanoDollars,
        reserved: NanoDollars,
    },
    Requests {
        limit: i64,
        resets: Timestamp,
    },
    Tokens {
        limit: i64,
        used: i64,
        resets: Timestamp,
    },
    Parallel {
        limit: i64,
    },
}

/// Where a ledger stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Of the window that runs, if one has begun.
    pub began: Option<Timestamp>,
    pub spent: NanoDollars,
    pub reserved: NanoDollars,
    pub running: i64,
    pub resets: Option<Timestamp>,
    /// Of this minute.
    pub requests: i64,
    pub tokens: i64,
    pub minute_ends: Timestamp,
}

impl Ledger {
    /// With what is known to be spent.
    #[must_use]
    pub fn opened(window: Option<Spent>) -> Self {
        Self { window, ..Self::default() }
    }

    /// What was spent is known anew; what runs goes on.
    pub fn reopen(&mut self, window: Option<Spent>) {
        (self.window, self.past) = (window, Vec::new());
    }

    /// From when and until when it is the same day, week or month.
    fn period(
        &mut self,
        calendar: &Calendar,
        each: Each,
        now: Timestamp,
    ) -> (Timestamp, Timestamp) {
        if let Some((known, begins, ends)) = self.period
            && known == each
            && (begins..ends).contains(&now)
        {
            return (begins, ends);
        }
        let (begins, ends) = calendar.period(each, now);
        self.period = Some((each, begins, ends));
        (begins, ends)
    }

    /// Whether a call may begin. Changes nothing but the window, if its time has come.
    pub fn judge(
        &mut self,
        (limits, calendar): (&Limits, &Calendar),
        now: Timestamp,
        ask: Ask,
    ) -> Result<(), Broken> {
        self.turn((limits, calendar), now);
        self.judge_money((limits, calendar), now, ask)?;
        let resets = Timestamp((self.minute + 1).saturating_mul(MINUTE));
        if let Some(limit) = limits.rpm_limit
            && self.requests >= limit
        {
            return Err(Broken::Requests { limit, resets });
        }
        // The first call of a minute is let in, however large it might become.
        if let Some(limit) = limits.tpm_limit
            && (self.tokens >= limit
                || (self.tokens > 0 && self.tokens.saturating_add(ask.tokens) > limit))
        {
            return Err(Broken::Tokens { limit, used: self.tokens, resets });
        }
        match limits.max_parallel_requests {
            Some(limit) if self.running >= limit => Err(Broken::Parallel { limit }),
            _ => Ok(()),
        }
    }

    fn judge_money(
        &mut self,
        (limits, calendar): (&Limits, &Calendar),
        now: Timestamp,
        ask: Ask,
    ) -> Result<(), Broken> {
        let Some(limit) = limits.max_budget else { return Ok(()) };
        let spent = self.spent();
        if spent >= limit.0 {
            let resets = self.resets((limits, calendar), now);
            return Err(Broken::Budget { limit, spent: NanoDollars(spent), resets });
        }
        let whole = spent.saturating_add(self.reserved).saturating_add(ask.cost.0);
        // With room and nothing that runs, one call is let in: a careful max_tokens locks no small budget.
        if whole > limit.0 && self.running > 0 {
            let (spent, reserved) = (NanoDollars(spent), NanoDollars(self.reserved));
            return Err(Broken::Reserved { limit, spent, reserved });
        }
        Ok(())
    }

    /// The call begins: every ledger has let it in.
    pub fn take(&mut self, rules: (&Limits, &Calendar), now: Timestamp, ask: Ask) -> Held {
        if self.window.is_none() {
            self.window = Some(Spent { began: self.began(rules, now), nano: 0 });
        }
        self.reserved = self.reserved.saturating_add(ask.cost.0.max(0));
        self.running += 1;
        self.requests = self.requests.saturating_add(1);
        self.tokens = self.tokens.saturating_add(ask.tokens.max(0));
        Held { ask, minute: self.minute }
    }

    /// The call has ended, with this cost and so many tokens; answers with the window it is booked in.
    pub fn settle(
        &mut self,
        (limits, calendar): (&Limits, &Calendar),
        now: Timestamp,
        held: Held,
        (cost, tokens): (NanoDollars, i64),
    ) -> Timestamp {
        self.turn((limits, calendar), now);
        self.end(held, tokens);
        let began = self.began((limits, calendar), now);
        let window = self.window.get_or_insert(Spent { began, nano: 0 });
        window.nano = window.nano.saturating_add(cost.0.max(0));
        window.began
    }

    /// The call has ended without having used anything.
    pub fn give_back(&mut self, held: Held) {
        self.end(held, 0);
    }

    fn end(&mut self, held: Held, tokens: i64) {
        self.reserved = self.reserved.saturating_sub(held.ask.cost.0.max(0)).max(0);
        self.running = (self.running - 1).max(0);
        if self.minute == held.minute {
            let counted = self.tokens.saturating_sub(held.ask.tokens.max(0)).max(0);
            self.tokens = counted.saturating_add(tokens.max(0));
        }
    }

    #[must_use]
    pub fn balance(&mut self, rules: (&Limits, &Calendar), now: Timestamp) -> Balance {
        self.turn(rules, now);
        Balance {
            began: self.window.map(|window| window.began),
            spent: NanoDollars(self.spent()),
            reserved: NanoDollars(self.reserved),
            running: self.running,
            resets: self.resets(rules, now),
            requests: self.requests,
            tokens: self.tokens,
            minute_ends: Timestamp((self.minute + 1).saturating_mul(MINUTE)),
        }
    }

    /// Whether nothing would be lost with it.
    #[must_use]
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.running == 0 && self.minute < now.0.div_euclid(MINUTE)
    }

    fn spent(&self) -> i64 {
        self.window.map_or(0, |window| window.nano)
    }

    /// Begins a new window, or goes back to the one before, if the clock says so; and a new minute.
    fn turn(&mut self, (limits, calendar): (&Limits, &Calendar), now: Timestamp) {
        let minute = now.0.div_euclid(MINUTE);
        if minute != self.minute {
            (self.minute, self.requests, self.tokens) = (minute, 0, 0);
        }
        let Some(window) = self.window else { return };
        match limits.budget_duration {
            // The next begins with its first call.
            Some(Window::Every(lifetime)) if now >= window.began.plus(lifetime.seconds()) => {
                self.window = None;
            }
            None | Some(Window::Every(_)) => {}
            Some(Window::Calendar(each)) => {
                let (began, _) = self.period(calendar, each, now);
                // What was spent is found where it was.
                let known = self.past.iter().position(|past| past.began == began);
                let known = known.map(|at| self.past.remove(at));
                let fresh = (began > window.began).then_some(Spent { began, nano: 0 });
                if let Some(next) = known.or(fresh) {
                    if self.past.len() == PAST {
                        self.past.remove(0);
                    }
                    self.past.push(window);
                    self.window = Some(next);
                }
            }
        }
    }

    /// Of a window that begins now.
    fn began(&mut self, (limits, calendar): (&Limits, &Calendar), now: Timestamp) -> Timestamp {
        match limits.budget_duration {
            None => Timestamp(0),
            Some(Window::Every(_)) => now,
            Some(Window::Calendar(each)) => self.period(calendar, each, now).0,
        }
    }

    fn resets(
        &mut self,
        (limits, calendar): (&Limits, &Calendar),
        now: Timestamp,
    ) -> Option<Timestamp> {
        match limits.budget_duration? {
            Window::Every(lifetime) => Some(self.window?.began.plus(lifetime.seconds())),
            Window::Calendar(each) => Some(self.period(calendar, each, now).1),
        }
    }
}
