//! The one place where mapped bytes become words. All unsafe code is here.
//!
//! What makes it sound: every word of a segment is an atomic u64, valid for any bits;
//! all processes access them atomically; the mapping is shared, page-aligned, writable
//! (or nobody writes: a write would end the process, as it should), and lives as long as the references; and a shape is checked against the mapped
//! length before any address is computed from it. A peer may write garbage: then
//! answers are wrong. A peer that truncates the file makes access fault (SIGBUS):
//! whoever may write the file may stop its users, and file modes say who may.

#![allow(unsafe_code)]

use super::counts::{Line, Sketch};
use super::layout::{BucketWords, HEADER, Header, Shape};
use crate::directory::{Nodes, Stock};
use crate::ring::Ring;
use crate::sync::AtomicU64;
use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::mem::size_of;
use std::num::NonZero;
use std::ptr::NonNull;
use std::sync::Arc;

/// A mapped segment whose length fits its shape. A clone is the same mapping.
#[derive(Clone, Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    shape: Shape,
    /// The first bucket, bytes from one to the next, and slots of each: as the shape says.
    buckets: NonNull<u8>,
    stride: usize,
    capacity: NonZero<usize>,
    /// Whether the words may be written: else a write would end the process.
    may_write: bool,
    memory: Arc<Memory>,
}

/// What keeps the bytes mapped.
enum Memory {
    File(MmapRaw),
    /// No file: this process's alone.
    Anonymous {
        _raw: MmapRaw,
    },
    #[cfg(feature = "portable")]
    Portable {
        _shared: shared_memory::Shmem,
    },
}

// SAFETY: the handle is used by `flush`, which any thread may call, and by drop.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

// SAFETY: the bytes are accessed as atomic words only; and the memory may be shared.
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

    /// The same of a file that may only be read. All that is done with it must be loads.
    pub fn of_file_to_read<E: From<io::Error>>(
        file: &File,
        len: u64,
        shape_of: impl FnOnce(&Header) -> Result<Shape, E>,
    ) -> Result<Self, E> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let raw = MmapOptions::new().len(len.max(1)).map_raw_read_only(file)?;
        let mapping = Self::new(raw.as_mut_ptr(), len, Memory::File(raw), shape_of)?;
        Ok(Self {
            may_write: false,
            ..mapping
        })
    }

    /// Zeros for a segment of that shape, which only this process has. A child that is
    /// forked has a copy.
    pub fn anonymous(shape: Shape) -> io::Result<Self> {
        let len = usize::try_from(shape.size()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let raw = MmapRaw::from(MmapOptions::new().len(len).map_anon()?);
        Self::new(
            raw.as_mut_ptr(),
            len,
            Memory::Anonymous { _raw: raw },
            |_| Ok(shape),
        )
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
        let capacity = NonZero::new(shape.capacity as usize);
        let capacity = capacity.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        // SAFETY: it was checked that shape.size() bytes are mapped, and the first bucket is
        // within them.
        let buckets = unsafe { base.add(shape.first_bucket() as usize) };
        Ok(Self {
            base,
            shape,
            buckets,
            stride: shape.stride() as usize,
            capacity,
            may_write: true,
            memory: Arc::new(memory),
        })
    }

    /// How the segment is divided.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether its words may be written.
    pub fn may_write(&self) -> bool {
        self.may_write
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
    pub fn ring(&self, index: u64) -> Ring<'_> {
        assert!(index < self.shape.buckets, "there is no such bucket");
        // SAFETY: `new` checked that shape.size() bytes are mapped, and the index is below
        // shape.buckets: so this bucket's stride is within them. The base, the first bucket
        // and the stride are multiples of 128, the alignment of BucketWords. The module says
        // why the words are valid.
        let (words, slots) = unsafe {
            let bucket = self.buckets.add(index as usize * self.stride);
            let first = bucket.add(size_of::<BucketWords>()).cast::<AtomicU64>();
            let slots = NonNull::slice_from_raw_parts(first, self.capacity.get());
            (bucket.cast::<BucketWords>().as_ref(), slots.as_ref())
        };
        Ring {
            head: &words.head.head,
            read: &words.read,
            gate: &self.header().gate,
            slots,
            generation: 0,
            key: None,
            may_help: self.may_write,
        }
    }

    /// The table of chains; empty where there is none.
    #[inline]
    fn table(&self) -> &[AtomicU64] {
        // SAFETY: `new` checked that shape.size() bytes are mapped, and the table lies
        // between HEADER and the first bucket. HEADER is a multiple of 128. The module
        // says why the words are valid.
        unsafe {
            let first = self.base.add(HEADER).cast::<AtomicU64>();
            NonNull::slice_from_raw_parts(first, self.shape.table as usize).as_ref()
        }
    }

    /// The line of that index and, where there are keys, its sketch. The index is below the
    /// shape's number of lines.
    pub fn record(&self, index: u64) -> Record<'_> {
        assert!(index < self.shape.lines(), "there is no such line");
        let place = self.shape.first_line() + index * self.shape.line_stride();
        // SAFETY: `new` checked that shape.size() bytes are mapped, and the index is below
        // shape.lines(): so this line's stride is within them.
        let line = unsafe { self.base.add(place as usize) };
        Record {
            line: line.cast(),
            mapping: self,
        }
    }

    /// The same of what [`Record::as_ptr`] gave, in one step less; none if that is null.
    ///
    /// # Safety
    ///
    /// The pointer is of a record of this mapping, or null.
    #[inline(always)]
    pub unsafe fn record_at(&self, line: *mut Line) -> Option<Record<'_>> {
        NonNull::new(line).map(|line| Record {
            line,
            mapping: self,
        })
    }

    /// Writes the pages to the file's storage, if there is one, and waits for that.
    pub fn flush(&self) -> io::Result<()> {
        match &*self.memory {
            Memory::File(raw) => raw.flush(),
            Memory::Anonymous { .. } => Ok(()),
            #[cfg(feature = "portable")]
            Memory::Portable { .. } => Ok(()),
        }
    }
}

