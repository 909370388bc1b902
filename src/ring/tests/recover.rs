//! A power cut: pages come back of different ages, and the first opener makes the
//! bucket whole.

use super::history::History;
use super::plan_of;
use crate::ring::word::{Head, Slot};
use crate::ring::{Heap, Plan, Ring};
use crate::sync::Ordering::Relaxed;
use proptest::prelude::*;

/// The words of a bucket as they were at one time.
struct Page {
    head: u64,
    tail: u64,
    newest_void: u64,
    slots: Vec<u64>,
}

impl Page {
    fn of(ring: Ring<'_>) -> Self {
        Self {
            head: ring.head.load(Relaxed),
            tail: ring.read.tail.load(Relaxed),
            newest_void: ring.read.newest_void.load(Relaxed),
            slots: ring.slots.iter().map(|slot| slot.load(Relaxed)).collect(),
        }
    }
}

/// Takes for a while, one permit after the other, and returns some.
fn live(ring: Ring<'_>, plan: &Plan, now: &mut u64, steps: &[u8], seen: &mut History) {
    for step in steps {
        *now += u64::from(step % 8);
        let wait = u64::from(step / 8 % 4) * 10;
        let Ok(run) = ring.reserve(plan, &|| *now, 1, wait) else {
            continue;
        };
        if step % 5 == 0 {
            ring.cancel(&run);
        } else {
            seen.grant(run.head.seq(), 1, run.ready);
        }
    }
}

proptest! {
    /// As long as either head or the newest slots have survived, nothing that was
    /// granted before is forgotten.
    #[test]
    fn whatever_page_is_old_no_window_gets_too_many(
        before in prop::collection::vec(any::<u8>(), 0..60),
        between in prop::collection::vec(any::<u8>(), 0..60),
        after in prop::collection::vec(any::<u8>(), 0..60),
        old_head in any::<bool>(),
        old_tail in any::<bool>(),
        old_void in any::<bool>(),
        old_slots in prop::collection::vec(any::<bool>(), 16),
    ) {
        let plan = plan_of(&[(2, 9), (5, 40)], 4, 16);
        let heap = Heap::new(16).unwrap();
        let ring = heap.ring();
        let mut now = 1000;
        let mut seen = History::default();
        live(ring, &plan, &mut now, &before, &mut seen);
        let old = Page::of(ring);
        live(ring, &plan, &mut now, &between, &mut seen);
        let new = Page::of(ring);
        let pick = |is_old, old, new| if is_old { old } else { new };
        ring.head.store(pick(old_head, old.head, new.head), Relaxed);
        ring.read.tail.store(pick(old_tail, old.tail, new.tail), Relaxed);
        let void = pick(old_void, old.newest_void, new.newest_void);
        ring.read.newest_void.store(void, Relaxed);
        for (index, slot) in ring.slots.iter().enumerate() {
            let is_old = old_slots[index] && !old_head;
            slot.store(pick(is_old, old.slots[index], new.slots[index]), Relaxed);
        }
        ring.recover();
        prop_assert_eq!(ring.head.load(Relaxed), new.head);
        // Who waited for a later tick died with the power.
        seen.forget_from(now + 1);
        live(ring, &plan, &mut now, &after, &mut seen);
        prop_assert_eq!(seen.overfull(plan.windows()), None);
    }

    /// A slot's lap tells seqs for 2^12 laps either way.
    #[test]
    fn head_is_brought_past_the_newest_stamp_however_far_it_is(
        head in 20_000..1_000_000u64,
        ahead in 0..4095u64,
        index in 0..4u64,
        generation in 0..4096u64,
        newest_void in any::<u64>(),
    ) {
        let heap = Heap::new(4).unwrap();
        let ring = heap.ring();
        let next = (head / 4 + ahead) * 4 + index;
        ring.head.store(Head::new(generation, head).0, Relaxed);
        ring.read.newest_void.store(newest_void, Relaxed);
        for seq in head - 4..head {
            ring.cell(seq).store(Slot::new(ring.lap(seq), 7).0, Relaxed);
        }
        ring.cell(next).store(Slot::new(ring.lap(next), 7).0, Relaxed);
        ring.recover();
        let found = Head(ring.head.load(Relaxed));
        prop_assert_eq!(found.generation(), generation);
        prop_assert_eq!(found.seq(), head.max(next + 1));
        prop_assert_eq!(
            ring.read.newest_void.load(Relaxed),
            newest_void.min(found.seq())
        );
    }
}
