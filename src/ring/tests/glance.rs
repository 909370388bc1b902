//! What a glance settles, and what it leaves open. Answers are the same either way; but
//! the short way is worth nothing unless nearly every call takes it.

use super::plan_of;
use crate::ring::word::Head;
use crate::ring::{Heap, Plan, Refusal, Ring, Run, Unsettled};
use crate::sync::Ordering::Relaxed;

fn plan() -> Plan {
    plan_of(&[(3, 100), (5, 1000)], 3, 8)
}

fn glance(ring: Ring<'_>, now: u64, weight: u64, max_wait: u64) -> Result<Run, Unsettled> {
    ring.reserve_at_a_glance(&plan(), &|| now, weight, max_wait)
}

#[track_caller]
fn grants(ring: Ring<'_>, now: u64, weight: u64) {
    let Ok(run) = glance(ring, now, weight, 0) else {
        panic!("{weight} at {now} are not granted at a glance")
    };
    assert_eq!((run.weight, run.ready, run.waits()), (weight, now, false));
}

#[track_caller]
fn refuses(ring: Ring<'_>, now: u64, weight: u64, ready: u64, window: usize) {
    let Err(Unsettled::Refused(refusal)) = glance(ring, now, weight, 0) else {
        panic!("{weight} at {now} are not refused at a glance")
    };
    assert_eq!(refusal, Refusal::Limited { now, ready, window });
}

#[track_caller]
fn leaves_open(ring: Ring<'_>, now: u64, weight: u64, max_wait: u64) {
    let head = ring.head.load(Relaxed);
    let outcome = glance(ring, now, weight, max_wait);
    assert!(matches!(outcome, Err(Unsettled::Open(_))));
    assert_eq!(ring.head.load(Relaxed), head, "something was reserved");
}

#[test]
fn a_glance_settles_what_is_granted_at_once_and_what_is_refused() {
    let heap = Heap::new(8).unwrap();
    let ring = heap.ring();
    grants(ring, 1000, 2);
    grants(ring, 1000, 1);
    // In the very tick of the newest grant, and later.
    refuses(ring, 1000, 1, 1101, 0);
    refuses(ring, 1100, 2, 1101, 0);
    grants(ring, 1101, 2);
    refuses(ring, 1101, 2, 2001, 1);
    refuses(ring, 2000, 2, 2001, 1);
    grants(ring, 2001, 3);
}

#[test]
fn after_a_flush_of_those_who_wait_a_glance_grants_all_that_the_smallest_limit_allows() {
    let heap = Heap::new(8).unwrap();
    let ring = heap.ring();
    grants(ring, 1000, 3);
    assert!(ring.reserve(&plan(), &|| 1000, 1, 500).unwrap().waits());
    ring.flush(&plan()).unwrap();
    grants(ring, 1000, 3);
}

#[test]
fn what_takes_more_than_a_glance_is_left_open() {
    let heap = Heap::new(8).unwrap();
    let ring = heap.ring();
    leaves_open(ring, 1000, 0, 0);
    leaves_open(ring, 1000, 4, 0);
    grants(ring, 1000, 3);
    // Who would wait.
    leaves_open(ring, 1000, 1, 200);
    let waiter = ring.reserve(&plan(), &|| 1000, 1, 200).unwrap();
    refuses(ring, 1000, 1, 1101, 0);
    // A void that might make room.
    ring.cancel(&waiter);
    leaves_open(ring, 1102, 3, 0);
    // A run that its owner has not stamped.
    let head = Head(ring.head.load(Relaxed));
    ring.head.store(head.after(1).0, Relaxed);
    leaves_open(ring, 5000, 1, 0);
}

#[test]
fn who_is_behind_others_that_wait_longer_than_rates_ask_is_left_to_the_long_way() {
    let heap = Heap::new(8).unwrap();
    let ring = heap.ring();
    ring.pause(&plan(), &|| 1000, 1500).unwrap();
    assert!(ring.reserve(&plan(), &|| 1000, 1, 600).unwrap().waits());
    ring.resume(&plan()).unwrap();
    leaves_open(ring, 1100, 1, 0);
    leaves_open(ring, 1498, 1, 0);
    // The stamp of a grant is as far ahead.
    grants(ring, 1499, 1);
}
