//! Callers in random orders, stopped or killed at any access to a shared word: never too
//! many granted, and nobody is ever stuck.

use super::dice::Dice;
use super::history::History;
use super::plan_of;
use super::stage::{QUARTERS, Stage, quietly, step};
use crate::ring::word::Version;
use crate::ring::{Clock, Heap, Plan, Refusal, Ring, Run, Window};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use proptest::prelude::*;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

const CALLERS: usize = 4;
/// How often they play for each case of a property.
const PLAYS: u64 = 3;

/// All that has happened, in quarters.
#[derive(Default)]
struct Seen {
    /// What was granted under each version of the rates.
    reigns: Vec<Reign>,
    flushes: History,
}

#[derive(Default)]
struct Reign {
    granted: History,
    /// What takes effect later is bound by other rates.
    end: Option<u64>,
}

/// What callers do beside taking: so many deeds out of twelve.
#[derive(Clone, Copy)]
struct Habits {
    leaks: u64,
    flushes: u64,
    pauses: u64,
    changes: u64,
}

/// A caller's clock, and what it has told so far, in quarters.
struct Watch {
    stage: Arc<Stage>,
    reads: RefCell<Vec<u64>>,
}

impl Clock for Watch {
    fn now(&self) -> u64 {
        step();
        let quarters = self.stage.quarters();
        self.reads.borrow_mut().push(quarters);
        quarters / QUARTERS
    }
}

impl Watch {
    /// When exactly the owner goes: it need not wait for the next tick, if it was granted
    /// within this one.
    fn instant(&self, run: &Run) -> u64 {
        let reads = self.reads.borrow();
        let read = reads.iter().rfind(|&read| read / QUARTERS == run.ready);
        match read {
            Some(&read) if !run.waits() => read,
            _ => run.ready * QUARTERS,
        }
    }
}

struct Caller<'a> {
    stage: Arc<Stage>,
    ring: Ring<'a>,
    /// The rates of even versions, and of odd ones.
    plans: &'a [Plan; 2],
    plan: Plan,
    dice: Dice,
    habits: Habits,
    seen: &'a Mutex<Seen>,
}

