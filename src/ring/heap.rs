//! One bucket's words on the heap: for limiters within one process, and for models.

use super::Ring;
use crate::sync::AtomicU64;
use crossbeam_utils::CachePadded;

/// The words of one bucket, with nothing reserved yet.
#[derive(Debug)]
pub struct Heap {
    head: CachePadded<AtomicU64>,
    tail: CachePadded<AtomicU64>,
    newest_void: AtomicU64,
    paused_until: AtomicU64,
    all_paused_until: AtomicU64,
    version: AtomicU64,
    slots: Box<[AtomicU64]>,
}

impl Heap {
    /// A bucket that remembers `capacity` permits, a power of two.
    pub fn new(capacity: u64) -> Self {
        Self {
            // Seqs start on lap 1: zeroed slots are of lap 0, so unstamped.
            head: CachePadded::new(AtomicU64::new(capacity)),
            tail: CachePadded::new(AtomicU64::new(capacity)),
            newest_void: AtomicU64::new(0),
            paused_until: AtomicU64::new(0),
            all_paused_until: AtomicU64::new(0),
            version: AtomicU64::new(0),
            slots: (0..capacity).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The words, as the ring takes them.
    #[inline]
    pub fn ring(&self) -> Ring<'_> {
        Ring {
            head: &self.head,
            tail: &self.tail,
            newest_void: &self.newest_void,
            paused_until: &self.paused_until,
            all_paused_until: &self.all_paused_until,
            version: &self.version,
            slots: &self.slots,
            generation: 0,
        }
    }
}
