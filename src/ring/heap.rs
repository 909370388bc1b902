//! One bucket's words on the heap: for limiters within one process, and for models.

use super::{Gate, ReadLine, Ring};
use crate::sync::{AtomicU64, Ordering};
use crossbeam_utils::CachePadded;

/// The words of one bucket, with nothing reserved yet.
#[derive(Debug)]
pub struct Heap {
    head: CachePadded<AtomicU64>,
    read: ReadLine,
    gate: Gate,
    slots: Box<[AtomicU64]>,
}

impl Heap {
    /// A bucket that remembers `capacity` permits, a power of two.
    pub fn new(capacity: u64) -> Self {
        let heap = Self {
            // Seqs start on lap 1: zeroed slots are of lap 0, so unstamped.
            head: CachePadded::new(AtomicU64::new(capacity)),
            read: ReadLine::default(),
            gate: Gate::default(),
            slots: (0..capacity).map(|_| AtomicU64::new(0)).collect(),
        };
        // Relaxed: nobody else has it yet.
        heap.read.tail.store(capacity, Ordering::Relaxed);
        heap
    }

    /// The words, as the ring takes them.
    #[inline]
    pub fn ring(&self) -> Ring<'_> {
        Ring {
            head: &self.head,
            read: &self.read,
            gate: &self.gate,
            slots: &self.slots,
            generation: 0,
        }
    }
}
