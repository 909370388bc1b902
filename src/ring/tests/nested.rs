//! Callers that come in between. The clock is read in the middle of most calls, so a
//! clock that makes calls of its own puts them there, and others into those: whatever
//! a caller may miss while it is stopped at that point, it misses here, in an order that
//! can be repeated.
//!
//! All that is granted must be right; and whatever is not granted at once must have
//! been right at some moment during the call.

use super::history::History;
use super::model::{Model, Permit};
use super::plan_of;
use crate::ring::word::{Head, Pause};
use crate::ring::{Clock, Heap, Plan, Refusal, Ring, Run};
use crate::sync::Ordering::Relaxed;
use proptest::prelude::*;
use std::cell::{Cell, RefCell};

/// How deep calls are put into calls.
const DEPTH: usize = 3;

/// One bucket, its history, and the numbers that decide what comes next.
struct World {
    heap: Heap,
    plan: Plan,
    tick: Cell<u64>,
    depth: Cell<usize>,
    reads: Cell<usize>,
    numbers: RefCell<std::vec::IntoIter<u8>>,
    /// The bucket after every change, as the words say.
    states: RefCell<Vec<State>>,
    runs: RefCell<Vec<Run>>,
    history: RefCell<History>,
}

impl Clock for World {
    fn now(&self) -> u64 {
        self.reads.set(self.reads.get() + 1);
        // The caller is stopped before it reads the time, after it, or not at all.
        match self.number(4) {
            0 => {
                self.come_in_between();
                self.tick.get()
            }
            1 => {
                let now = self.tick.get();
                self.come_in_between();
                now
            }
            _ => self.tick.get(),
        }
    }
}

/// What the words say at one moment.
#[derive(PartialEq)]
struct State {
    /// All that is stamped and still in the ring.
    model: Model,
    tail: u64,
}

/// Anything but "at once".
#[derive(Debug)]
struct Answer {
    weight: u64,
    ready: u64,
    queue_is_full: bool,
    /// The seq that it got, if it was granted.
    before: u64,
}

impl Answer {
    /// Whether it is what the model answers to the bucket at one of these moments. The
    /// words are not read at once: so the voids, the tail and the pause of different
    /// moments may go together. Stamps do not change, so the last moment's will do.
    fn was_right(&self, states: &[State], now: u64) -> bool {
        let right = |voids: &State, tail: &State, pause: &State| {
            let mut model = states[states.len() - 1].model.clone();
            let counted = tail.tail..self.before;
            model.permits.retain(|p| counted.contains(&p.seq));
            for permit in &mut model.permits {
                permit.void = voids
                    .model
                    .permits
                    .iter()
                    .any(|p| p.seq == permit.seq && p.void);
            }
            model.paused_until = pause.model.paused_until;
            let turn = model.turn(now, self.weight).ready;
            match self.queue_is_full {
                false => turn == self.ready,
                true => model.queue_has_room(now, self.weight, turn) == Err(self.ready),
            }
        };
        states.iter().any(|voids| {
            let mut tails = states.iter();
            tails.any(|tail| states.iter().any(|pause| right(voids, tail, pause)))
        })
    }
}

impl World {
    fn new(plan: Plan, capacity: u64, numbers: Vec<u8>) -> Self {
        let heap = Heap::new(capacity).unwrap();
        let start = State {
            model: Model::new(&plan, capacity),
            tail: capacity,
        };
        Self {
            heap,
            plan,
            tick: Cell::new(1000),
            depth: Cell::new(0),
            reads: Cell::new(0),
            numbers: RefCell::new(numbers.into_iter()),
            states: RefCell::new(vec![start]),
            runs: RefCell::default(),
            history: RefCell::default(),
        }
    }

