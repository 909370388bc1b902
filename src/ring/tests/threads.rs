//! Real threads on a real clock, judged from what each of them saw.

use super::dice::Dice;
use super::history::History;
use super::plan_of;
use crate::ring::{Clock, Heap, Plan, Ring};
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_millis(1500);

/// Microseconds since the test began, and one more, for tick 0 is no time.
#[derive(Clone, Copy)]
struct Monotonic(Instant);

impl Clock for Monotonic {
    fn now(&self) -> u64 {
        1 + self.0.elapsed().as_micros() as u64
    }
}

/// Takes, waits, returns some of it, and now and then dies between its swap of head
/// and its first stamp.
fn caller(ring: Ring<'_>, plan: &Plan, clock: Monotonic, mut dice: Dice) -> History {
    let mut seen = History::default();
    while clock.0.elapsed() < SPAN {
        let weight = 1 + dice.roll(3);
        let max_wait = [0, 0, 2_000, 20_000][dice.roll(4) as usize];
        if dice.one_in(500) {
            die(ring, plan, clock, weight);
            continue;
        }
        match ring.reserve(plan, &clock, weight, max_wait) {
            Ok(run) if dice.one_in(4) => ring.cancel(&run),
            Ok(run) => {
                seen.grant(run.head.seq(), weight, run.ready);
                if run.waits() && dice.one_in(2) {
                    thread::sleep(Duration::from_micros(run.ready.saturating_sub(clock.now())));
                }
            }
            Err(_) if dice.one_in(50) => thread::sleep(Duration::from_micros(300)),
            Err(_) => {}
        }
    }
    seen
}

/// Reserves at once or not at all, and does not live to stamp it.
fn die(ring: Ring<'_>, plan: &Plan, clock: Monotonic, weight: u64) {
    let Ok(view) = ring.view(plan, &clock) else {
        return;
    };
    if let Some(last) = ring.newest(view)
        && let Ok(outlook) = ring.look(plan, view, view.next(), last, weight)
        && outlook.turn(view.now) <= view.now
    {
        let after = view.head.after(weight).0;
        let _ = ring
            .head
            .compare_exchange(view.head.0, after, AcqRel, Relaxed);
    }
}

/// Leaks all the time, and flushes now and then.
fn janitor(ring: Ring<'_>, plan: &Plan, clock: Monotonic) -> History {
    let mut seen = History::default();
    for round in 1.. {
        if clock.0.elapsed() >= SPAN {
            break;
        }
        ring.leak(plan, &clock).expect("the plan has not changed");
        if round % 64 == 0 {
            ring.flush(plan).expect("the plan has not changed");
            // Nobody else moves the tail.
            seen.flush(ring.read.tail.load(Acquire));
        }
        thread::sleep(Duration::from_micros(200));
    }
    seen
}

#[test]
fn threads_that_take_wait_cancel_and_die_beside_a_janitor_are_never_over() {
    let plan = plan_of(&[(5, 1_000), (12, 4_000), (30, 12_000)], 24, 256);
    let heap = Heap::new(256).unwrap();
    let clock = Monotonic(Instant::now());
    let seen = thread::scope(|scope| {
        let ring = heap.ring();
        let plan = &plan;
        let janitor = scope.spawn(move || janitor(ring, plan, clock));
        let callers: Vec<_> = (1..=4)
            .map(|n| scope.spawn(move || caller(ring, plan, clock, Dice::new(n))))
            .collect();
        let mut seen = janitor.join().expect("no panic");
        for caller in callers {
            let history = caller.join().expect("no panic");
            assert!(history.len() > 0, "every thread gets something");
            seen.extend(history);
        }
        seen
    });
    assert_eq!(seen.overfull(plan.windows()), None);
}
