//! Where buckets come from, and where they go back to.

use super::{Directory, Nodes};
use crate::ring::word::Link;
use crate::sync::{AtomicU64, Ordering};

/// The words about a directory as a whole.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct Stock {
    /// Words in the table; 0: no directory, all names share one bucket. Never changes.
    pub table: AtomicU64,
    /// Buckets that were ever taken: those from here on are zeros.
    pub used: AtomicU64,
    /// [`Link`] to the first bucket that was given back.
    pub free: AtomicU64,
    /// Where the next search for a quiescent bucket begins.
    pub hand: AtomicU64,
    /// Requests that found no bucket for their key.
    pub full_refusals: AtomicU64,
    /// Buckets that were closed because they were quiescent.
    pub evictions: AtomicU64,
    /// Not 0: a process could not say that it may own a bucket.
    pub uncounted: AtomicU64,
}

impl<'a, N: Nodes> Directory<'a, N> {
    /// How many buckets were ever taken.
    pub fn used(self) -> u64 {
        // Acquire: pairs with the Release in `take_unused`; what it counts is looked at.
        let used = self.nodes.stock().used.load(Ordering::Acquire);
        used.min(self.nodes.len())
    }

    /// Takes a bucket out of the stock: it is the caller's alone.
    pub(super) fn take(self) -> Option<u64> {
        self.take_free().or_else(|| self.take_unused())
    }

    fn take_free(self) -> Option<u64> {
        let free = &self.nodes.stock().free;
        loop {
            // Acquire: pairs with the Release in `give_back`, for the link of the top.
            let top = Link(free.load(Ordering::Acquire));
            let index = top.index().filter(|&index| index < self.nodes.len())?;
            let next = Link(self.link_of(index).load(Ordering::Acquire)).index();
            // The tag vouches for `next`: nobody has taken the top since.
            // Acquire: pairs with the Release in `give_back`: the bucket is whole. Relaxed: a
            // failure reads anew.
            if free
                .compare_exchange(top.0, top.to(next).0, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
            {
                return Some(index);
            }
        }
    }

    fn take_unused(self) -> Option<u64> {
        let used = &self.nodes.stock().used;
        loop {
            // Relaxed: what it counts was never anybody's.
            let index = used.load(Ordering::Relaxed);
            if index >= self.nodes.len() {
                return None;
            }
            self.touch(index);
            // Release: pairs with the Acquire in `used`.
            if used
                .compare_exchange(index, index + 1, Ordering::Release, Ordering::Relaxed)
                .is_ok()
            {
                return Some(index);
            }
        }
    }

    /// Has the system find pages for a bucket that nobody has written to yet, which may
    /// take as long as a disk does: better before it is in somebody's hands.
    fn touch(self, index: u64) {
        let node = self.nodes.node(index);
        node.head.touch();
        node.read.tail.touch();
    }

    /// Gives a closed bucket back that is the caller's alone.
    pub(super) fn give_back(self, index: u64) {
        let free = &self.nodes.stock().free;
        let link = self.link_of(index);
        loop {
            // Acquire: keeps the tags of this bucket's link rising.
            let top = Link(free.load(Ordering::Acquire));
            let old = Link(link.load(Ordering::Acquire));
            // Release: pairs with the Acquire in `meet`: who sees this link sees that
            // the bucket has left its chain.
            link.store(old.to(top.index()).0, Ordering::Release);
            // Release: pairs with the Acquire in `take_free`. Relaxed: a failure reads anew.
            if free
                .compare_exchange(
                    top.0,
                    top.to(Some(index)).0,
                    Ordering::Release,
                    Ordering::Relaxed,
                )
                .is_ok()
            {
                return;
            }
        }
    }

    pub(super) fn link_of(self, index: u64) -> &'a AtomicU64 {
        &self.nodes.node(index).read.link
    }
}
