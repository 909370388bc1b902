//! Walking a chain, and taking out of it what is closed.

use super::{Directory, Nodes, Place};
use crate::ring::KeyHash;
use crate::ring::word::{Head, Link};
use crate::sync::{AtomicU64, Ordering};

/// The directory's words contradict each other: somebody scribbled on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damaged;

/// What a walk has found.
pub(super) enum Found<'a> {
    /// The key's bucket.
    There(Place),
    /// The end of the chain: the last link, and what was in it.
    Missing { end: &'a AtomicU64, seen: Link },
}

/// The chain has changed: walk again.
struct Changed;

/// A bucket of a chain, at one moment at which it was in it.
struct Met {
    next: Link,
    head: Head,
    key: KeyHash,
}

impl Met {
    fn place(&self, index: u64) -> Place {
        Place {
            index,
            generation: self.head.generation(),
        }
    }
}

impl<'a, N: Nodes> Directory<'a, N> {
    /// The place of the key's bucket, if a mere look finds it: nobody is changing the
    /// chain, and nothing in it before the bucket is closed. Writes nothing.
    #[inline]
    pub fn peek(self, key: KeyHash) -> Option<Place> {
        let mut prev = self.chain(key);
        // Acquire: as in `walk_once`.
        let mut here = Link(prev.load(Ordering::Acquire));
        for _ in 0..self.nodes.len() {
            let index = here.index().filter(|&index| index < self.nodes.len())?;
            let met = self.meet(index, prev, here).ok()?;
            if met.next.is_marked() || met.head.is_closed() {
                return None;
            }
            if met.key == key {
                return Some(met.place(index));
            }
            (prev, here) = (&self.nodes.node(index).read.link, met.next);
        }
        None
    }

    /// Whose bucket that index is, if it is in use: by a mere look, which writes nothing. What
    /// others are changing meanwhile may be missed.
    pub fn glimpse(self, index: u64) -> Option<(Place, KeyHash)> {
        let node = self.present(index);
        let (key, place) = (
            node.key_hash(),
            Place {
                index,
                generation: node.generation,
            },
        );
        let mut here = Link(self.chain(key).load(Ordering::Acquire));
        for _ in 0..self.nodes.len() {
            let met = here.index().filter(|&met| met < self.nodes.len())?;
            if met == index {
                return (!node.head_now().is_closed()).then_some((place, key));
            }
            here = Link(self.nodes.node(met).read.link.load(Ordering::Acquire));
        }
        None
    }

    /// The place of the key's bucket, if it has one. Takes closed buckets out of the chain
    /// on its way: so the caller counts as one who can own a bucket.
    pub fn find(self, key: KeyHash) -> Result<Option<Place>, Damaged> {
        Ok(match self.walk(key)? {
            Found::There(place) => Some(place),
            Found::Missing { .. } => None,
        })
    }

    pub(super) fn walk(self, key: KeyHash) -> Result<Found<'a>, Damaged> {
        loop {
            if let Ok(found) = self.walk_once(key)? {
                return Ok(found);
            }
        }
    }

    #[inline]
    fn walk_once(self, key: KeyHash) -> Result<Result<Found<'a>, Changed>, Damaged> {
        let mut prev = self.chain(key);
        // Acquire, here and at each link: pairs with the Release of the CAS that put the
        // bucket there; its owner had opened it before.
        let mut here = Link(prev.load(Ordering::Acquire));
        let mut steps = 0;
        loop {
            let Some(index) = here.index() else {
                return Ok(Ok(Found::Missing {
                    end: prev,
                    seen: here,
                }));
            };
            steps += 1;
            if index >= self.nodes.len() || steps > self.longest_walk() {
                return Err(Damaged);
            }
            let Ok(met) = self.meet(index, prev, here) else {
                return Ok(Err(Changed));
            };
            let next = met.next;
            if next.is_marked() {
                if !swap(prev, here, here.to(next.index())) {
                    return Ok(Err(Changed));
                }
                self.give_back(index);
                here = here.to(next.index());
            } else if met.head.is_closed() {
                // Whoever was first, the next round finds it marked.
                swap(self.link_of(index), next, next.marked());
            } else if met.key == key {
                return Ok(Ok(Found::There(met.place(index))));
            } else {
                (prev, here) = (self.link_of(index), next);
            }
        }
    }
}

impl<N: Nodes> Directory<'_, N> {
    /// Reads the bucket that the link `prev` led to when it was `here`.
    #[inline]
    fn meet(self, index: u64, prev: &AtomicU64, here: Link) -> Result<Met, Changed> {
        let node = self.nodes.node(index);
        let met = Met {
            next: Link(node.read.link.load(Ordering::Acquire)),
            head: node.head_now(),
            key: node.key_hash(),
        };
        // Acquire: with those of the loads above, keeps it behind them. The same tag
        // as before vouches for them: the bucket was in the chain all the while.
        if prev.load(Ordering::Acquire) == here.0 {
            Ok(met)
        } else {
            Err(Changed)
        }
    }

    /// More looks than any walk takes: each bucket is met, found closed, marked by
    /// somebody else, and taken out, at most once each.
    fn longest_walk(self) -> u64 {
        4 * self.nodes.len() + 64
    }
}

/// Changes a link that still is as it was read.
pub(super) fn swap(link: &AtomicU64, from: Link, to: Link) -> bool {
    // Release: pairs with the Acquire in `walk_once`, `peek` and `meet`. Relaxed: a failure
    // walks again.
    link.compare_exchange(from.0, to.0, Ordering::Release, Ordering::Relaxed)
        .is_ok()
}
