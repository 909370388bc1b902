//! Whoever comes with old rates, or for another bucket, is told so by every call, and
//! changes nothing.

use super::pair::Pair;
use super::plan_of;
use crate::ring::word::{Head, Version};
use crate::ring::{Plan, Refusal, Ring};
use crate::sync::Ordering::Relaxed;

/// What every call answers.
fn answers(ring: Ring<'_>, plan: &Plan) -> Vec<Option<Refusal>> {
    let clock = || 1000;
    vec![
        ring.reserve(plan, &clock, 1, 0).err(),
        ring.waiting(plan, &clock, 1).err(),
        ring.count(plan, &clock).err(),
        ring.tallies(plan, &clock).err(),
        ring.queued(plan, &clock).err(),
        ring.peek(plan, &clock, 0).err(),
        ring.leak(plan, &clock).err(),
        ring.flush(plan).err(),
        ring.check(plan).err(),
    ]
}

#[test]
fn every_call_notices_that_the_rates_have_changed_or_the_segment_was_removed() {
    let pair = Pair::new(plan_of(&[(2, 100)], 2, 4), 4);
    let (ring, words) = (pair.ring(), pair.words());
    for version in [1, 2, Version::REMOVED] {
        ring.gate.version.store(version, Relaxed);
        let answers = answers(ring, &pair.plan);
        assert!(answers.iter().all(|a| *a == Some(Refusal::Stale)));
        assert_eq!(pair.words(), words);
    }
    ring.gate.version.store(0, Relaxed);
    assert!(answers(ring, &pair.plan).iter().all(Option::is_none));
}

#[test]
fn every_call_notices_that_the_bucket_is_closed_or_another() {
    let pair = Pair::new(plan_of(&[(2, 100)], 2, 4), 4);
    let mut ring = pair.ring();
    for generation in [1, 2, 4095] {
        ring.head.store(Head::new(generation, 4).0, Relaxed);
        let words = pair.words();
        let answers = answers(ring, &pair.plan);
        assert!(answers.iter().all(|a| *a == Some(Refusal::Closed)));
        assert_eq!(pair.words(), words);
    }
    // Nor is one answered who knows it by the generation of a closed one.
    ring.generation = 4095;
    let words = pair.words();
    let closed = answers(ring, &pair.plan);
    assert!(closed.iter().all(|a| *a == Some(Refusal::Closed)));
    assert_eq!(pair.words(), words);
    ring.generation = 4094;
    ring.head.store(Head::new(4094, 4).0, Relaxed);
    assert!(answers(ring, &pair.plan).iter().all(Option::is_none));
    assert_eq!(Head(ring.head.load(Relaxed)).generation(), 4094);
}

#[test]
fn a_pause_holds_for_the_generation_that_it_was_set_for() {
    let pair = Pair::new(plan_of(&[(2, 100)], 2, 4), 4);
    let mut ring = pair.ring();
    ring.read.paused_until.store(1500, Relaxed);
    assert!(ring.paused_until() > 1499 && ring.paused_until() <= 1500);
    // All buckets until the same tick.
    ring.gate.all_paused_until.store(1500, Relaxed);
    assert!(ring.paused_until() > 1499 && ring.paused_until() <= 1500);
    ring.gate.all_paused_until.store(0, Relaxed);
    ring.generation = 2;
    assert!(ring.paused_until() <= 1499);
    // That of all buckets is of no generation.
    ring.gate.all_paused_until.store(1200, Relaxed);
    assert!(ring.paused_until() > 1199 && ring.paused_until() <= 1200);
}
