//! A page of this process alone, which a forked child finds full of zeros: so what is in it
//! was written by this very process, and nobody needs to ask the system which process this is.

#![allow(unsafe_code)]

use super::line::Line;
use super::threads::NUMBERS;
use crate::segment::mapping::{Mapping, Record};
use crate::sync::{AtomicPtr, AtomicU64, Ordering};
use memmap2::{MmapOptions, MmapRaw};
use nix::sys::mman::{MmapAdvise, madvise};
use std::io;
use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};

/// Words that are zero at first.
#[repr(C)]
#[derive(Debug)]
struct Words {
    /// The line that the thread of that number counts on: null, [`OTHERS`], or its own.
    lines: [AtomicPtr<Line>; NUMBERS],
    /// A bit for each line that a thread of this process has, or is trying to get.
    taken: [AtomicU64; MOST_LINES / 64],
}

/// How many lines are told apart in a page.
pub const MOST_LINES: usize = 16_384;

/// The line of those that have none of their own.
const OTHERS: *mut Line = ptr::without_provenance_mut(1);

const PAGE: usize = 4096;
const _: () = assert!(size_of::<Words>() == PAGE && align_of::<Words>() <= PAGE);

/// Such a page, for the lines of a mapping.
#[derive(Debug)]
pub struct Page {
    words: NonNull<Words>,
    mapping: Mapping,
    /// Whether the system wipes it for a child.
    is_wiped: bool,
    _memory: MmapRaw,
}

// SAFETY: the words are atomic, and live as long as the page.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Page {
    pub fn new(mapping: Mapping) -> io::Result<Self> {
        let memory = MmapRaw::from(MmapOptions::new().len(PAGE).map_anon()?);
        let base = NonNull::new(memory.as_mut_ptr()).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: the page is mapped, and nobody else's; the advice changes what a child sees.
        let advised = unsafe { madvise(base.cast(), PAGE, MmapAdvise::MADV_WIPEONFORK) };
        Ok(Self {
            words: base.cast(),
            mapping,
            is_wiped: advised.is_ok(),
            _memory: memory,
        })
    }

    /// Whose lines it is for.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Whether a child finds it empty: else it is to say nothing.
    pub fn is_wiped(&self) -> bool {
        self.is_wiped
    }

    #[inline(always)]
    fn words(&self) -> &Words {
        // SAFETY: the page is mapped as long as self, is aligned, and as large as Words; its
        // words are atomic, and zeros are valid for them: null, and 0.
        unsafe { self.words.as_ref() }
    }

    /// The line of this process's thread of that number, if it has one of its own.
    #[inline(always)]
    pub fn own(&self, number: usize) -> Option<Record<'_>> {
        // Relaxed: this thread wrote it, or one that had its number before, and gave that back.
        let line = self.words().lines[number].load(Ordering::Relaxed);
        if line.addr() <= OTHERS.addr() {
            return None;
        }
        // SAFETY: only `give` writes what is neither null nor OTHERS: a record of this mapping,
        // which lives as long as self.
        unsafe { self.mapping.record_at(line) }
    }

    /// Whether that thread was found to be one of those that have none.
    pub fn is_other(&self, number: usize) -> bool {
        self.words().lines[number].load(Ordering::Relaxed) == OTHERS
    }

    /// Makes a line that thread's own; or none.
    pub fn give(&self, number: usize, line: Option<Record<'_>>) {
        // Never one of another mapping.
        let line = line.map_or(OTHERS, |record| {
            self.mapping.record(record.index()).as_ptr()
        });
        self.words().lines[number].store(line, Ordering::Relaxed);
    }

    /// Whether no thread of this process has a line, or is trying to get one.
    pub fn has_none(&self) -> bool {
        let taken = &self.words().taken;
        taken.iter().all(|word| word.load(Ordering::Relaxed) == 0)
    }

    /// Reserves that line for a thread; whether no other thread of this process had done so.
    pub fn reserve(&self, line: u64) -> bool {
        let (word, bit) = self.bit(line);
        // Acquire: pairs with the Release in `release`.
        word.fetch_or(bit, Ordering::Acquire) & bit == 0
    }

    /// Lets other threads try for that line.
    pub fn release(&self, line: u64) {
        let (word, bit) = self.bit(line);
        // Release: pairs with the Acquire in `reserve`.
        word.fetch_and(!bit, Ordering::Release);
    }

    fn bit(&self, line: u64) -> (&AtomicU64, u64) {
        let line = line as usize % MOST_LINES;
        (&self.words().taken[line / 64], 1 << (line % 64))
    }
}
