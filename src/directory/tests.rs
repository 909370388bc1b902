//! The directory against a map from keys to lists of permits.

mod against_lists;
mod in_hands;

use super::{Directory, HeapNodes, Key, NoBucket, Nodes, Place, Seed};
use crate::ring::word::Version;
use crate::ring::{Plan, Refusal, Ring, Window};
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::HashSet;

const SEED: Seed = Seed([1, 2]);
const LIMIT: u64 = 3;
const INTERVAL: u64 = 50;

fn plan() -> Plan {
    let windows = [Window {
        limit: LIMIT,
        interval: INTERVAL,
    }];
    Plan::new(Version(0), &windows, 5, 10_000, 16).unwrap()
}

fn key(bytes: &[u8]) -> Key<'_> {
    Key::new(SEED, bytes).unwrap()
}

/// What is in no chain and in no stock, and what is in a chain twice.
fn check(nodes: &HeapNodes) {
    let directory = Directory::new(nodes);
    let strays = directory.strays().unwrap();
    assert!(strays.is_empty(), "{strays:?}");
    let tenants: Vec<_> = (0..directory.used())
        .filter_map(|index| directory.tenant(index))
        .map(|(_, key)| key)
        .collect();
    assert_eq!(
        tenants.len(),
        tenants.iter().collect::<HashSet<_>>().len(),
        "no key has two buckets"
    );
}

/// Asks as a zone does: again, if the bucket has been taken from the key.
fn reserve(
    directory: Directory<'_, HeapNodes>,
    bytes: &[u8],
    now: &impl Fn() -> u64,
    weight: u64,
) -> Result<Place, NoBucket> {
    let plan = plan();
    loop {
        let key = key(bytes);
        let place = directory.find_or_insert(&key, &plan, now)?;
        let ring = directory.ring(place, Some(key.hash));
        match ring.reserve(&plan, now, weight, 0) {
            Err(Refusal::Closed) => {}
            answer => return Ok(answer.map(|_| place)?),
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Reserve(u8, u64),
    Dispose(u8),
    Evict(u64),
    Reclaim,
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..12u8, 1..=LIMIT).prop_map(|(key, weight)| Op::Reserve(key, weight)),
        1 => (0..12u8).prop_map(Op::Dispose),
        2 => (0..4u64).prop_map(Op::Evict),
        5 => Just(Op::Reclaim),
    ]
}

proptest! {
    /// Words of any value: no panic, no endless loop.
    #[test]
    fn any_words_at_all_are_survived(
        words in prop::collection::vec((0..64usize, prop_oneof![any::<u64>(), 0..8u64, (0..8u64).prop_map(|low| low | 1 << 31)]), 1..20),
        ops in prop::collection::vec(ops(), 1..40),
    ) {
        let nodes = HeapNodes::new(2, 4, 16).unwrap();
        let directory = Directory::new(&nodes);
        for name in 0..4 {
            let _ = reserve(directory, &[name], &|| 100, 1);
        }
        for (at, value) in words {
            let ring = nodes.node(at as u64 / 8 % 4);
            match at % 8 {
                0 => nodes.table()[at / 8 % 2].store(value, Relaxed),
                1 => nodes.stock().free.store(value, Relaxed),
                2 => nodes.stock().used.store(value, Relaxed),
                3 => nodes.stock().hand.store(value, Relaxed),
                4 => ring.head.store(value, Relaxed),
                5 => ring.read.key_hash[0].store(value, Relaxed),
                _ => ring.read.link.store(value, Relaxed),
            }
        }
        for op in ops {
            match op {
                Op::Reserve(name, weight) => _ = reserve(directory, &[name], &|| 200, weight),
                Op::Dispose(name) => _ = directory.dispose(key(&[name]).hash),
                Op::Evict(index) => _ = directory.evict(index, &plan(), &|| 200),
                Op::Reclaim => {
                    let strays = directory.strays().unwrap_or_default();
                    directory.reclaim(&strays);
                }
            }
        }
        directory.rebuild();
        for name in 0..4 {
            let _ = reserve(directory, &[name], &|| 1 << 40, 1);
        }
    }
}

/// Somebody else brings the same key, and gets the last bucket, while one looks for a bucket.
#[test]
fn a_key_that_just_got_the_last_bucket_is_not_refused_as_full() {
    let nodes = HeapNodes::new(1, 1, 16).unwrap();
    let directory = Directory::new(&nodes);
    reserve(directory, b"a", &|| 100, 1).unwrap();
    let was_faster = Cell::new(false);
    let clock = || {
        if !was_faster.replace(true) {
            assert!(directory.dispose(key(b"a").hash).unwrap());
            reserve(directory, b"b", &|| 100, 1).unwrap();
        }
        100
    };
    reserve(directory, b"b", &clock, 2).unwrap();
    let full = &nodes.stock().full_refusals;
    assert!(was_faster.get() && full.load(Relaxed) == 0);
    assert_eq!(reserve(directory, b"c", &|| 100, 1), Err(NoBucket::Full));
    assert_eq!(full.load(Relaxed), 1);
}

