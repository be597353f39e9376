//! The whole of it against a model: whatever is called, changed, renewed and restarted, in whatever order, what the
//! ledger says is what the books say, and a call is let in as long as there is room and no longer.
use super::{info, say, update};
use crate::{
    spend::PRICED,
    support::{Gate, MASTER_KEY, soon},
};
use futures_util::StreamExt as _;
use gatekey::model::{Calendar, Each, NanoDollars, Timestamp};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use std::cell::Cell;

/// 11 in and 7 out, in billionths.
const CALL: i64 = 97_500;

#[derive(Debug, Clone)]
enum Step {
    Call(Kind, Whose),
    /// So many at once, all of them whole.
    Burst(usize),
    Hours(i64),
    /// In half calls; `None` clears it.
    Budget(Option<i64>),
    Window(Option<Each>),
    Regenerate,
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Aborted,
    Broken,
    Refused,
}

#[derive(Debug, Clone, Copy)]
enum Whose {
    Parent,
    Child,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        4 => Just(Kind::Whole), 1 => Just(Kind::Aborted), 1 => Just(Kind::Broken), 1 => Just(Kind::Refused)
    ];
    let whose = prop_oneof![Just(Whose::Parent), Just(Whose::Child)];
    let each = prop_oneof![Just(Each::Daily), Just(Each::Weekly), Just(Each::Monthly)];
    let step = prop_oneof![
        6 => (kind, whose).prop_map(|(kind, whose)| Step::Call(kind, whose)),
        2 => (2..7_usize).prop_map(Step::Burst),
        2 => (1..60_i64).prop_map(Step::Hours),
        2 => proptest::option::weighted(0.8, 1..14_i64).prop_map(Step::Budget),
        1 => proptest::option::of(each).prop_map(Step::Window),
        1 => Just(Step::Regenerate),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 4..24)
}

struct World {
    gate: Gate,
    id: String,
    parent: String,
    child: String,
    /// When what was booked, of both keys.
    booked: Vec<(i64, i64)>,
    budget: Option<i64>,
    window: Option<Each>,
}

impl World {
    async fn new(test: &str) -> Self {
        let gate = Gate::with(test, PRICED).await;
        gate.manage("/user/new", MASTER_KEY, json!({"user_id": "ada", "auto_create_key": false}))
            .await;
        let made = gate.generate(json!({"user_id": "ada", "max_budget": 0.0005})).await;
        let said = |value: &Value| value.as_str().unwrap().to_owned();
        let parent = said(&made["key"]);
        let child = gate.manage("/key/generate", &parent, json!({})).await.json();
        let (id, child) = (said(&made["token_id"]), said(&child["key"]));
        Self { gate, id, parent, child, booked: Vec::new(), budget: Some(500_000), window: None }
    }

    fn spent(&self) -> i64 {
        let now = Timestamp(self.gate.now());
        let since = self.window.map_or(i64::MIN, |each| Calendar::default().begins(each, now).0);
        self.booked.iter().filter(|(at, _)| *at >= since).map(|(_, nano)| nano).sum()
    }

    fn has_room(&self) -> bool {
        self.budget.is_none_or(|limit| self.spent() < limit)
    }

    /// Of both keys, as the books have it: how many calls, and what they cost.
    async fn sums(&self) -> (i64, i64) {
        let mut sums = (0, 0);
        for key in [&self.parent, &self.child] {
            let usage = info(&self.gate, key).await["usage"].clone();
            let cost = NanoDollars::parse(usage["cost"].as_str().unwrap()).unwrap();
            sums = (sums.0 + usage["calls"].as_i64().unwrap(), sums.1 + cost.0);
        }
        sums
    }

    async fn step(self, step: &Step) -> Self {
        let mut world = self;
        match step {
            Step::Call(kind, whose) => world.call(*kind, *whose).await,
            Step::Burst(count) => world.burst(*count).await,
            Step::Hours(hours) => world.gate.turn(hours * 3600),
            Step::Budget(halves) => {
                world.budget = halves.map(|halves| halves * CALL / 2);
                let dollars = world.budget.map(|nano| NanoDollars(nano).dollars());
                world.update(json!({"max_budget": dollars})).await;
            }
            Step::Window(each) => {
                world.window = *each;
                world.update(json!({"budget_duration": each.map(Each::name)})).await;
            }
            Step::Regenerate => {
                let renewed = world
                    .gate
                    .manage("/key/regenerate", MASTER_KEY, json!({"key": world.id}))
                    .await;
                renewed.json()["key"].as_str().unwrap().clone_into(&mut world.parent);
            }
            Step::Restart => world.gate = world.gate.restarted().await,
        }
        world
    }