    fn ring(&self) -> Ring<'_> {
        self.heap.ring()
    }

    /// The next number below `sides`, 0 once all have been used up.
    fn number(&self, sides: u64) -> u64 {
        let next = self.numbers.borrow_mut().next();
        u64::from(next.unwrap_or(255)) % sides
    }

    fn has_numbers(&self) -> bool {
        self.numbers.borrow().len() > 0
    }

    fn come_in_between(&self) {
        if self.depth.get() == DEPTH || !self.has_numbers() {
            return;
        }
        self.depth.set(self.depth.get() + 1);
        for _ in 0..=self.number(3) {
            self.act();
        }
        self.depth.set(self.depth.get() - 1);
    }

    fn act(&self) {
        match self.number(16) {
            0..=6 => self.reserve(),
            7..=9 => self.cancel(),
            10 => _ = self.ring().leak(&self.plan, self).expect("in force"),
            11 => {
                self.ring().flush(&self.plan).expect("in force");
                let tail = self.ring().read.tail.load(Relaxed);
                self.history.borrow_mut().flush(tail);
            }
            12 => {
                let until = (self.tick.get() + self.number(40)) * self.number(2);
                self.ring().read.paused_until.store(until, Relaxed);
            }
            13 => self.die(),
            _ => self.tick.set(self.tick.get() + self.number(30)),
        }
        self.record();
    }

    fn reserve(&self) {
        let weight = 1 + self.number(self.plan.smallest_limit());
        let max_wait = [0, 0, 20, u64::MAX][self.number(4) as usize];
        let since = self.states.borrow().len() - 1;
        let start = self.tick.get();
        let mut answer = Answer {
            weight,
            ready: start,
            queue_is_full: false,
            before: u64::MAX,
        };
        let clocks = match self.ring().reserve(&self.plan, self, weight, max_wait) {
            Ok(run) => {
                answer.before = run.head.seq();
                answer.ready = run.ready;
                self.history
                    .borrow_mut()
                    .grant(answer.before, weight, run.ready);
                self.runs.borrow_mut().push(run);
                if !run.waits() {
                    return;
                }
                start..=self.tick.get()
            }
            Err(Refusal::Limited { now, ready, .. }) => {
                answer.ready = ready;
                now..=now
            }
            Err(Refusal::QueueFull { now, ready }) => {
                answer.ready = ready;
                answer.queue_is_full = true;
                now..=now
            }
            Err(other) => panic!("{other:?}"),
        };
        assert!(start <= *clocks.start() && *clocks.end() <= self.tick.get());
        self.record();
        let states = &self.states.borrow()[since..];
        let right = clocks.into_iter().any(|now| answer.was_right(states, now));
        assert!(right, "{answer:?} was never right");
    }

    fn cancel(&self) {
        let voids = || {
            let states = self.states.borrow();
            let oldest = states[states.len() - 1].model.next - self.ring().capacity();
            let slots = (oldest..oldest + self.ring().capacity()).map(|seq| self.ring().slot(seq));
            slots.filter(|slot| slot.is_void()).count() as u64
        };
        let windows = self.plan.windows();
        let room = self.ring().capacity() - windows[windows.len() - 1].limit - self.plan.queue;
        if self.runs.borrow().is_empty() || voids() + self.plan.smallest_limit() > room {
            return;
        }
        let nth = self.number(256) as usize % self.runs.borrow().len();
        let run = self.runs.borrow_mut().swap_remove(nth);
        self.history.borrow_mut().cancel(run.head.seq());
        self.ring().cancel(&run);
    }

    /// Reserves at once or not at all, and stamps nothing or a part of it.
    fn die(&self) {
        let ring = self.ring();
        let weight = 1 + self.number(self.plan.smallest_limit());
        if ring.waiting(&self.plan, self, weight).is_err() {
            return;
        }
        // Nobody comes in between from here on.
        let clock = || self.tick.get();
        let Ok(view) = ring.view(&self.plan, &clock) else {
            return;
        };
        let Some(last) = ring.newest(view) else {
            return;
        };
        let Ok(outlook) = ring.look(&self.plan, view, view.next(), last, weight) else {
            return;
        };
        if outlook.turn(view.now) <= view.now {
            ring.head.store(view.head.after(weight).0, Relaxed);
            for seq in view.next()..view.next() + self.number(weight) {
                ring.stamp(seq, outlook.last.max(view.now + 1));
            }
        }
    }

    /// Reads the bucket from its words.
    fn record(&self) {
        let ring = self.ring();
        let next = Head(ring.head.load(Relaxed)).seq();
        let tail = ring.read.tail.load(Relaxed);
        let mut model = Model::new(&self.plan, next);
        model.paused_until = Pause(ring.read.paused_until.load(Relaxed)).until(0);
        let remembered = next - ring.capacity()..next;
        let stamped = remembered.filter(|&seq| ring.is_stamped(seq));
        model.permits = stamped
            .map(|seq| Permit {
                seq,
                stamp: ring.slot(seq).ticks(),
                void: ring.slot(seq).is_void(),
            })
            .collect();
        let state = State { model, tail };
        let mut states = self.states.borrow_mut();
        if states.last() != Some(&state) {
            states.push(state);
        }
    }
}

proptest! {
    #[test]
    fn whoever_comes_in_between_every_answer_is_right_for_some_moment_of_the_call(
        rates in prop::sample::select(vec![
            vec![(1, 12)],
            vec![(2, 10)],
            vec![(2, 6), (4, 20)],
            vec![(3, 5), (4, 30), (6, 50)],
        ]),
        queue in 0..5u64,
        numbers in prop::collection::vec(any::<u8>(), 0..250),
    ) {
        let plan = plan_of(&rates, queue, 32);
        let most = numbers.len() * 8 + 100;
        let world = World::new(plan, 32, numbers);
        while world.has_numbers() {
            world.act();
        }
        prop_assert!(world.reads.get() <= most, "{} reads", world.reads.get());
        let history = world.history.borrow();
        prop_assert_eq!(history.overfull(world.plan.windows()), None);
    }
}
