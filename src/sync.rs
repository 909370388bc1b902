//! The only file that names atomics: std's in production, loom's under `--cfg loom`.
//!
//! Every other file uses the wrapper here, so that clippy's `disallowed-types` can
//! forbid all others, and a model checks the very code that ships.

#![allow(clippy::disallowed_types)]

#[cfg(loom)]
use loom::sync::atomic as imp;
#[cfg(not(loom))]
use std::sync::atomic as imp;

pub use imp::Ordering;
// Not for shared words: models do not go that far up.
#[cfg(not(loom))]
pub use std::sync::atomic::AtomicPtr;

// Called before every access of this thread to a shared word: so that a test can
// stop a caller at any of them, let others go first, or end it there.
#[cfg(all(test, not(loom)))]
thread_local! {
    pub static BEFORE_ACCESS: std::cell::Cell<fn()> = const { std::cell::Cell::new(|| {}) };
}

#[inline(always)]
fn before_access() {
    #[cfg(all(test, not(loom)))]
    BEFORE_ACCESS.get()();
}

/// One shared word, with just the operations that the crate uses.
#[cfg_attr(not(loom), repr(transparent))]
#[derive(Debug, Default)]
pub struct AtomicU64 {
    word: imp::AtomicU64,
    // Loom orders a write against the last access of its word only. If that was a read
    // by the writer itself, loom never tries the write before an earlier read by another
    // thread, and every compare-exchange here comes after such a read. With this, two
    // reads of one word conflict, and loom tries both orders. Relaxed: else it orders
    // nothing.
    #[cfg(loom)]
    reads: imp::AtomicU64,
}

impl AtomicU64 {
    /// A word that holds `value`.
    #[cfg(not(loom))]
    pub const fn new(value: u64) -> Self {
        Self {
            word: imp::AtomicU64::new(value),
        }
    }

    /// A word that holds `value`.
    #[cfg(loom)]
    pub fn new(value: u64) -> Self {
        Self {
            word: imp::AtomicU64::new(value),
            reads: imp::AtomicU64::new(0),
        }
    }

    /// Reads the word.
    #[inline(always)]
    pub fn load(&self, order: Ordering) -> u64 {
        before_access();
        #[cfg(loom)]
        self.reads.fetch_add(0, Ordering::Relaxed);
        self.word.load(order)
    }

    /// Writes the word.
    #[inline(always)]
    pub fn store(&self, value: u64, order: Ordering) {
        before_access();
        self.word.store(value, order);
    }

    /// Writes `new` if the word holds `current`; says what it held.
    #[inline(always)]
    pub fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        before_access();
        self.word.compare_exchange(current, new, success, failure)
    }

    /// Raises the word to at least `value`; says what it held.
    #[inline(always)]
    pub fn fetch_max(&self, value: u64, order: Ordering) -> u64 {
        before_access();
        self.word.fetch_max(value, order)
    }

    /// Sets bits; says what the word held.
    #[inline(always)]
    pub fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        before_access();
        self.word.fetch_or(bits, order)
    }

    /// Clears all bits but those of `mask`; says what the word held.
    #[inline(always)]
    pub fn fetch_and(&self, mask: u64, order: Ordering) -> u64 {
        before_access();
        self.word.fetch_and(mask, order)
    }

    /// Writes a zero that nobody has written to yet over itself: so that the system finds a
    /// page for it. A model has no pages.
    #[inline]
    pub fn touch(&self) {
        before_access();
        if cfg!(not(loom)) {
            // A swap, for compilers leave out a `fetch_or` of nothing. Relaxed: nothing
            // changes; and who loads the word from here on is as much behind the store before
            // it as without this.
            let _ = self
                .word
                .compare_exchange(0, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Adds; says what the word held.
    #[inline(always)]
    pub fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        before_access();
        self.word.fetch_add(value, order)
    }
}

/// Lets other processors go first, for `pauses` times as long as one takes to notice
/// what another has written.
#[inline]
pub fn pause(pauses: u32) {
    if cfg!(not(loom)) {
        for _ in 0..pauses {
            std::hint::spin_loop();
        }
    }
}

/// Lets whoever else can run go first. A model does that anyway.
pub fn let_others_go() {
    if cfg!(not(loom)) {
        std::thread::yield_now();
    }
}
