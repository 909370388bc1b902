//! Words that nobody can have written in good faith. Answers may be wrong then; but
//! nothing panics, nothing hangs, and stamps that are too far ahead do not last.

use super::plan_of;
use crate::ring::word::{Head, MAX_HORIZON, SEQ_END, Slot, TICK_END};
use crate::ring::{Heap, Leaked, MAX_INTERVAL, Plan, Refusal, Ring, Run};
use crate::sync::Ordering::Relaxed;
use proptest::prelude::*;
use std::cell::Cell;

/// Any word, and more often one that passes for a good one.
fn garbage() -> impl Strategy<Value = u64> {
    let edges = [0, 1, SEQ_END - 1, SEQ_END, TICK_END - 1, TICK_END, u64::MAX];
    prop_oneof![
        2 => any::<u64>(),
        2 => prop::sample::select(edges.to_vec()),
        2 => 0..200u64,
        1 => any::<u64>().prop_map(|seq| seq % SEQ_END),
        4 => (0..20u64, any::<bool>(), stamps()).prop_map(|(lap, void, ticks)| {
            let slot = Slot::new(lap, ticks);
            if void { slot.voided().0 } else { slot.0 }
        }),
    ]
}

fn stamps() -> impl Strategy<Value = u64> {
    prop_oneof![0..3000u64, any::<u64>(), TICK_END - 9..TICK_END + 9]
}

fn clocks() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..3000u64, 1 => any::<u64>(), 1 => TICK_END - 9..TICK_END + 9]
}

#[derive(Clone, Debug)]
enum Op {
    Scribble { word: usize, value: u64 },
    Clock(u64),
    Reserve { weight: u64, max_wait: u64 },
    Cancel { seq: u64, weight: u64 },
    Leak,
    Flush,
    Look { nth: u64 },
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (any::<usize>(), garbage()).prop_map(|(word, value)| Op::Scribble { word, value }),
        2 => clocks().prop_map(Op::Clock),
        4 => (0..9u64, prop_oneof![Just(0), 0..500u64, Just(u64::MAX)])
            .prop_map(|(weight, max_wait)| Op::Reserve { weight, max_wait }),
        2 => (0..SEQ_END, 0..70u64).prop_map(|(seq, weight)| Op::Cancel { seq, weight }),
        2 => Just(Op::Leak),
        1 => Just(Op::Flush),
        2 => garbage().prop_map(|nth| Op::Look { nth }),
    ]
}

/// The words that a peer could scribble on, the generation aside: that only closes.
fn words<'a>(ring: &Ring<'a>) -> Vec<&'a crate::sync::AtomicU64> {
    let header = [
        &ring.read.tail,
        &ring.read.newest_void,
        &ring.read.paused_until,
        &ring.gate.all_paused_until,
    ];
    header.into_iter().chain(ring.slots).collect()
}

fn plan(small: bool, limit: u64, queue: u64, capacity: u64) -> Plan {
    match small {
        true => plan_of(&[(limit, 50), (limit + 1, 300)], queue, capacity),
        false => {
            let mut plan = plan_of(&[(limit, 50), (limit + 1, MAX_INTERVAL)], queue, capacity);
            plan.horizon = MAX_HORIZON;
            plan
        }
    }
}

proptest! {
    #[test]
    fn no_words_make_any_call_panic_or_hang(
        small in any::<bool>(),
        limit in 1..6u64,
        queue in 0..8u64,
        slack in 0..2u32,
        head in prop_oneof![3 => 0..100u64, 1 => any::<u64>()],
        start in prop::collection::vec(garbage(), 40),
        ops in prop::collection::vec(ops(), 1..60),
    ) {
        let capacity = (limit + 1 + queue).next_power_of_two() << slack;
        let plan = plan(small, limit, queue, capacity);
        let heap = Heap::new(capacity).unwrap();
        let ring = heap.ring();
        ring.head.store(Head::new(0, head).0, Relaxed);
        let words = words(&ring);
        for (word, value) in words.iter().zip(start) {
            word.store(value, Relaxed);
        }
        let now = Cell::new(1000);
        let reads = Cell::new(0);
        let clock = || {
            reads.set(reads.get() + 1);
            assert!(reads.get() < 10, "it goes round in circles");
            now.get()
        };
        for op in ops {
            reads.set(0);
            match op {
                Op::Scribble { word, value } => words[word % words.len()].store(value, Relaxed),
                Op::Clock(tick) => now.set(tick),
                Op::Reserve { weight, max_wait } => {
                    if let Ok(run) = ring.reserve(&plan, &clock, weight, max_wait) {
                        prop_assert_eq!(run.weight, weight);
                        prop_assert!(run.ready <= now.get() + plan.horizon);
                    }
                }
                Op::Cancel { seq, weight } => {
                    let head = match seq % 2 {
                        0 => Head(ring.head.load(Relaxed)),
                        _ => Head::new(0, seq),
                    };
                    ring.cancel(&Run { head, weight, ready: 0, asked: 0 });
                }
                Op::Leak => _ = ring.leak(&plan, &clock),
                Op::Flush => _ = ring.flush(&plan),
                Op::Look { nth } => {
                    let count = ring.count(&plan, &clock).unwrap_or(0);
                    prop_assert!(count <= capacity);
                    reads.set(0);
                    prop_assert!(ring.queued(&plan, &clock).unwrap_or(0) <= capacity);
                    reads.set(0);
                    let stamp = ring.peek(&plan, &clock, nth).unwrap_or(None);
                    let furthest = now.get().saturating_add(plan.horizon);
                    prop_assert!(stamp.is_none_or(|stamp| stamp <= furthest));
                    reads.set(0);
                    let _ = ring.waiting(&plan, &clock, nth % 9);
                }
            }
        }
    }

    #[test]
    fn damaged_stamps_cost_at_most_a_horizon_and_an_interval(
        limit in 1..6u64,
        queue in 0..8u64,
        slots in prop::collection::vec(garbage(), 16),
        newest_void in garbage(),
    ) {
        let mut plan = plan(true, limit, queue, 16);
        plan.horizon = 1000;
        let now = Cell::new(1000);
        let clock = || now.get();
        let heap = Heap::new(16).unwrap();
        let ring = heap.ring();
        ring.head.store(40, Relaxed);
        ring.read.newest_void.store(newest_void, Relaxed);
        for (slot, value) in ring.slots.iter().zip(slots) {
            slot.store(value, Relaxed);
        }
        let leaked = ring.leak(&plan, &clock).unwrap();
        prop_assert!(leaked.repairs <= 17);
        // A helper goes by the stamps that it finds: it may add an interval.
        let unblocked = 1000 + plan.horizon + 2 * plan.widest_interval();
        for weight in 1..=limit {
            prop_assert!(ring.waiting(&plan, &clock, weight).unwrap().ready <= unblocked);
        }
        now.set(unblocked);
        prop_assert!(!ring.reserve(&plan, &clock, limit, 0).unwrap().waits());
    }
}

