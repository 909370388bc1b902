//! Memory that forked processes share.

#![allow(unsafe_code)] // maps memory, and reads it as a type

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A type that may live in fresh shared memory.
///
/// # Safety
/// All bytes zero must be a valid value, several processes may use it at once
/// through `&self`, and it must not point to anything.
pub unsafe trait Shareable: Sync {}

// SAFETY: zero is a valid value, and atomics may be shared by processes.
unsafe impl Shareable for AtomicU64 {}
// SAFETY: as above.
unsafe impl Shareable for AtomicU32 {}
// SAFETY: nothing to share.
unsafe impl Shareable for () {}
// SAFETY: an array of valid values is one.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {}

/// A value on two cache lines of its own (two, for the prefetcher of pairs).
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Padded<T>(pub T);

// SAFETY: padding adds bytes that nobody reads.
unsafe impl<T: Shareable> Shareable for Padded<T> {}

/// A zeroed `T` in anonymous memory that every process forked from this one shares.
#[derive(Debug)]
pub struct Shared<T: Shareable> {
    value: NonNull<UnsafeCell<T>>,
}

// SAFETY: a pointer to a mapping may move between threads, and `T` is Sync.
unsafe impl<T: Shareable> Send for Shared<T> {}
// SAFETY: only `&T` is given out, and `T` is Sync.
unsafe impl<T: Shareable> Sync for Shared<T> {}

impl<T: Shareable> Shared<T> {
    const SIZE: NonZeroUsize = match NonZeroUsize::new(size_of::<T>()) {
        Some(size) => size,
        None => NonZeroUsize::MIN,
    };

    /// Maps zeroed memory for one `T`.
    pub fn new() -> nix::Result<Self> {
        const { assert!(align_of::<T>() <= 4096, "a page is as aligned as it gets") };
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping overlaps nothing.
        let page = unsafe { mmap_anonymous(None, Self::SIZE, access, MapFlags::MAP_SHARED)? };
        Ok(Self { value: page.cast() })
    }
}

impl<T: Shareable> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: mapped until drop, aligned to a page, and valid because all
        // bytes began as zero; others change it only through `&T`.
        unsafe { &*self.value.as_ref().get() }
    }
}

impl<T: Shareable> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size, and no reference outlives self.
        let unmapped = unsafe { munmap(self.value.cast::<c_void>(), Self::SIZE.get()) };
        debug_assert!(unmapped.is_ok());
    }
}
