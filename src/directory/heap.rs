//! A directory's words on the heap: for tests and models.

use super::{Nodes, Stock};
use crate::ring::{Gate, ReadLine, Ring};
use crate::sync::{AtomicU64, Ordering};
use crossbeam_utils::CachePadded;

/// The words of a directory in which no key has a bucket yet.
#[derive(Debug)]
pub struct HeapNodes {
    gate: Gate,
    stock: Stock,
    table: Box<[AtomicU64]>,
    nodes: Box<[Node]>,
    slots: Box<[AtomicU64]>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Node {
    head: CachePadded<AtomicU64>,
    read: ReadLine,
}

impl HeapNodes {
    /// `buckets` buckets that remember `capacity` permits each, and a table of `table`
    /// words, both powers of two; `None` if there is no memory for that.
    pub fn new(table: u64, buckets: u64, capacity: u64) -> Option<Self> {
        let heap = Self {
            gate: Gate::default(),
            stock: Stock::default(),
            table: zeros(table)?,
            nodes: zeros(buckets)?,
            slots: zeros(buckets.checked_mul(capacity)?)?,
            capacity: usize::try_from(capacity).ok()?,
        };
        // Relaxed: nobody else has it yet.
        heap.stock.table.store(table, Ordering::Relaxed);
        Some(heap)
    }
}

fn zeros<T: Default>(len: u64) -> Option<Box<[T]>> {
    let len = usize::try_from(len).ok()?;
    let mut all = Vec::new();
    all.try_reserve_exact(len).ok()?;
    all.resize_with(len, T::default);
    Some(all.into_boxed_slice())
}

impl Nodes for HeapNodes {
    #[inline]
    fn table(&self) -> &[AtomicU64] {
        &self.table
    }

    #[inline]
    fn stock(&self) -> &Stock {
        &self.stock
    }

    #[inline]
    fn len(&self) -> u64 {
        self.nodes.len() as u64
    }

    #[inline]
    fn node(&self, index: u64) -> Ring<'_> {
        let index = index as usize;
        let node = &self.nodes[index];
        Ring {
            head: &node.head,
            read: &node.read,
            gate: &self.gate,
            slots: &self.slots[index * self.capacity..][..self.capacity],
            generation: 0,
            key: None,
            may_help: true,
        }
    }
}
