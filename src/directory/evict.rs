//! Taking buckets from keys that no longer need them, and from those that lose them.

use super::find::Damaged;
use super::{Directory, Nodes, Place};
use crate::ring::{Clock, KeyHash, Plan, Refusal, Ring};
use crate::sync::Ordering;

/// How many buckets a request looks at that needs one and finds none left. The hand goes
/// on from there: so requests together look at all of them.
const LOOKS: u64 = 256;

/// What a bucket was found to be by who could do with it.
enum Looked {
    /// A key's that needs it.
    InUse,
    /// Closed by this look, and out of its chain.
    Evicted,
    /// No key's: about to get into a chain, or to the stock, if its owner lives.
    InHands,
}

/// Why no bucket could be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shortage {
    /// All that were looked at are needed by their keys.
    InUse,
    /// One at least is on its way to a key or to the stock.
    InHands,
}

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
        let looked = self.look_at(index, plan, clock)?;
        Ok(matches!(looked, Looked::Evicted))
    }

    fn look_at(self, index: u64, plan: &Plan, clock: &impl Clock) -> Result<Looked, Refusal> {
        let node = self.present(index);
        if !node.was_used() {
            return Ok(Looked::InHands);
        }
        let key = node.key_hash();
        if node.head_now().is_closed() {
            // Who closed it may have died before it took it out of its chain.
            let _ = self.find(key);
            return Ok(Looked::InHands);
        }
        // Who closed one that is open, and not linked yet, would only make its owner start
        // again.
        let mut in_hands = false;
        let is_linked = || {
            in_hands = !self.is_linked(index, node, key);
            !in_hands
        };
        match node.close_if_quiescent(plan, clock, is_linked) {
            Ok(true) => {}
            Ok(false) if in_hands => return Ok(Looked::InHands),
            Ok(false) => return Ok(Looked::InUse),
            Err(Refusal::Closed) => return Ok(Looked::InHands),
            Err(refusal) => return Err(refusal),
        }
        // Relaxed: a statistic.
        self.nodes.stock().evictions.fetch_add(1, Ordering::Relaxed);
        // Damage is met by those who look for a key.
        let _ = self.find(key);
        Ok(Looked::Evicted)
    }

    /// Whether the bucket is the key's, as it was when it was looked at.
    fn is_linked(self, index: u64, node: Ring<'_>, key: KeyHash) -> bool {
        let place = Place {
            index,
            generation: node.generation,
        };
        self.find(key) == Ok(Some(place))
    }

    /// Finds a quiescent bucket, and takes it from its key.
    pub(super) fn make_room(
        self,
        plan: &Plan,
        clock: &impl Clock,
    ) -> Result<Result<u64, Shortage>, Refusal> {
        let used = self.used().max(1);
        // Relaxed: where a search begins matters little.
        let hand = &self.nodes.stock().hand;
        let hand = hand.fetch_add(LOOKS.min(used), Ordering::Relaxed);
        let mut shortage = Shortage::InUse;
        for step in 0..LOOKS.min(used) {
            let looked = self.look_at(hand.wrapping_add(step) % used, plan, clock)?;
            if matches!(looked, Looked::Evicted)
                && let Some(index) = self.take()
            {
                return Ok(Ok(index));
            }
            if !matches!(looked, Looked::InUse) {
                shortage = Shortage::InHands;
            }
        }
        // Others may have given one back meanwhile.
        Ok(self.take().ok_or(shortage))
    }
}
