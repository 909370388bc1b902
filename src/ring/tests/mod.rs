//! The ring against what it should be.

mod against_model;
mod damage;
mod dice;
mod gate;
mod glance;
mod history;
mod interleaved;
mod laps;
pub mod model;
mod nested;
mod overtaken;
mod owners_that_die;
mod pair;
mod pause;
mod plan;
pub mod plans;
mod queue;
mod recover;
mod stage;
mod threads;
mod tight;

use super::*;
use std::cell::Cell;

fn plan_of(rates: &[(u64, u64)], queue: u64, capacity: u64) -> Plan {
    let windows: Vec<_> = rates
        .iter()
        .map(|&(limit, interval)| Window { limit, interval })
        .collect();
    let horizon = Plan::horizon_for(&windows, queue);
    Plan::new(word::Version(0), &windows, queue, horizon, capacity).expect("a sane plan")
}

#[test]
fn a_full_window_refuses_until_its_oldest_permit_has_left() {
    let now = Cell::new(100);
    let heap = Heap::new(8).unwrap();
    let (ring, plan, clock) = (heap.ring(), plan_of(&[(5, 1000)], 3, 8), || now.get());
    for _ in 0..5 {
        assert!(!ring.reserve(&plan, &clock, 1, 0).unwrap().waits());
        now.set(now.get() + 10);
    }
    assert_eq!(
        ring.reserve(&plan, &clock, 1, 0),
        Err(Refusal::Limited {
            now: 150,
            ready: 1101,
            window: 0
        })
    );
    now.set(1101);
    assert_eq!(ring.reserve(&plan, &clock, 1, 0).unwrap().ready, 1101);
    assert!(ring.reserve(&plan, &clock, 1, 0).is_err());
}
