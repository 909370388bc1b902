//! Taking back buckets that were lost: private to somebody who died, or closed, taken out
//! of their chain, and not given back.

use super::{Directory, Nodes};
use crate::ring::word::{Head, Link};
use crate::sync::Ordering;
use std::collections::HashSet;

/// Buckets that were nobody's at one look, with the words that change when they become
/// somebody's.
#[derive(Clone, Default, Debug)]
pub struct Strays(Vec<(u64, Head, u64)>);

impl Strays {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains(&self, stray: &(u64, Head, u64)) -> bool {
        // In the order of their indices.
        let found = self.0.binary_search_by_key(&stray.0, |(index, ..)| *index);
        found.is_ok_and(|at| self.0[at] == *stray)
    }
}

impl<N: Nodes> Directory<'_, N> {
    /// Buckets that are in no chain, and not in the stock. Those that are private to
    /// somebody alive are among them.
    /// `None` if the stock is in use: another time may be quieter.
    pub fn strays(self) -> Option<Strays> {
        let kept = self.in_stock()?;
        let strays = (0..self.used())
            .filter(|index| !kept.contains(index))
            .filter_map(|index| {
                let node = self.present(index);
                let (head, link) = (node.head_now(), node.read.link.load(Ordering::Acquire));
                let key = node.key_hash();
                let is_linked = self
                    .find(key)
                    .is_ok_and(|place| place.is_some_and(|place| place.index == index));
                (!is_linked).then_some((index, head, link))
            });
        Some(Strays(strays.collect()))
    }

    /// Takes back those that were strays at an earlier look and are so now. Between the
    /// two looks the caller has found that nobody but itself could own a bucket: so what
    /// was private at the first has been given up, linked, or lost; and what is the
    /// same at the second was lost. How many. One caller at a time.
    pub fn reclaim(self, earlier: &Strays) -> u64 {
        let now = self.strays().unwrap_or_default();
        let lost = now.0.iter().filter(|stray| earlier.contains(stray));
        let mut reclaimed = 0;
        for &(index, head, link) in lost {
            let node = self.present(index);
            let is_same = node.head_now() == head && node.read.link.load(Ordering::Acquire) == link;
            if is_same && (head.is_closed() || !node.was_used() || node.close()) {
                self.give_back(index);
                reclaimed += 1;
            }
        }
        reclaimed
    }

    /// The buckets in the free list; `None` if it changes meanwhile: one that was missed
    /// would be given back twice.
    fn in_stock(self) -> Option<HashSet<u64>> {
        let free = &self.nodes.stock().free;
        let mut kept = HashSet::new();
        // Acquire, here and below: each load stays behind the one before it, and so the
        // last, which vouches for all, behind all.
        let top = Link(free.load(Ordering::Acquire));
        let mut next = top.index();
        while let Some(index) = next.filter(|&index| index < self.nodes.len())
            && kept.insert(index)
        {
            next = Link(self.link_of(index).load(Ordering::Acquire)).index();
        }
        (free.load(Ordering::Acquire) == top.0).then_some(kept)
    }
}