impl Caller<'_> {
    fn live(&mut self) {
        let habits = self.habits;
        for _ in 0..4 {
            let mut deed = self.dice.roll(12);
            let mut is = |share: u64| {
                let done = deed < share;
                deed = deed.wrapping_sub(share);
                done
            };
            if is(habits.leaks) {
                let leaked = self.ring.leak(&self.plan, &self.watch());
                self.heed(leaked);
            } else if is(habits.flushes) {
                let flushed = self.ring.flush(&self.plan);
                let head = quietly(|| self.ring.read.tail.load(Relaxed));
                if self.heed(flushed).is_some() {
                    self.seen().flushes.flush(head);
                }
            } else if is(habits.pauses) {
                let now = self.stage.quarters() / QUARTERS;
                let until = (now + self.dice.roll(20)) * self.dice.roll(2);
                self.ring.read.paused_until.store(until, Release);
            } else if is(habits.changes) {
                quietly(|| self.change());
            } else {
                self.take();
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no panic under the lock")
    }

    fn watch(&self) -> Watch {
        Watch {
            stage: self.stage.clone(),
            reads: RefCell::default(),
        }
    }

    /// Goes by the new rates from now on, if the answer says that there are any.
    fn heed<T>(&mut self, answer: Result<T, Refusal>) -> Option<T> {
        if let Err(Refusal::Stale) = answer {
            let version = Version(self.ring.gate.version.load(Acquire));
            self.plan = self.plans[version.area()].clone();
            self.plan.version = version;
        }
        answer.ok()
    }

    /// Changes the rates.
    fn change(&self) {
        let version = self.ring.gate.version.load(Relaxed);
        let now = self.stage.quarters();
        let mut seen = self.seen();
        seen.reigns[version as usize].end = Some(now);
        seen.reigns.push(Reign::default());
        self.ring.gate.version.store(version + 1, Release);
    }

    /// Takes, and returns some of it.
    fn take(&mut self) {
        let weight = 1 + self.dice.roll(self.plan.smallest_limit());
        let max_wait = [0, 0, 12, 30][self.dice.roll(4) as usize];
        let watch = self.watch();
        let in_force = quietly(|| self.ring.gate.version.load(Acquire));
        let run = self.ring.reserve(&self.plan, &watch, weight, max_wait);
        if self.plan.version.0 != in_force {
            assert_eq!(run, Err(Refusal::Stale));
        }
        let Some(run) = self.heed(run) else { return };
        let seq = run.head.seq();
        if self.dice.one_in(3) {
            return self.ring.cancel(&run);
        }
        let instant = watch.instant(&run);
        let version = in_force as usize;
        self.seen().reigns[version]
            .granted
            .grant(seq, weight, instant);
        if self.dice.one_in(3) {
            self.seen().reigns[version].granted.cancel(seq);
            self.ring.cancel(&run);
        }
    }
}

/// Plays one random order; then one more comes when all is over, to whom the bucket
/// must be open.
fn play(plans: &[Plan; 2], capacity: u64, seed: u64) {
    let heap = Heap::new(capacity).unwrap();
    let ring = heap.ring();
    let mut dice = Dice::new(seed);
    let stage = Stage::new(CALLERS, dice.fork());
    let habits = Habits {
        leaks: [0, 1, 6][dice.roll(3) as usize],
        flushes: [0, 0, 2][dice.roll(3) as usize],
        pauses: [0, 0, 3][dice.roll(3) as usize],
        changes: [0, 0, 1][dice.roll(3) as usize],
    };
    let seen = Mutex::new(Seen::default());
    seen.lock().unwrap().reigns.push(Reign::default());
    thread::scope(|scope| {
        for n in 0..CALLERS {
            let mut caller = Caller {
                stage: stage.clone(),
                ring,
                plans,
                plan: plans[0].clone(),
                dice: dice.fork(),
                habits,
                seen: &seen,
            };
            let stage = stage.clone();
            scope.spawn(move || stage.perform(n, || caller.live()));
        }
    });
    let seen = seen.into_inner().unwrap();
    for (reign, plan) in seen.reigns.into_iter().zip(plans.iter().cycle()) {
        let mut granted = reign.granted;
        granted.forget_from(reign.end.unwrap_or(u64::MAX));
        granted.extend(seen.flushes.clone());
        let windows: Vec<_> = plan.windows().iter().map(in_quarters).collect();
        assert_eq!(granted.overfull(&windows), None, "seed {seed}");
    }
    // Whoever looks finishes what is unfinished; one interval later all is over.
    let version = Version(ring.gate.version.load(Relaxed));
    let mut plan = plans[version.area()].clone();
    plan.version = version;
    ring.read.paused_until.store(0, Relaxed);
    let end = stage.quarters() / QUARTERS;
    let counted = ring.count(&plan, &|| end);
    assert!(counted.is_ok(), "seed {seed}: {counted:?}");
    let later = end + 200;
    let run = ring.reserve(&plan, &|| later, plan.smallest_limit(), 0);
    assert!(run.is_ok(), "seed {seed}: {run:?}");
}

fn in_quarters(window: &Window) -> Window {
    Window {
        limit: window.limit,
        interval: window.interval * QUARTERS,
    }
}

proptest! {
    #[test]
    fn callers_that_are_stopped_or_killed_anywhere_leave_a_bucket_that_is_never_over_nor_stuck(
        seed in any::<u64>().no_shrink(),
    ) {
        let plans = [
            plan_of(&[(2, 6), (4, 20)], 4, 8),
            plan_of(&[(1, 5), (3, 25)], 4, 8),
        ];
        for seed in (0..PLAYS).map(|n| seed.wrapping_add(n)) {
            play(&plans, 8, seed);
        }
    }

    #[test]
    fn the_same_holds_in_a_ring_that_remembers_no_more_than_its_limit(
        seed in any::<u64>().no_shrink(),
    ) {
        let plans = [
            plan_of(&[(2, 6), (4, 20)], 0, 4),
            plan_of(&[(1, 5), (4, 15)], 0, 4),
        ];
        for seed in (0..PLAYS).map(|n| seed.wrapping_add(n)) {
            play(&plans, 4, seed);
        }
    }
}
