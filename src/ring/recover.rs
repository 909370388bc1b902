//! Making a bucket whole whose words may be of different ages: a power cut keeps some
//! pages and loses others.

use super::Ring;
use super::word::{Head, LAP_BITS, Slot};
use crate::sync::Ordering;

impl Ring<'_> {
    /// Brings head past every stamp, and past tail. Nobody else uses the bucket.
    ///
    /// Slots newer than head tell its least value, for a slot's index and lap name its
    /// seq to within 2^13 laps. Slots older than head are found unstamped: those at the
    /// end count as granted at the next call, others as those after them.
    pub fn recover(self) {
        // Relaxed, all: the caller is alone.
        let head = Head(self.head.load(Ordering::Relaxed));
        let tail = self.read.tail.load(Ordering::Relaxed);
        let newest = self.read.newest_void.load(Ordering::Relaxed);
        let stamped =
            (0..self.capacity()).filter_map(|index| self.nearest_seq(index, self.lap(head.seq())));
        let next = stamped
            .map(|seq| seq + 1)
            .chain([head.seq(), tail])
            .max()
            .unwrap_or(tail);
        self.head
            .store(Head::new(head.generation(), next).0, Ordering::Relaxed);
        self.read
            .newest_void
            .store(newest.min(next), Ordering::Relaxed);
        self.fill_holes(tail.max(next.saturating_sub(self.capacity())), next);
    }

    /// Stamps permits whose stamps were lost as those after them bound them. Left as
    /// they are, each would count as stamped last whenever it is looked at, and so
    /// cost an interval of its own.
    fn fill_holes(self, oldest: u64, next: u64) {
        let mut bound = None;
        for seq in (oldest..next).rev() {
            let slot = self.slot(seq);
            if slot.is_of(self.lap(seq)) {
                bound = Some(bound.map_or(slot.ticks(), |bound: u64| bound.min(slot.ticks())));
            } else if let Some(bound) = bound {
                self.cell(seq)
                    .store(Slot::new(self.lap(seq), bound).0, Ordering::Relaxed);
            }
        }
    }

    /// The seq whose stamp slot `index` holds, on the lap nearest to `lap`.
    fn nearest_seq(self, index: u64, lap: u64) -> Option<u64> {
        const HALF: u64 = 1 << (LAP_BITS - 1);
        let behind = lap.wrapping_sub(self.slot(index).lap()) & (2 * HALF - 1);
        let lap = if behind < HALF {
            lap.checked_sub(behind)?
        } else {
            lap + 2 * HALF - behind
        };
        // A zeroed slot is of lap 0, before the first seq.
        (lap > 0).then(|| lap * self.capacity() + index)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::ring::word::{Head, Version};
    use crate::ring::{Heap, Plan, Window};
    use crate::sync::Ordering::Relaxed;

    fn plan() -> Plan {
        let windows = [Window {
            limit: 3,
            interval: 100,
        }];
        Plan::new(Version(0), &windows, 5, 10_000, 8).unwrap()
    }

    /// A bucket in which `permits` were granted, the last of them just now.
    fn used(permits: u64) -> (Heap, u64) {
        let heap = Heap::new(8).unwrap();
        let mut now = 0;
        for _ in 0..permits {
            now += 200;
            heap.ring().reserve(&plan(), &|| now, 1, 0).unwrap();
        }
        (heap, now)
    }

    #[test]
    fn a_head_that_is_older_than_the_slots_is_brought_past_them() {
        for (permits, lost) in [(1, 1), (5, 3), (8, 8), (9, 1), (30, 8), (30, 5)] {
            let (heap, now) = used(permits);
            let (ring, head) = (heap.ring(), 8 + permits);
            ring.head.store(Head::new(0, head - lost).0, Relaxed);
            ring.recover();
            assert_eq!(
                ring.head.load(Relaxed),
                head,
                "{permits} granted, {lost} lost"
            );
            assert_eq!(ring.count(&plan(), &|| now), Ok(1));
        }
    }

    #[test]
    fn slots_that_are_older_than_the_head_count_as_granted_now() {
        let (heap, now) = used(6);
        let ring = heap.ring();
        ring.head.store(Head::new(0, 16).0, Relaxed);
        ring.recover();
        assert_eq!(ring.head.load(Relaxed), 16);
        assert!(ring.reserve(&plan(), &|| now, 1, 0).is_err());
        assert!(ring.reserve(&plan(), &|| now + 102, 3, 0).is_ok());
    }

    #[test]
    fn slots_that_were_lost_amid_others_cost_one_interval_in_all() {
        let windows = [Window {
            limit: 8,
            interval: 1000,
        }];
        let plan = Plan::new(Version(0), &windows, 4, 100_000, 16).unwrap();
        let heap = Heap::new(16).unwrap();
        let ring = heap.ring();
        for now in 100..108 {
            ring.reserve(&plan, &|| now, 1, 0).unwrap();
        }
        for lost in 2..6 {
            ring.slots[lost].store(0, Relaxed);
        }
        ring.recover();
        assert!(ring.reserve(&plan, &|| 200, 1, 0).is_err());
        let later = 107 + 1 + 1000;
        for _ in 0..8 {
            assert!(ring.reserve(&plan, &|| later, 1, 0).is_ok());
        }
        assert!(ring.reserve(&plan, &|| later, 1, 0).is_err());
    }

    #[test]
    fn a_tail_that_is_newer_than_the_head_leaves_nothing_behind_it_uncounted() {
        let (heap, now) = used(2);
        let ring = heap.ring();
        ring.read.tail.store(40, Relaxed);
        ring.recover();
        for _ in 0..3 {
            ring.reserve(&plan(), &|| now, 1, 0).unwrap();
        }
        assert!(ring.reserve(&plan(), &|| now, 1, 0).is_err());
    }
}
