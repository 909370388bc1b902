//! A bucket for a key that has none.

use super::evict::Shortage;
use super::find::{Damaged, Found, swap};
use super::{Directory, Nodes, Place};
use crate::ring::word::Link;
use crate::ring::{Clock, Plan, Refusal};
use crate::sync::{self, Ordering};

use super::key::Key;

/// How often one who needs a bucket looks again while one is in another's hands. Those
/// hands may be dead, or stopped for ever: so not for ever. Models do without, or they
/// would be too large: each look is two that they know.
const LOOKS_AGAIN: u32 = if cfg!(loom) { 0 } else { 64 };

/// Why there is no bucket for a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoBucket {
    /// All are taken, and none that was looked at is quiescent, and could be had. One that
    /// is in a caller's hands, on its way to a key or to the stock, is taken, too, if
    /// that caller does not go on while this one looks again: it may be dead, and so
    /// nobody can wait for it.
    Full,
    /// The directory's words contradict each other.
    Damaged,
    /// The rates have changed, or the segment was removed; or it is used up.
    Refused(Refusal),
}

impl From<Damaged> for NoBucket {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl From<Refusal> for NoBucket {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<N: Nodes> Directory<'_, N> {
    /// The place of the key's bucket, which is made if the key has none.
    pub fn find_or_insert(
        self,
        key: &Key,
        plan: &Plan,
        clock: &impl Clock,
    ) -> Result<Place, NoBucket> {
        match self.find(key.hash)? {
            Some(place) => Ok(place),
            None => self.insert(key, plan, clock),
        }
    }

    #[cold]
    fn insert(self, key: &Key, plan: &Plan, clock: &impl Clock) -> Result<Place, NoBucket> {
        loop {
            let (end, seen) = match self.walk(key.hash)? {
                Found::Missing { end, seen } => (end, seen),
                // Somebody else was faster.
                Found::There(place) => return Ok(place),
            };
            let index = match self.obtain(key, plan, clock)? {
                Some(index) => index,
                // Who took the last bucket may have done so for the very same key. A walk,
                // which looks behind what somebody has closed and left there; and may so come by
                // a bucket itself.
                None => match self.find(key.hash)? {
                    Some(place) => return Ok(place),
                    None => self.take().ok_or_else(|| self.full())?,
                },
            };
            let place = self.open(index, key);
            let link = self.link_of(place.index);
            // Relaxed: it is ours. Release: pairs with the Acquire in `meet`. Who still
            // walks where this bucket was in its last life, and sees this link, sees
            // that it has left that chain.
            let old = Link(link.load(Ordering::Relaxed));
            link.store(old.to(None).0, Ordering::Release);
            if swap(end, seen, seen.to(Some(place.index))) {
                return Ok(place);
            }
            // Before the next walk, which may take somebody else's out of the chain: so
            // who dies loses one bucket at most.
            self.present(place.index).close();
            self.give_back(place.index);
        }
    }

    fn full(self) -> NoBucket {
        // Relaxed: a statistic.
        let full_refusals = &self.nodes.stock().full_refusals;
        full_refusals.fetch_add(1, Ordering::Relaxed);
        NoBucket::Full
    }

    /// A bucket that is the caller's alone. None if all are taken; perhaps for this key.
    fn obtain(self, key: &Key, plan: &Plan, clock: &impl Clock) -> Result<Option<u64>, Refusal> {
        if let Some(index) = self.take() {
            return Ok(Some(index));
        }
        Ok(match self.make_room(plan, clock)? {
            Ok(index) => Some(index),
            Err(Shortage::InUse) => None,
            Err(Shortage::InHands) => self.look_again(key),
        })
    }

    /// Of several that bring one key, each may have a bucket for a moment that it then
    /// gives back: lets them go first.
    // In models there is no look.
    #[allow(clippy::reversed_empty_ranges)]
    fn look_again(self, key: &Key) -> Option<u64> {
        for _ in 0..LOOKS_AGAIN {
            sync::let_others_go();
            if self.peek(key.hash).is_some() {
                return None;
            }
            if let Some(index) = self.take() {
                return Some(index);
            }
        }
        None
    }

    /// Opens the caller's own bucket for the key. Nobody else can find it yet.
    fn open(self, index: u64, key: &Key) -> Place {
        let node = self.nodes.node(index);
        key.write_label(&node.read.label);
        let head = node.open_for(key.hash);
        Place {
            index,
            generation: head.generation(),
        }
    }
}