    async fn update(&self, mut fields: Value) {
        fields["key"] = json!(self.id);
        update(&self.gate, "/key/update", fields).await;
    }

    async fn call(&mut self, kind: Kind, whose: Whose) {
        let key = if matches!(whose, Whose::Parent) { &self.parent } else { &self.child };
        let (before, room) = (self.sums().await, self.has_room());
        let words = match kind {
            Kind::Whole => "Hello",
            Kind::Aborted => "endless",
            Kind::Broken => "cut 3",
            Kind::Refused => "quota",
        };
        let stream = matches!(kind, Kind::Aborted | Kind::Broken);
        let body = json!({"model": "priced", "max_tokens": 20, "stream": stream,
            "messages": [{"role": "user", "content": words}]});
        let url = format!("{}/v1/chat/completions", self.gate.url);
        let answer = self.gate.client.post(url).bearer_auth(key).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        if !room {
            assert_eq!(status, 422, "what is booked has reached the limit");
            return;
        }
        assert_eq!(status, if kind == Kind::Refused { 429 } else { 200 }, "there is room");
        if kind == Kind::Aborted {
            let mut events = answer.bytes_stream();
            events.next().await.unwrap().unwrap();
        } else {
            answer.bytes().await.unwrap();
        }
        if kind == Kind::Refused {
            assert_eq!(self.sums().await, before, "it has used nothing");
            return;
        }
        soon("it is booked", async || self.sums().await.0 == before.0 + 1).await;
        let cost = self.sums().await.1 - before.1;
        assert!(if kind == Kind::Whole { cost == CALL } else { cost > 0 }, "{kind:?} {cost}");
        self.booked.push((self.gate.now(), cost));
    }

    async fn burst(&mut self, count: usize) {
        let (before, room) = (self.spent(), self.has_room());
        let calls = (0..count).map(|_| say(&self.gate, &self.parent, 20, "slow"));
        let seen = futures_util::future::join_all(calls).await;
        let admitted = seen.iter().filter(|seen| seen.status == 200).count();
        assert_eq!(admitted > 0, room);
        for refused in seen.iter().filter(|seen| seen.status != 200) {
            assert!(matches!(refused.status, 422 | 429), "{refused:?}");
        }
        self.booked.extend((0..admitted).map(|_| (self.gate.now(), CALL)));
        if let Some(limit) = self.budget.filter(|_| room) {
            assert!(
                self.spent() < limit + CALL,
                "by one call at most: {before} {} {limit}",
                self.spent()
            );
        }
    }

    /// What is said of the ledger, to both keys.
    async fn agrees(&self) {
        soon("nothing runs", async || {
            let limits = info(&self.gate, &self.child).await["limits"].clone();
            limits.as_array().unwrap().iter().all(|limit| limit["running"] == 0)
        })
        .await;
        let sum: i64 = self.booked.iter().map(|(_, nano)| nano).sum();
        assert_eq!(self.sums().await.1, sum, "rows and model");
        for key in [&self.parent, &self.child] {
            let limits = info(&self.gate, key).await["limits"].clone();
            let limits = limits.as_array().unwrap();
            assert_eq!(limits.len(), usize::from(self.budget.is_some()), "{limits:?}");
            for limit in limits {
                assert_eq!(limit["ledger"], format!("key:{}", self.id));
                assert_eq!(limit["spend"], NanoDollars(self.spent()).dollars(), "{limit}");
                assert_eq!(limit["reserved"], 0.0);
            }
        }
    }
}

#[test]
fn whatever_is_done_the_ledger_says_what_the_books_say_and_lets_in_while_there_is_room() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config =
        Config { cases: 12, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let cases = Cell::new(0);
    let play = |steps: Vec<Step>| {
        cases.set(cases.get() + 1);
        let test = format!("limits_model_{}", cases.get());
        // A step that fails says so by a panic, which shrinks as well as an error.
        runtime.block_on(async {
            let mut world = World::new(&test).await;
            for step in &steps {
                world = world.step(step).await;
                world.agrees().await;
            }
        });
        Ok(())
    };
    TestRunner::new(config).run(&steps(), play).unwrap();
    assert!(cases.get() >= 12);
}
