//! One bucket's words on the heap: for tests and models.

use super::{Gate, PlanArea, Rates, ReadLine, Ring};
use crate::sync::{AtomicU64, Ordering};
use crossbeam_utils::CachePadded;

/// The words of one bucket, with nothing reserved yet.
#[derive(Debug)]
pub struct Heap {
    head: CachePadded<AtomicU64>,
    read: ReadLine,
    gate: Gate,
    plans: [PlanArea; 2],
    slots: Box<[AtomicU64]>,
}

impl Heap {
    /// A bucket that remembers `capacity` permits, a power of two; `None` if there is
    /// no memory for that.
    pub fn new(capacity: u64) -> Option<Self> {
        let len = usize::try_from(capacity).ok()?;
        let mut slots = Vec::new();
        slots.try_reserve_exact(len).ok()?;
        slots.resize_with(len, AtomicU64::default);
        let heap = Self {
            // Seqs start on lap 1: zeroed slots are of lap 0, so unstamped.
            head: CachePadded::new(AtomicU64::new(capacity)),
            read: ReadLine::default(),
            gate: Gate::default(),
            plans: Default::default(),
            slots: slots.into_boxed_slice(),
        };
        // Relaxed: nobody else has it yet.
        heap.read.tail.store(capacity, Ordering::Relaxed);
        Some(heap)
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
            key: None,
            may_help: true,
        }
    }

    /// The words that say which rates are in force.
    pub fn rates(&self) -> Rates<'_> {
        Rates {
            version: &self.gate.version,
            areas: &self.plans,
        }
    }
}