/// A bucket of four with limit 2, whose newest stamp has been scribbled on.
fn far_ahead(ticks: u64) -> (Heap, Plan) {
    let mut plan = plan_of(&[(2, 100)], 2, 4);
    plan.horizon = 500;
    let heap = Heap::new(4).unwrap();
    let ring = heap.ring();
    let run = ring.reserve(&plan, &|| 1000, 2, 0).unwrap();
    let seq = run.head.seq() + 1;
    let slot = ring.slot(seq).at(ticks);
    ring.cell(seq).store(slot.0, Relaxed);
    (heap, plan)
}

#[test]
fn a_stamp_beyond_the_horizon_is_believed_no_further_than_that() {
    let (heap, plan) = far_ahead(1 << 49);
    let ring = heap.ring();
    for now in [1000, 1001, 70_000] {
        let clock = || now;
        assert_eq!(ring.peek(&plan, &clock, 0), Ok(Some(now + 500)));
        let turn = ring.waiting(&plan, &clock, 1).unwrap();
        assert_eq!(turn.ready, now + 500);
        let turn = ring.waiting(&plan, &clock, 2).unwrap();
        assert_eq!(turn.ready, now + 500 + 100);
    }
}

#[test]
fn a_leak_brings_a_stamp_beyond_the_horizon_back_to_it_for_good() {
    let (heap, plan) = far_ahead(1501);
    let ring = heap.ring();
    let mended = Leaked {
        permits: 0,
        repairs: 1,
    };
    assert_eq!(ring.leak(&plan, &|| 1000), Ok(mended));
    assert_eq!(ring.peek(&plan, &|| 1200, 0), Ok(Some(1500)));
    assert_eq!(ring.leak(&plan, &|| 1200).unwrap().repairs, 0);
    assert!(!ring.reserve(&plan, &|| 1600, 2, 0).unwrap().waits());
}

#[test]
fn a_leak_leaves_a_stamp_at_the_horizon_alone() {
    let (heap, plan) = far_ahead(1500);
    let ring = heap.ring();
    assert_eq!(ring.leak(&plan, &|| 1000), Ok(Leaked::default()));
    assert_eq!(ring.peek(&plan, &|| 1000, 0), Ok(Some(1500)));
}

#[test]
fn a_hole_counts_as_stamped_last() {
    let plan = plan_of(&[(2, 100)], 2, 4);
    let heap = Heap::new(4).unwrap();
    let ring = heap.ring();
    let run = ring.reserve(&plan, &|| 1000, 1, 0).unwrap();
    let _ = ring.reserve(&plan, &|| 1030, 1, 0).unwrap();
    ring.cell(run.head.seq()).store(0, Relaxed);
    assert_eq!(ring.waiting(&plan, &|| 1040, 1).unwrap().ready, 1131);
    assert_eq!(ring.count(&plan, &|| 1040), Ok(2));
    assert_eq!(ring.peek(&plan, &|| 1040, 1), Ok(Some(1041)));
    // It is dropped with its neighbour.
    let leaked = |now| ring.leak(&plan, &|| now).unwrap().permits;
    assert_eq!((leaked(1130), leaked(1131)), (0, 2));
}

#[test]
fn a_refund_leaves_a_slot_alone_that_holds_another_lap() {
    let plan = plan_of(&[(2, 100)], 2, 4);
    let heap = Heap::new(4).unwrap();
    let ring = heap.ring();
    let run = ring.reserve(&plan, &|| 1000, 2, 0).unwrap();
    let other = Slot::new(ring.lap(run.head.seq()) + 1, 1001);
    ring.cell(run.head.seq()).store(other.0, Relaxed);
    ring.cancel(&run);
    assert_eq!(ring.slot(run.head.seq()), other);
    assert!(ring.slot(run.head.seq() + 1).is_void());
}

#[test]
fn a_clock_that_falls_back_during_a_leak_drops_nothing() {
    let plan = plan_of(&[(2, 100)], 2, 4);
    let heap = Heap::new(4).unwrap();
    let ring = heap.ring();
    let _ = ring.reserve(&plan, &|| 1000, 2, 0).unwrap();
    let reads = Cell::new(0);
    let clock = || {
        reads.set(reads.get() + 1);
        if reads.get() == 1 { u64::MAX } else { 1000 }
    };
    assert_eq!(ring.leak(&plan, &clock), Ok(Leaked::default()));
    assert!(matches!(
        ring.reserve(&plan, &clock, 1, 0),
        Err(Refusal::Limited { .. })
    ));
}
