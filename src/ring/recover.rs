//! Making a bucket whole whose words may be of different ages: a power cut keeps some
//! pages and loses others.

use super::Ring;
use super::word::{Head, LAP_BITS};
use crate::sync::Ordering;

impl Ring<'_> {
    /// Brings head past every stamp, and past tail. Nobody else uses the bucket.
    ///
    /// Slots newer than head tell its least value, for a slot's index and lap name its
    /// seq to within 2^13 laps. Slots older than head are found unstamped, and count
    /// as granted at the next call.
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
