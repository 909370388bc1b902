//! Taking buckets from keys that no longer need them, and from those that lose them.

use super::find::Damaged;
use super::insert::NoBucket;
use super::{Directory, Nodes};
use crate::ring::{Clock, KeyHash, Plan, Refusal};
use crate::sync::Ordering;

/// How many buckets a request looks at that needs one and finds none left. The hand goes
/// on from there: so requests together look at all of them.
const LOOKS: u64 = 256;

impl<N: Nodes> Directory<'_, N> {
    /// Takes the key's bucket from it, whatever is in it: the key begins anew. Whether
    /// it had one.
    pub fn dispose(self, key: KeyHash) -> Result<bool, Damaged> {
        let Some(place) = self.find(key)? else {
            return Ok(false);
        };
        let closed = self.ring(place, Some(key)).close();
        // Takes it out of the chain; or somebody else has.
        self.find(key)?;
        Ok(closed)
    }

    /// Evicts the bucket of that index if it is linked and quiescent. Whether it did.
    pub fn evict(self, index: u64, plan: &Plan, clock: &impl Clock) -> Result<bool, Refusal> {
        let node = self.present(index);
        if !node.was_used() {
            return Ok(false);
        }
        let key = node.key_hash();
        if node.head_now().is_closed() {
            // Who closed it may have died before it took it out of its chain.
            let _ = self.find(key);
            return Ok(false);
        }
        let closed = match node.close_if_quiescent(plan, clock) {
            Err(Refusal::Closed) => false,
            closed => closed?,
        };
        if closed {
            // Relaxed: a statistic.
            self.nodes.stock().evictions.fetch_add(1, Ordering::Relaxed);
            // Damage is met by those who look for a key.
            let _ = self.find(key);
        }
        Ok(closed)
    }

    /// Finds a quiescent bucket, and takes it from its key.
    pub(super) fn make_room(self, plan: &Plan, clock: &impl Clock) -> Result<u64, NoBucket> {
        let used = self.used().max(1);
        // Relaxed: where a search begins matters little.
        let hand = &self.nodes.stock().hand;
        let hand = hand.fetch_add(LOOKS.min(used), Ordering::Relaxed);
        for step in 0..LOOKS.min(used) {
            if self.evict(hand.wrapping_add(step) % used, plan, clock)?
                && let Some(index) = self.take()
            {
                return Ok(index);
            }
        }
        // Others may have given one back meanwhile.
        self.take().ok_or(NoBucket::Full)
    }
}
