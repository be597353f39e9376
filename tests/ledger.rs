//! The ledger against a model of it that is too simple to be wrong.
use gatekey::model::{
    Ask, Broken, Calendar, Each, Held, Ledger, Lifetime, Limits, NanoDollars, Timestamp, Window,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const START: i64 = 1_800_000_000;

#[derive(Debug, Clone)]
enum Step {
    /// A call that may cost so much, and use so many tokens.
    Begin(i64, i64),
    /// One of those that run ends, having used so many hundredths of what it held.
    Settle(usize, i64),
    GiveBack(usize),
    Wait(i64),
    ClockBack(i64),
    Limit(Option<i64>),
    /// The process dies: what is booked is read again, what ran is gone.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..500_i64, 0..200_i64).prop_map(|(cost, tokens)| Step::Begin(cost, tokens)),
        4 => (any::<usize>(), 0..=100_i64).prop_map(|(which, share)| Step::Settle(which, share)),
        2 => any::<usize>().prop_map(Step::GiveBack),
        2 => (1..200_000_i64).prop_map(Step::Wait),
        1 => (1..100_000_i64).prop_map(Step::ClockBack),
        1 => proptest::option::of(0..2000_i64).prop_map(Step::Limit),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..60)
}

fn windows() -> impl Strategy<Value = Option<Window>> {
    prop_oneof![
        Just(None),
        Just(Some(Window::Every(Lifetime::hours(5)))),
        Just(Some(Window::Calendar(Each::Daily))),
        Just(Some(Window::Calendar(Each::Weekly))),
    ]
}

struct Run {
    ledger: Ledger,
    limits: Limits,
    calendar: Calendar,
    now: i64,
    latest: i64,
    /// Windows since the start.
    seen: BTreeSet<i64>,
    held: Vec<(Held, Ask)>,
    /// What the books would hold: by window.
    booked: BTreeMap<i64, i64>,
    largest: i64,
}

impl Run {
    fn new(window: Option<Window>, limits: &Limits) -> Self {
        Self {
            ledger: Ledger::default(),
            limits: Limits { budget_duration: window, ..limits.clone() },
            calendar: Calendar::default(),
            now: START,
            latest: START,
            seen: BTreeSet::new(),
            held: Vec::new(),
            booked: BTreeMap::new(),
            largest: 0,
        }
    }

    fn reserved(&self) -> i64 {
        self.held.iter().map(|(_, ask)| ask.cost.0).sum()
    }

    fn spent(&mut self) -> i64 {
        let rules = (&self.limits, &self.calendar);
        self.ledger.balance(rules, Timestamp(self.now)).spent.0
    }

    fn begin(&mut self, cost: i64, tokens: i64) -> Result<(), TestCaseError> {
        let ask = Ask { cost: NanoDollars(cost), tokens };
        let spent = self.spent();
        let (rules, now) = ((&self.limits, &self.calendar), Timestamp(self.now));
        let judged = self.ledger.judge(rules, now, ask);
        if let Some(limit) = self.limits.max_budget {
            let fits = spent + self.reserved() + cost <= limit.0;
            let expected = spent < limit.0 && (fits || self.held.is_empty());
            prop_assert_eq!(judged.is_ok(), expected, "{} {} {}", spent, limit.0, cost);
            if let Err(broken) = judged {
                let exceeded = matches!(broken, Broken::Budget { .. });
                prop_assert_eq!(exceeded, spent >= limit.0, "{:?}", broken);
            }
        } else {
            prop_assert!(judged.is_ok());
        }
        if judged.is_ok() {
            let rules = (&self.limits, &self.calendar);
            self.held.push((self.ledger.take(rules, now, ask), ask));
            self.largest = self.largest.max(cost);
        }
        Ok(())
    }

    fn settle(&mut self, which: usize, share: i64) {
        if self.held.is_empty() {
            return;
        }
        let (held, ask) = self.held.remove(which % self.held.len());
        let cost = ask.cost.0 * share / 100;
        let (rules, now) = ((&self.limits, &self.calendar), Timestamp(self.now));
        let began = self.ledger.settle(rules, now, held, (NanoDollars(cost), ask.tokens));
        *self.booked.entry(began.0).or_default() += cost;
    }

