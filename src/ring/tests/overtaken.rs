//! Callers that were overtaken by helpers, or by whole laps, between two of their steps.

use super::*;
use crate::sync::Ordering::Relaxed;

#[test]
fn a_queue_is_not_full_because_a_helper_s_clock_was_ahead() {
    let heap = Heap::new(16).unwrap();
    let (ring, plan) = (heap.ring(), plan_of(&[(8, 1000)], 0, 16));
    ring.reserve(&plan, &|| 50, 1, 0).unwrap();
    // An owner has swapped head, and is stopped before its stamp.
    ring.head.store(ring.head.load(Relaxed) + 1, Relaxed);
    let reads = Cell::new(0);
    let clock = || {
        reads.set(reads.get() + 1);
        match reads.get() {
            // The glance, which leaves it open.
            1 => 100,
            // Between this read and the caller's look at the newest slot.
            2 => {
                ring.count(&plan, &|| 105).unwrap();
                100
            }
            _ => 110,
        }
    };
    let run = ring.reserve(&plan, &clock, 1, 1000).unwrap();
    assert!(!run.waits());
}

#[test]
fn a_waiter_whose_slot_was_overwritten_before_it_stamped_has_lost_its_place() {
    let heap = Heap::new(4).unwrap();
    let (ring, plan) = (heap.ring(), plan_of(&[(1, 9)], 3, 4));
    ring.reserve(&plan, &|| 0, 1, 0).unwrap();
    let first = ring.reserve(&plan, &|| 1, 1, 100).unwrap();
    let Ok(view) = ring.view(&plan, &|| 2) else {
        panic!("the bucket is open")
    };
    // The owner's CAS, behind one who then leaves; and so a helper stamps it earlier.
    let ready = first.ready + 9;
    ring.head.store(view.head.after(1).0, Relaxed);
    ring.cancel(&first);
    let other = ring.reserve(&plan, &|| 3, 1, 100).unwrap();
    assert_eq!(other.ready, ready, "the owner's time is another's now");
    for now in [60, 70, 80] {
        assert!(!ring.reserve(&plan, &|| now, 1, 0).unwrap().waits());
    }
    let late = Run {
        head: view.head,
        weight: 1,
        ready,
        asked: view.now,
    };
    assert_eq!(ring.stamp_own(late, ready), None);
}

#[test]
fn a_call_that_need_not_wait_was_granted_however_late_it_stamps() {
    let heap = Heap::new(4).unwrap();
    let (ring, plan) = (heap.ring(), plan_of(&[(1, 9)], 3, 4));
    let Ok(view) = ring.view(&plan, &|| 2) else {
        panic!("the bucket is open")
    };
    ring.head.store(view.head.after(1).0, Relaxed);
    assert!(
        ring.reserve(&plan, &|| 20, 1, 0).is_err(),
        "it is helped, and counts"
    );
    for now in [40, 50, 60, 70] {
        assert!(!ring.reserve(&plan, &|| now, 1, 0).unwrap().waits());
    }
    let late = Run {
        head: view.head,
        weight: 1,
        ready: view.now,
        asked: view.now,
    };
    let run = ring.stamp_own(late, 3).unwrap();
    assert_eq!((run.ready, run.waits()), (2, false));
}
