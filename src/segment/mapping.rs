//! The one place where mapped bytes become words. All unsafe code is here.
//!
//! What makes it sound: every word of a segment is an atomic u64, valid for any bits;
//! all processes access them atomically; the mapping is shared, writable, page-aligned,
//! and lives as long as the references; and a shape is checked against the mapped
//! length before any address is computed from it. A peer may write garbage: then
//! answers are wrong. A peer that truncates the file makes access fault (SIGBUS):
//! whoever may write the file may stop its users, and file modes say who may.

#![allow(unsafe_code)]

use super::layout::{BucketWords, HEADER, Header, Shape};
use crate::ring::Ring;
use crate::sync::AtomicU64;
use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::mem::size_of;
use std::ptr::NonNull;

/// A mapped segment whose length fits its shape.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    shape: Shape,
    memory: Memory,
}

/// What keeps the bytes mapped.
enum Memory {
    File(MmapRaw),
    #[cfg(feature = "portable")]
    Portable {
        _shared: shared_memory::Shmem,
    },
}

// SAFETY: the bytes are accessed as atomic words only; the memory's handle is used by
// `flush`, which any thread may call, and by drop.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of the file, and has `shape_of` read the shape from
    /// the header. A shape of more bytes is an error.
    pub fn of_file<E: From<io::Error>>(
        file: &File,
        len: u64,
        shape_of: impl FnOnce(&Header) -> Result<Shape, E>,
    ) -> Result<Self, E> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let raw = MmapOptions::new().len(len.max(1)).map_raw(file)?;
        Self::new(raw.as_mut_ptr(), len, Memory::File(raw), shape_of)
    }

    /// The same for the system's shared memory.
    #[cfg(feature = "portable")]
    pub fn of_shared_memory<E: From<io::Error>>(
        shared: shared_memory::Shmem,
        shape_of: impl FnOnce(&Header) -> Result<Shape, E>,
    ) -> Result<Self, E> {
        Self::new(
            shared.as_ptr(),
            shared.len(),
            Memory::Portable { _shared: shared },
            shape_of,
        )
    }

    fn new<E: From<io::Error>>(
        base: *mut u8,
        len: usize,
        memory: Memory,
        shape_of: impl FnOnce(&Header) -> Result<Shape, E>,
    ) -> Result<Self, E> {
        let base =
            NonNull::new(base).filter(|base| base.cast::<Header>().is_aligned() && len >= HEADER);
        let base = base.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        // SAFETY: len bytes are mapped at base, no fewer than a Header has (asserted in
        // `layout`), and aligned for it. The module says why the words are valid.
        let header = unsafe { base.cast::<Header>().as_ref() };
        let shape = shape_of(header)?;
        if shape.size() > len as u64 {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        }
        Ok(Self {
            base,
            shape,
            memory,
        })
    }

    /// How the segment is divided.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The header's words.
    #[inline]
    pub fn header(&self) -> &Header {
        // SAFETY: as in `new`; the memory stays mapped as long as self.
        unsafe { self.base.cast::<Header>().as_ref() }
    }

    /// The words of one bucket, as the ring takes them. The index is below the
    /// shape's number of buckets.
    #[inline]
    pub fn ring(&self, index: u64, generation: u64) -> Ring<'_> {
        assert!(
            index < self.shape.buckets,
            "bucket {index} of {}",
            self.shape.buckets
        );
        let offset = HEADER + (index * self.shape.stride()) as usize;
        // SAFETY: `new` checked that shape.size() bytes are mapped, and the index is below
        // shape.buckets: so offset + stride is within them. The base, HEADER and the
        // stride are multiples of 128, the alignment of BucketWords. The module says
        // why the words are valid.
        let (words, slots) = unsafe {
            let bucket = self.base.add(offset);
            let first = bucket.add(size_of::<BucketWords>()).cast::<AtomicU64>();
            let slots = NonNull::slice_from_raw_parts(first, self.shape.capacity as usize);
            (bucket.cast::<BucketWords>().as_ref(), slots.as_ref())
        };
        Ring {
            head: &words.head.head,
            read: &words.read,
            gate: &self.header().gate,
            slots,
            generation,
        }
    }

    /// Writes the pages to the file's storage, if there is one, and waits for that.
    pub fn flush(&self) -> io::Result<()> {
        match &self.memory {
            Memory::File(raw) => raw.flush(),
            #[cfg(feature = "portable")]
            Memory::Portable { .. } => Ok(()),
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            #[cfg(feature = "portable")]
            Self::Portable { .. } => "Portable",
        })
    }
}
