//! Many keys in one segment: from a key to its bucket, without a lock.
//!
//! A hash table of chains. A chain is a list of buckets, each named by the link word of the
//! one before it, the first by the table. It is the list of Michael, "High performance
//! dynamic lock-free hash tables and list-based sets" (SPAA 2002), with an index and a tag
//! in place of a pointer; but it is not sorted: new buckets go to the end, so that the
//! one CAS that links a bucket fails if anybody has linked another one since the chain
//! was walked. So a key never has two buckets.
//!
//! ```text
//!   table            buckets
//!  ┌─────┐   link   ┌────────────┐  link  ┌────────────┐
//!  │  ●──┼─────────>│ key hash A │───────>│ key hash B │──■
//!  ├─────┤          └────────────┘        └────────────┘
//!  │  ■  │
//!  ├─────┤ stock: used ▸ buckets that were ever taken    free ▸ those given back
//! ```
//!
//! # The life of a bucket
//!
//! 1. *Nobody's*: zeros beyond `used`, or closed and in the free list. Whoever raises
//!    `used`, or takes the top off the free list, owns it alone.
//! 2. *Private*: its owner opens it for a key, and links it with one CAS.
//! 3. *Linked*: all may find it, and reserve in it.
//! 4. *Closed*: by whoever finds it quiescent, or disposes of its key. Nobody reserves in
//!    it any more. Whoever walks past it marks its link, takes it out of the chain, and,
//!    if that CAS was its own, puts it into the free list.
//!
//! # Who may do what
//!
//! 1. A link word changes by CAS only, unless its bucket is private; and with another tag
//!    each time, so that no value of it comes back (within 2^32 changes).
//! 2. Only a closed bucket is marked, and only on the link word that was read before the
//!    link to it was read again: so it still was in the chain, with that link.
//! 3. Whoever dies with a private bucket loses it for all, until the janitor finds itself
//!    alone: see [`Directory::reclaim`]. Nothing else depends on anybody's life.

mod evict;
mod find;
#[cfg(any(test, loom))]
mod heap;
mod insert;
mod key;
mod rebuild;
mod reclaim;
mod stock;
#[cfg(all(test, not(loom)))]
mod tests;

use crate::ring::{KeyHash, Ring};
use crate::sync::AtomicU64;
pub use find::Damaged;
#[cfg(any(test, loom))]
pub use heap::HeapNodes;
pub use insert::NoBucket;
pub use key::{Key, MAX_KEY, Seed, read_label};
pub use stock::Stock;

/// The words of a directory, wherever they lie.
// Models see it from outside the crate; a directory of no buckets is never made.
#[allow(clippy::len_without_is_empty)]
pub trait Nodes {
    /// The table: a power of two of words.
    fn table(&self) -> &[AtomicU64];
    /// Where buckets come from.
    fn stock(&self) -> &Stock;
    /// How many buckets there are.
    fn len(&self) -> u64;
    /// The bucket of an index below [`len`](Self::len), as one of generation 0.
    fn node(&self, index: u64) -> Ring<'_>;
}

/// Where a key's bucket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which bucket.
    pub index: u64,
    /// In which of its lives.
    pub generation: u64,
}

/// A hash table from keys to buckets.
#[derive(Debug)]
pub struct Directory<'a, N> {
    nodes: &'a N,
}

impl<N> Clone for Directory<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Directory<'_, N> {}

impl<'a, N: Nodes> Directory<'a, N> {
    /// The directory of these words.
    #[inline]
    pub fn new(nodes: &'a N) -> Self {
        Self { nodes }
    }

    /// The bucket at that place, if it is still that key's. Without a key: the only one.
    #[inline]
    pub fn ring(self, place: Place, key: Option<KeyHash>) -> Ring<'a> {
        Ring {
            generation: place.generation,
            key,
            ..self.nodes.node(place.index)
        }
    }

    /// The words about it as a whole.
    pub fn stock(self) -> &'a Stock {
        self.nodes.stock()
    }

    /// Whose bucket that index is, if it is in use.
    pub fn tenant(self, index: u64) -> Option<(Place, KeyHash)> {
        let node = self.present(index);
        let key = node.key_hash();
        let place = self.find(key).ok()?.filter(|place| place.index == index)?;
        Some((place, key))
    }

    /// The bucket of that index, as it is now.
    fn present(self, index: u64) -> Ring<'a> {
        self.nodes.node(index).at_present()
    }

    #[inline]
    fn chain(self, key: KeyHash) -> &'a AtomicU64 {
        let table = self.nodes.table();
        &table[key[0] as usize & (table.len() - 1)]
    }
}
