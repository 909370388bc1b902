//! Long lives: many laps of small rings, and the ends of what the words can hold.

use super::pair::Pair;
use super::plan_of;
use crate::ring::word::{LAP_BITS, MAX_HORIZON, SEQ_END, Slot, TICK_END};
use crate::ring::{Leaked, MAX_INTERVAL, Plan, Refusal, Run};
use crate::sync::Ordering::Relaxed;

/// Takes, cancels and waits in a fixed order that has no short period.
fn live(pair: &mut Pair, steps: u64, voids: u64) {
    for step in 0..steps {
        pair.advance(step * 7 % 13);
        let weight = 1 + step % pair.plan.smallest_limit();
        let (real, ideal) = pair.reserve(weight, step * 5 % 17);
        match (real, ideal) {
            (Ok(run), Ok(grant)) => assert_eq!(run.ready, grant.ready),
            (real, ideal) => assert_eq!(real.unwrap_err(), ideal.unwrap_err()),
        }
        if step % 5 == 0 && pair.voids() + weight <= voids {
            pair.cancel(pair.runs.len() - 1);
        }
        if step % 3 == 0 {
            pair.leak();
        }
    }
}

#[test]
fn small_rings_answer_alike_for_more_laps_than_a_slot_can_count() {
    for (rates, queue, capacity) in [
        (&[(1, 10)][..], 0, 1),
        (&[(1, 10)], 1, 2),
        (&[(2, 20)], 0, 2),
        (&[(1, 8), (2, 17)], 1, 4),
    ] {
        let mut pair = Pair::new(plan_of(rates, queue, capacity), capacity);
        let laps = (1 << LAP_BITS) + 100;
        let voids = capacity - rates[rates.len() - 1].0 - queue;
        while pair.model.next < laps * capacity {
            live(&mut pair, 1000, voids);
        }
        pair.look();
        pair.judge();
    }
}

#[test]
fn a_bucket_works_up_to_its_last_seq_and_says_so_then() {
    let capacity = 8;
    let plan = plan_of(&[(2, 10), (5, 40)], 2, capacity);
    let mut pair = Pair::starting_at(plan, capacity, SEQ_END - 300, 1000);
    while pair.model.next < SEQ_END - 60 {
        live(&mut pair, 20, 1);
    }
    pair.look();
    pair.judge();
    pair.advance(1000);
    while pair.model.next < SEQ_END {
        pair.take(1, 0);
        pair.advance(1000);
    }
    all_is_exhausted(&pair);
}

#[test]
fn a_segment_works_up_to_its_last_tick_and_says_so_then() {
    let capacity = 16;
    let mut plan = plan_of(&[(2, 10), (5, MAX_INTERVAL)], 5, capacity);
    plan.horizon = MAX_HORIZON;
    let mut pair = Pair::starting_at(plan, capacity, capacity, TICK_END - 20);
    for _ in 0..5 {
        pair.take(1, u64::MAX);
        pair.look();
    }
    pair.pause(false, u64::MAX);
    assert!(matches!(pair.reserve(1, 0).0, Err(Refusal::Limited { .. })));
    pair.resume(false);
    // As far ahead as anything can be.
    let ready = pair.take(2, u64::MAX);
    assert_eq!(ready, TICK_END - 19 + MAX_INTERVAL);
    pair.look();
    pair.judge();
    pair.advance(20);
    all_is_exhausted(&pair);
    pair.now.set(u64::MAX);
    all_is_exhausted(&pair);
}

#[test]
fn a_segment_works_from_its_first_tick() {
    let capacity = 8;
    let mut pair = Pair::starting_at(plan_of(&[(1, 10), (3, 50)], 2, 8), capacity, capacity, 0);
    for ready in [0, 11, 21] {
        assert_eq!(pair.take(1, u64::MAX), ready);
        pair.look();
    }
    assert!(matches!(
        pair.reserve(1, u64::MAX).0,
        Err(Refusal::QueueFull { .. })
    ));
    pair.cancel(2);
    pair.look();
    pair.die(1, u64::MAX, 0);
    pair.look();
    pair.leak();
    pair.judge();
}

fn all_is_exhausted(pair: &Pair) {
    let (ring, plan, clock) = (pair.ring(), &pair.plan, pair.clock());
    let words = pair.words();
    for weight in 0..=plan.smallest_limit() {
        let reserved = ring.reserve(plan, &clock, weight, u64::MAX);
        assert_eq!(reserved, Err(Refusal::Exhausted));
        let turn = ring.waiting(plan, &clock, weight);
        assert_eq!(turn, Err(Refusal::Exhausted));
    }
    assert_eq!(ring.count(plan, &clock), Err(Refusal::Exhausted));
    assert_eq!(ring.queued(plan, &clock), Err(Refusal::Exhausted));
    assert_eq!(ring.peek(plan, &clock, 0), Err(Refusal::Exhausted));
    assert_eq!(ring.leak(plan, &clock), Err(Refusal::Exhausted));
    assert_eq!(pair.words(), words);
}

/// A bucket of four whose head went on by `laps` since `run` was reserved.
fn much_later(laps: u64) -> (Pair, Run) {
    let plan = || plan_of(&[(2, 10)], 2, 4);
    let mut pair = Pair::new(plan(), 4);
    pair.take(2, 0);
    let run = pair.runs[0];
    let mut later = Pair::starting_at(plan(), 4, run.head.seq() + 4 * laps, 1000);
    later.take(2, 0);
    (later, run)
}

#[test]
fn an_owner_that_oversleeps_every_lap_that_a_slot_can_tell_touches_nothing() {
    let aliases = 1 << LAP_BITS;
    for laps in [1, aliases / 2, aliases - 1, aliases, aliases + 1] {
        let (pair, run) = much_later(laps);
        let words = pair.words();
        for seq in run.seqs() {
            pair.ring().stamp(seq, 5000);
        }
        assert_eq!(pair.words(), words, "after {laps} laps");
        pair.ring().cancel(&run);
        let slots = words.len() - pair.ring().slots.len();
        assert_eq!(pair.words()[slots..], words[slots..], "after {laps} laps");
    }
}

#[test]
fn a_slot_is_of_the_lap_that_it_was_stamped_on_and_no_other() {
    let pair = Pair::new(plan_of(&[(1, 10)], 0, 4), 4);
    let ring = pair.ring();
    ring.slots[2].store(Slot::new(3, 77).0, Relaxed);
    assert!(ring.is_stamped(14));
    assert!(!ring.is_stamped(10) && !ring.is_stamped(18));
    assert!(!ring.is_recycled(0));
    ring.head.store(5, Relaxed);
    assert!(ring.is_recycled(0) && !ring.is_recycled(1));
}

#[test]
fn what_a_ring_forgot_is_leaked_once_a_younger_stamp_is_over() {
    let plan: Plan = plan_of(&[(1, 100)], 1, 2);
    let mut pair = Pair::new(plan, 2);
    for _ in 0..3 {
        pair.take(1, 0);
        pair.advance(101);
    }
    // The first of three is out of the ring; all have left the window.
    let leaked = pair.ring().leak(&pair.plan, &pair.clock());
    assert_eq!(
        leaked,
        Ok(Leaked {
            permits: 3,
            repairs: 0
        })
    );
}
