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

/// A mapped segment whose length fits its shape.
#[derive(Debug)]
pub struct Mapping {
    raw: MmapRaw,
    shape: Shape,
}

impl Mapping {
    /// Maps the file, which is `shape.size()` bytes long.
    pub fn new(file: &File, shape: Shape) -> io::Result<Self> {
        Self::with_shape_from(file, shape.size(), |_| Ok(shape))
    }

    /// Maps the first `len` bytes of the file, and has `shape_of` read the shape from
    /// the header. A shape that is not exactly `len` bytes is an error.
    pub fn with_shape_from<E: From<io::Error>>(
        file: &File,
        len: u64,
        shape_of: impl FnOnce(&Header) -> Result<Shape, E>,
    ) -> Result<Self, E> {
        let mapped = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        if mapped < HEADER {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let raw = MmapOptions::new().len(mapped).map_raw(file)?;
        let shape = shape_of(header(&raw))?;
        if shape.size() != len {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        }
        Ok(Self { raw, shape })
    }

    /// How the segment is divided.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The header's words.
    #[inline]
    pub fn header(&self) -> &Header {
        header(&self.raw)
    }

    /// The words of one bucket, as the ring takes them. The index is below the
    /// shape's number of buckets.
    #[inline]
    pub fn ring(&self, index: u64, generation: u64) -> Ring<'_> {
        assert!(index < self.shape.buckets);
        let gate = &self.header().gate;
        let offset = HEADER + (index * self.shape.stride()) as usize;
        // SAFETY: `with_shape_from` checked that shape.size() bytes are mapped, and the
        // index is below shape.buckets: so offset + stride is within the mapping. Its
        // base is page-aligned, and HEADER and the stride are multiples of 128, the
        // alignment of BucketWords. The module says why the words are valid.
        let (words, slots) = unsafe {
            let base = self.raw.as_mut_ptr().add(offset);
            let words = &*base.cast::<BucketWords>();
            let first = base.add(size_of::<BucketWords>()).cast::<AtomicU64>();
            (words, std::slice::from_raw_parts(first, self.shape.capacity as usize))
        };
        Ring {
            head: &words.head.head,
            tail: &words.read.tail,
            newest_void: &words.read.newest_void,
            paused_until: &words.read.paused_until,
            all_paused_until: &gate.all_paused_until,
            version: &gate.version,
            slots,
            generation,
        }
    }

    /// Writes the pages to the file's storage, and waits for that.
    pub fn flush(&self) -> io::Result<()> {
        self.raw.flush()
    }
}

#[inline]
fn header(raw: &MmapRaw) -> &Header {
    // SAFETY: at least HEADER bytes are mapped, which is no less than a Header (asserted
    // in `layout`); the base is page-aligned. The module says why the words are valid.
    unsafe { &*raw.as_mut_ptr().cast::<Header>() }
}
