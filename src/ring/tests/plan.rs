//! Which plans a ring takes: none whose numbers could overflow, or that its slots are
//! too few for.

use crate::ring::word::{MAX_HORIZON, Version};
use crate::ring::{MAX_CAPACITY, MAX_INTERVAL, MAX_LIMIT, MAX_RATES, Plan, Window};
use std::time::Duration;

const MANY_SLOTS: u64 = 1 << 40;

fn windows(rates: &[(u64, u64)]) -> Vec<Window> {
    let window = |&(limit, interval): &(u64, u64)| Window { limit, interval };
    rates.iter().map(window).collect()
}

fn plan(rates: &[(u64, u64)], queue: u64, horizon: u64, capacity: u64) -> Option<Plan> {
    Plan::new(Version(7), &windows(rates), queue, horizon, capacity)
}

fn is_plan(rates: &[(u64, u64)]) -> bool {
    plan(rates, 0, 1, MANY_SLOTS).is_some()
}

#[test]
fn a_plan_keeps_what_it_is_given() {
    let rates = [(1, 2), (3, 40)];
    let plan = plan(&rates, 5, 6, 8).unwrap();
    assert_eq!(plan.windows(), windows(&rates));
    assert_eq!((plan.version, plan.queue, plan.horizon), (Version(7), 5, 6));
    assert_eq!((plan.smallest_limit(), plan.widest_interval()), (1, 40));
}

#[test]
fn rates_are_few_sane_and_rising() {
    let interval = Duration::from_secs(1826 * 24 * 3600).as_micros();
    assert_eq!(u128::from(MAX_INTERVAL), interval);
    assert!(is_plan(&[(1, 1)]) && is_plan(&[(MAX_LIMIT, MAX_INTERVAL)]));
    assert!(!is_plan(&[]));
    for (limit, interval) in [(0, 1), (1, 0), (MAX_LIMIT + 1, 1), (1, MAX_INTERVAL + 1)] {
        assert!(!is_plan(&[(limit, interval)]));
    }
    assert!(is_plan(&[(1, 1), (2, 2), (3, 3)]));
    for last in [(1, 2), (2, 1), (2, 3), (3, 2)] {
        assert!(!is_plan(&[(1, 1), (2, 2), last]));
    }
    let many: Vec<_> = (1..=MAX_RATES as u64).map(|n| (n, n)).collect();
    assert!(is_plan(&many));
    assert!(!is_plan(&[many, vec![(99, 99)]].concat()));
}

#[test]
fn the_largest_limit_and_the_queue_fit_the_slots() {
    let fits = |limit, queue, capacity| plan(&[(limit, 1)], queue, 1, capacity).is_some();
    assert!(fits(5, 3, 8) && !fits(5, 4, 8) && !fits(9, 0, 8));
    assert!(fits(1, 0, 1) && !fits(1, 0, 0) && !fits(1, 0, 12));
    assert!(!fits(1, u64::MAX, 8));
    // The largest limit, and a queue as long as it, in the largest ring.
    assert!(fits(MAX_LIMIT, MAX_LIMIT, MAX_CAPACITY));
}

#[test]
fn the_horizon_is_ahead_and_not_too_far() {
    let is_horizon = |horizon| plan(&[(1, 1)], 0, horizon, 1).is_some();
    assert!(is_horizon(1) && is_horizon(MAX_HORIZON));
    assert!(!is_horizon(0) && !is_horizon(MAX_HORIZON + 1));
}

#[test]
fn the_usual_horizon_holds_a_full_queue_and_a_day() {
    const DAY: u64 = 86_400_000_000;
    let horizon = |rates: &[(u64, u64)], queue| Plan::horizon_for(&windows(rates), queue);
    assert_eq!(horizon(&[(4, 10)], 0), DAY + 20);
    assert_eq!(horizon(&[(4, 10)], 9), DAY + 50);
    assert_eq!(horizon(&[(1, 7), (4, 10)], 2), DAY + 28 + 30);
    assert_eq!(horizon(&[(0, 10)], 3), DAY + 50);
    assert_eq!(horizon(&[(1, MAX_INTERVAL)], u64::MAX), MAX_HORIZON);
}
