//! A bucket for a key that has none.

use super::find::{Damaged, Found, swap};
use super::{Directory, Nodes, Place};
use crate::ring::word::Link;
use crate::ring::{Clock, Plan, Refusal};
use crate::sync::Ordering;

use super::key::Key;

/// Why there is no bucket for a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoBucket {
    /// All are taken, and none that was looked at is quiescent.
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
            let place = match self.private_bucket(key, plan, clock) {
                Err(NoBucket::Full) => return self.find_in_full(key),
                made => made?,
            };
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

    /// Who took the last bucket may have done so for the very same key. A mere look: a
    /// walk might give a bucket back that is then nobody's, with all refused.
    fn find_in_full(self, key: &Key) -> Result<Place, NoBucket> {
        self.peek(key.hash).ok_or_else(|| {
            // Relaxed: a statistic.
            let full_refusals = &self.nodes.stock().full_refusals;
            full_refusals.fetch_add(1, Ordering::Relaxed);
            NoBucket::Full
        })
    }

    /// A bucket that is open for the key, and that nobody else can find.
    fn private_bucket(self, key: &Key, plan: &Plan, clock: &impl Clock) -> Result<Place, NoBucket> {
        let index = match self.take() {
            Some(index) => index,
            None => self.make_room(plan, clock)?,
        };
        let node = self.nodes.node(index);
        key.write_label(&node.read.label);
        let head = node.open_for(key.hash);
        Ok(Place {
            index,
            generation: head.generation(),
        })
    }
}