/// The same; and in front of it somebody has closed another key's bucket, and stopped.
#[test]
fn a_key_that_just_got_a_bucket_behind_a_closed_one_is_not_refused_as_full() {
    let nodes = HeapNodes::new(1, 2, 16).unwrap();
    let directory = Directory::new(&nodes);
    reserve(directory, b"x", &|| 100, 1).unwrap();
    reserve(directory, b"a", &|| 100, 1).unwrap();
    let was_faster = Cell::new(false);
    let clock = || {
        if !was_faster.replace(true) {
            assert!(directory.dispose(key(b"a").hash).unwrap());
            reserve(directory, b"b", &|| 100, 1).unwrap();
            let x = key(b"x").hash;
            let place = directory.find(x).unwrap().unwrap();
            assert!(directory.ring(place, Some(x)).close());
        }
        100
    };
    reserve(directory, b"b", &clock, 2).unwrap();
    assert!(was_faster.get());
    check(&nodes);
    // And the closed one is there for the next.
    reserve(directory, b"c", &|| 100, 1).unwrap();
}

/// Two places of a ring that a dead process left private are found, and taken back.
#[test]
fn what_was_lost_is_reclaimed_and_only_that() {
    let nodes = HeapNodes::new(4, 4, 16).unwrap();
    let directory = Directory::new(&nodes);
    for name in 0..2 {
        reserve(directory, &[name], &|| 100, 1).unwrap();
    }
    // Taken by processes that died, before and after opening it.
    directory.take().unwrap();
    let opened = directory.take().unwrap();
    nodes.node(opened).open_for([7, 7]);
    assert_eq!(reserve(directory, &[9], &|| 100, 1), Err(NoBucket::Full));
    let strays = directory.strays().unwrap();
    assert_eq!(directory.reclaim(&strays), 2);
    assert_eq!(directory.reclaim(&strays), 0);
    check(&nodes);
    for name in [9, 10] {
        reserve(directory, &[name], &|| 100, 1).unwrap();
    }
    assert_eq!(reserve(directory, &[11], &|| 100, 1), Err(NoBucket::Full));
    check(&nodes);
}

#[test]
fn a_directory_is_rebuilt_from_its_buckets_alone() {
    let nodes = HeapNodes::new(4, 8, 16).unwrap();
    let directory = Directory::new(&nodes);
    for name in 0..6 {
        reserve(directory, &[name], &|| 100, 2).unwrap();
    }
    directory.dispose(key(&[3]).hash).unwrap();
    for link in nodes.table() {
        link.store(0, Relaxed);
    }
    nodes.stock().used.store(1, Relaxed);
    directory.rebuild();
    check(&nodes);
    for name in [0, 1, 2, 4, 5] {
        assert!(
            reserve(directory, &[name], &|| 100, 2).is_err(),
            "{name} has one left"
        );
        reserve(directory, &[name], &|| 100, 1).unwrap();
    }
    for name in 10..13 {
        reserve(directory, &[name], &|| 100, 3).unwrap();
    }
    assert_eq!(reserve(directory, &[13], &|| 100, 1), Err(NoBucket::Full));
}

#[test]
fn a_stale_handle_takes_nothing_from_the_next_key_even_after_all_generations() {
    let nodes = HeapNodes::new(2, 1, 16).unwrap();
    let directory = Directory::new(&nodes);
    let first = reserve(directory, b"a", &|| 100, 1).unwrap();
    let stale: Ring<'_> = directory.ring(first, Some(key(b"a").hash));
    for turn in 0..2048 {
        let name = if turn % 2 == 0 { b"a" } else { b"b" };
        assert!(directory.dispose(key(name).hash).unwrap());
        let other = if turn % 2 == 0 { b"b" } else { b"c" };
        let next = if turn % 2 == 0 { other } else { b"a" };
        reserve(directory, next, &|| 100, 1).unwrap();
    }
    // The same generation as at first, and the same key: it is that key's again.
    assert_eq!(directory.find(key(b"a").hash).unwrap(), Some(first));
    assert!(directory.dispose(key(b"a").hash).unwrap());
    for _ in 0..2047 {
        reserve(directory, b"b", &|| 100, 1).unwrap();
        assert!(directory.dispose(key(b"b").hash).unwrap());
    }
    reserve(directory, b"b", &|| 100, 1).unwrap();
    assert_eq!(directory.find(key(b"b").hash).unwrap(), Some(first));
    assert_eq!(stale.reserve(&plan(), &|| 100, 1, 0), Err(Refusal::Closed));
    assert_eq!(stale.waiting(&plan(), &|| 100, 1), Err(Refusal::Closed));
    assert!(
        !stale.close(),
        "who disposes of a key long gone leaves the next one alone"
    );
}

/// Threads that fight over eight buckets with forty keys.
#[test]
fn threads_that_insert_evict_and_dispose_leave_a_sound_directory() {
    let nodes = HeapNodes::new(4, 8, 16).unwrap();
    let clock = AtomicU64::new(100);
    let now = || clock.fetch_add(1, Relaxed);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (nodes, now) = (&nodes, &now);
            scope.spawn(move || {
                let directory = Directory::new(nodes);
                let mut dice = thread + 1;
                for _ in 0..20_000 {
                    dice = dice
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(99);
                    let name = [(dice >> 33) as u8 % 40];
                    match dice >> 60 {
                        0 => _ = directory.dispose(key(&name).hash).unwrap(),
                        1 => _ = directory.evict(dice >> 40 & 7, &plan(), now),
                        _ => match reserve(directory, &name, now, 1) {
                            Ok(_) | Err(NoBucket::Full | NoBucket::Refused(_)) => {}
                            Err(NoBucket::Damaged) => panic!("nobody scribbles"),
                        },
                    }
                }
            });
        }
    });
    check(&nodes);
    let directory = Directory::new(&nodes);
    let end = now() + 10 * INTERVAL;
    for name in 100..108 {
        reserve(directory, &[name], &|| end, 1).unwrap();
    }
    assert_eq!(reserve(directory, &[200], &|| end, 1), Err(NoBucket::Full));
}
