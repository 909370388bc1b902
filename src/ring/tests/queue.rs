//! The queue's own refusal: who must wait, while too many wait already.

use super::pair::Pair;
use super::plan_of;
use crate::ring::Refusal;

fn pair(rates: &[(u64, u64)], queue: u64, capacity: u64) -> Pair {
    Pair::new(plan_of(rates, queue, capacity), capacity)
}

#[test]
fn a_full_queue_names_the_first_tick_at_which_it_has_room() {
    let mut pair = pair(&[(1, 100)], 2, 4);
    for _ in 0..3 {
        pair.take(1, u64::MAX);
    }
    let full = Refusal::QueueFull {
        now: 1000,
        ready: 1100,
    };
    assert_eq!(pair.reserve(1, u64::MAX).0, Err(full));
    pair.advance(99);
    assert_eq!(
        pair.reserve(1, u64::MAX).0,
        Err(Refusal::QueueFull {
            now: 1099,
            ready: 1100,
        })
    );
    pair.advance(1);
    assert_eq!(pair.take(1, u64::MAX), 1301);
}

#[test]
fn who_would_outweigh_the_queue_is_told_when_it_need_not_wait() {
    let mut pair = pair(&[(4, 100)], 1, 8);
    pair.take(3, 0);
    let full = Refusal::QueueFull {
        now: 1000,
        ready: 1101,
    };
    assert_eq!(pair.reserve(2, u64::MAX).0, Err(full));
    pair.take(1, 0);
    pair.advance(101);
    pair.take(2, 0);
}

#[test]
fn those_who_left_the_queue_make_room_at_once() {
    let mut pair = pair(&[(1, 100)], 2, 8);
    for _ in 0..3 {
        pair.take(1, u64::MAX);
    }
    assert!(pair.reserve(1, u64::MAX).0.is_err());
    pair.cancel(1);
    pair.take(1, u64::MAX);
    assert!(pair.reserve(1, u64::MAX).0.is_err());
}

#[test]
fn voids_never_push_out_a_permit_that_is_waited_for() {
    // One permit that waits for long, and the one that it waits for, then cancels
    // until the ring of four is full.
    let mut pair = pair(&[(1, 100)], 3, 4);
    pair.take(1, 0);
    pair.take(1, u64::MAX);
    for _ in 0..3 {
        pair.take(1, u64::MAX);
        pair.cancel(2);
    }
    // The next one would take the slot of the permit that is due at 1101.
    let full = Refusal::QueueFull {
        now: 1000,
        ready: 1100,
    };
    assert_eq!(pair.reserve(1, u64::MAX).0, Err(full));
    pair.advance(100);
    pair.take(1, u64::MAX);
}