/// A line, and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'m> {
    line: NonNull<Line>,
    mapping: &'m Mapping,
}

impl<'m> Record<'m> {
    /// Its words.
    #[inline(always)]
    pub fn line(self) -> &'m Line {
        // SAFETY: as many bytes as the stride are mapped here, no fewer than a Line has, as
        // long as the mapping lives. The first line's place and the stride are multiples of
        // 128, the alignment of Line. The module says why the words are valid.
        unsafe { self.line.as_ref() }
    }

    /// The sketch behind it, where there are keys.
    #[inline(always)]
    pub fn sketch(self) -> Option<&'m Sketch> {
        // SAFETY: as above: where there is a table, the stride is that of both.
        (self.mapping.shape.table > 0).then(|| unsafe { self.line.add(1).cast().as_ref() })
    }

    /// Where it is.
    pub fn as_ptr(self) -> *mut Line {
        self.line.as_ptr()
    }

    /// Which of the lines it is.
    pub fn index(self) -> u64 {
        let shape = self.mapping.shape;
        let place = self.as_ptr().addr() - self.mapping.base.as_ptr().addr();
        (place as u64 - shape.first_line()) / shape.line_stride()
    }
}

impl Nodes for Mapping {
    #[inline]
    fn table(&self) -> &[AtomicU64] {
        self.table()
    }

    #[inline]
    fn stock(&self) -> &Stock {
        &self.header().stock
    }

    #[inline]
    fn len(&self) -> u64 {
        self.shape.buckets
    }

    #[inline]
    fn node(&self, index: u64) -> Ring<'_> {
        self.ring(index)
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Anonymous { .. } => "Anonymous",
            #[cfg(feature = "portable")]
            Self::Portable { .. } => "Portable",
        })
    }
}