    /// The window of the books that a start reads. A process knows nothing of windows later than its start: a clock
    /// that was put back is put right before.
    fn crash(&mut self) {
        self.held.clear();
        self.seen.clear();
        self.now = self.now.max(self.latest);
        let began = match self.limits.budget_duration {
            None => Some(0),
            Some(Window::Calendar(each)) => Some(self.calendar.begins(each, Timestamp(self.now)).0),
            Some(Window::Every(_)) => self.booked.last_key_value().map(|(began, _)| *began),
        };
        let nano = |began: &i64| self.booked.get(began).copied().unwrap_or(0);
        let window = began
            .map(|began| gatekey::model::Spent { began: Timestamp(began), nano: nano(&began) });
        self.ledger = Ledger::opened(window);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_negative_and_what_is_spent_is_what_the_books_hold_of_that_window(
        window in windows(),
        limit in 0..2000_i64,
        steps in steps(),
    ) {
        let limits = Limits { max_budget: Some(NanoDollars(limit)), ..Limits::default() };
        let mut run = Run::new(window, &limits);
        for step in steps {
            match step {
                Step::Begin(cost, tokens) => run.begin(cost, tokens)?,
                Step::Settle(which, share) => run.settle(which, share),
                Step::GiveBack(which) => {
                    if !run.held.is_empty() {
                        let (held, _) = run.held.remove(which % run.held.len());
                        run.ledger.give_back(held);
                    }
                }
                Step::Wait(seconds) => {
                    run.now += seconds;
                    run.latest = run.latest.max(run.now);
                }
                Step::ClockBack(seconds) => run.now -= seconds,
                Step::Limit(limit) => run.limits.max_budget = limit.map(NanoDollars),
                Step::Crash => run.crash(),
            }
            let (reserved, running) = (run.reserved(), run.held.len());
            let rules = (&run.limits, &run.calendar);
            let balance = run.ledger.balance(rules, Timestamp(run.now));
            prop_assert!(balance.spent.0 >= 0 && balance.reserved.0 >= 0);
            prop_assert_eq!(balance.reserved.0, reserved);
            prop_assert_eq!(balance.running, i64::try_from(running).unwrap());
            let booked = balance.began.and_then(|began| run.booked.get(&began.0));
            prop_assert_eq!(balance.spent.0, booked.copied().unwrap_or(0));
            // A clock that is put back is back in the window it was in.
            if let Some(Window::Calendar(each)) = run.limits.budget_duration
                && let Some(began) = balance.began
            {
                let of_now = run.calendar.begins(each, Timestamp(run.now));
                prop_assert!(began == of_now || !run.seen.contains(&of_now.0));
                run.seen.insert(began.0);
            }
        }
    }

    #[test]
    fn within_one_window_a_budget_is_overrun_by_one_call_at_most(
        limit in 0..2000_i64,
        steps in steps(),
    ) {
        let limits = Limits { max_budget: Some(NanoDollars(limit)), ..Limits::default() };
        let mut run = Run::new(None, &limits);
        for step in steps {
            match step {
                Step::Begin(cost, tokens) => run.begin(cost, tokens)?,
                Step::Settle(which, share) => run.settle(which, share),
                Step::Wait(seconds) => run.now += seconds,
                _ => {}
            }
            let (spent, largest) = (run.spent(), run.largest);
            prop_assert!(spent < limit + largest.max(1), "{} of {} with {}", spent, limit, largest);
        }
    }

    #[test]
    fn pace_is_held_in_every_minute(rpm in 1..6_i64, tpm in 1..600_i64, parallel in 1..5_i64, steps in steps()) {
        let limits = Limits {
            rpm_limit: Some(rpm),
            tpm_limit: Some(tpm),
            max_parallel_requests: Some(parallel),
            ..Limits::default()
        };
        let mut run = Run::new(None, &limits);
        let mut minutes: BTreeMap<i64, i64> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Begin(cost, tokens) => {
                    let ask = Ask { cost: NanoDollars(cost), tokens };
                    let (rules, now) = ((&run.limits, &run.calendar), Timestamp(run.now));
                    if run.ledger.judge(rules, now, ask).is_ok() {
                        run.held.push((run.ledger.take(rules, now, ask), ask));
                        *minutes.entry(run.now / 60).or_default() += 1;
                    }
                }
                Step::Settle(which, share) => run.settle(which, share),
                Step::Wait(seconds) => run.now += seconds % 90,
                _ => {}
            }
            prop_assert!(run.held.len() <= usize::try_from(parallel).unwrap());
            prop_assert!(minutes.values().all(|calls| *calls <= rpm));
            let balance = run.ledger.balance((&run.limits, &run.calendar), Timestamp(run.now));
            prop_assert!(balance.tokens < tpm + 200 && balance.tokens >= 0);
        }
    }
}

