//! A stage for callers that are stopped, or killed, before any of their accesses to shared
//! words, while others go on: production code in random orders, which a seed repeats.
//!
//! Each caller is a thread, and only one of them runs at a time: it holds the baton,
//! and before every access it may pass it on, sleep for a while, or die.

use super::dice::Dice;
use crate::sync::BEFORE_ACCESS;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Time goes in quarters of a tick, for clocks round down.
pub const QUARTERS: u64 = 4;
/// More steps than any play takes that does not go round in circles.
const MANY: u64 = 50_000;

/// Where callers meet.
pub struct Stage {
    scene: Mutex<Scene>,
    passed: Condvar,
}

/// Who runs, and what time it is.
struct Scene {
    dice: Dice,
    quarters: u64,
    steps: u64,
    turn: usize,
    /// Until which step each caller sleeps; `None` once it is gone.
    asleep: Vec<Option<u64>>,
}

impl Scene {
    /// Time goes by, and somebody who is awake gets the baton; if nobody is, whoever
    /// wakes first.
    fn go_on(&mut self) {
        self.steps += 1;
        self.quarters += self.dice.roll(2) * self.dice.roll(4);
        if self.dice.one_in(50) {
            self.quarters += self.dice.roll(60);
        }
        let there: Vec<_> = (0..self.asleep.len())
            .filter_map(|n| Some((self.asleep[n]?, n)))
            .collect();
        let awake = there.iter().filter(|(until, _)| *until <= self.steps);
        let chosen = match awake.clone().count() {
            0 => there.iter().min(),
            awakes => awake.clone().nth(self.dice.roll(awakes as u64) as usize),
        };
        if let Some(&(_, n)) = chosen {
            self.turn = n;
        }
    }
}

/// What unwinds a caller that is killed.
struct Killed;

impl Stage {
    /// For so many callers, all of whom must come.
    pub fn new(callers: usize, dice: Dice) -> Arc<Self> {
        Arc::new(Self {
            scene: Mutex::new(Scene {
                dice,
                quarters: 1000 * QUARTERS,
                steps: 0,
                turn: 0,
                asleep: vec![Some(0); callers],
            }),
            passed: Condvar::new(),
        })
    }

    /// The time.
    pub fn quarters(&self) -> u64 {
        self.scene().quarters
    }

    /// Plays one part on this thread, until its end or its death.
    pub fn perform(self: &Arc<Self>, n: usize, part: impl FnOnce()) {
        self.await_turn(self.scene(), n);
        PART.set(Some((self.clone(), n)));
        BEFORE_ACCESS.set(step);
        let end = panic::catch_unwind(AssertUnwindSafe(part));
        BEFORE_ACCESS.set(|| {});
        let mut scene = self.scene();
        scene.asleep[n] = None;
        scene.go_on();
        drop(scene);
        self.passed.notify_all();
        match end {
            Err(payload) if !payload.is::<Killed>() => panic::resume_unwind(payload),
            _ => {}
        }
    }

    /// Before an access of caller `n`.
    fn step(&self, n: usize) {
        let mut scene = self.scene();
        let fate = scene.dice.roll(1000);
        if fate == 0 || scene.steps > MANY {
            drop(scene);
            assert!(fate == 0, "they go round in circles");
            panic::resume_unwind(Box::new(Killed));
        }
        if fate <= 30 {
            scene.asleep[n] = Some(scene.steps + 5 + scene.dice.roll(115));
        }
        scene.go_on();
        self.passed.notify_all();
        self.await_turn(scene, n);
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().expect("no panic under the lock")
    }

    fn await_turn(&self, scene: MutexGuard<'_, Scene>, n: usize) {
        drop(self.passed.wait_while(scene, |scene| scene.turn != n));
    }
}

thread_local! {
    /// Where this thread plays, and as whom.
    static PART: RefCell<Option<(Arc<Stage>, usize)>> = const { RefCell::new(None) };
}

/// May stop or kill this thread's caller.
pub fn step() {
    if let Some((stage, n)) = PART.with_borrow(Clone::clone) {
        stage.step(n);
    }
}

/// Without being stopped.
pub fn quietly<T>(access: impl FnOnce() -> T) -> T {
    let hook = BEFORE_ACCESS.replace(|| {});
    let result = access();
    BEFORE_ACCESS.set(hook);
    result
}