#[test]
fn k30_a_call_refused_for_running_beside_another_is_not_counted() {
    let limits = Limits { rpm_limit: Some(2), max_parallel_requests: Some(1), ..Limits::default() };
    let (mut ledger, calendar, now) = (Ledger::default(), Calendar::default(), Timestamp(START));
    let ask = Ask { cost: NanoDollars(0), tokens: 1 };
    let rules = (&limits, &calendar);
    ledger.judge(rules, now, ask).unwrap();
    let first = ledger.take(rules, now, ask);
    assert_eq!(ledger.judge(rules, now, ask), Err(Broken::Parallel { limit: 1 }));
    ledger.settle(rules, now, first, (NanoDollars(0), 1));
    ledger.judge(rules, now, ask).unwrap();
    ledger.take(rules, now, ask);
    let resets = Timestamp(START - START % 60 + 60);
    assert_eq!(ledger.judge(rules, now, ask), Err(Broken::Requests { limit: 2, resets }));
}

#[test]
fn g10_no_figure_overflows_or_falls_below_zero() {
    let limits = Limits { max_budget: Some(NanoDollars(i64::MAX)), ..Limits::default() };
    let (mut ledger, calendar, now) = (Ledger::default(), Calendar::default(), Timestamp(START));
    let rules = (&limits, &calendar);
    let ask = Ask { cost: NanoDollars(i64::MAX), tokens: i64::MAX };
    let (one, two) = (ledger.take(rules, now, ask), ledger.take(rules, now, ask));
    ledger.settle(rules, now, one, (NanoDollars(i64::MAX), i64::MAX));
    ledger.settle(rules, now, two, (NanoDollars(i64::MIN), i64::MIN));
    let balance = ledger.balance(rules, now);
    assert_eq!((balance.spent.0, balance.reserved.0), (i64::MAX, 0));
    let broken = ledger.judge(rules, now, ask);
    assert!(matches!(broken, Err(Broken::Budget { .. })), "{broken:?}");
}

#[test]
fn a_window_from_the_first_call_begins_with_that_call_and_not_with_its_end() {
    let window = Some(Window::Every(Lifetime::hours(1)));
    let limits =
        Limits { max_budget: Some(NanoDollars(10)), budget_duration: window, ..Limits::default() };
    let (mut ledger, calendar) = (Ledger::default(), Calendar::default());
    let (rules, ask) = ((&limits, &calendar), Ask { cost: NanoDollars(9), tokens: 1 });
    let at = |seconds| Timestamp(START + seconds);
    assert_eq!(ledger.balance(rules, at(0)).resets, None, "no call, no window");
    let held = ledger.take(rules, at(100), ask);
    assert_eq!(ledger.settle(rules, at(200), held, (NanoDollars(10), 1)), at(100));
    let resets = Some(at(3700));
    let (limit, spent) = (NanoDollars(10), NanoDollars(10));
    assert_eq!(ledger.judge(rules, at(3699), ask), Err(Broken::Budget { limit, spent, resets }));
    ledger.judge(rules, at(3700), ask).unwrap();
}
