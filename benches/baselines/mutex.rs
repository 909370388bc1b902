//! A process-shared robust pthread mutex.

#![allow(unsafe_code)] // calls pthread

use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;

use super::Lock;
use crate::shared::Shareable;

/// The mutex of `pthread_mutexattr_setrobust(3)`: the kernel hands a dead owner's
/// lock to the next caller, who declares the log consistent and goes on.
pub struct RobustMutex;

/// The mutex's memory.
#[repr(transparent)]
pub struct Word(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: pthread functions are made to be called by several threads at once.
unsafe impl Sync for Word {}
// SAFETY: zeroed bytes are a plain mutex to the type; `create` makes the robust one.
unsafe impl Shareable for Word {}

impl Lock for RobustMutex {
    type Word = Word;
    type Key = ();

    const NAMES: [&'static str; 2] = ["robust mutex", "robust mutex, clock first"];

    fn create(word: &Word) -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: attributes are initialised by the first call, and the mutex is
        // in memory that nobody else uses yet.
        unsafe {
            check(libc::pthread_mutexattr_init(attributes))?;
            check(libc::pthread_mutexattr_setpshared(
                attributes,
                libc::PTHREAD_PROCESS_SHARED,
            ))?;
            check(libc::pthread_mutexattr_setrobust(
                attributes,
                libc::PTHREAD_MUTEX_ROBUST,
            ))?;
            check(libc::pthread_mutex_init(word.0.get(), attributes))?;
            check(libc::pthread_mutexattr_destroy(attributes))?;
        }
        Ok(Self)
    }

    fn key(&self) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn lock(word: &Word, (): &()) {
        // SAFETY: initialised by `create`.
        let mut result = unsafe { libc::pthread_mutex_lock(word.0.get()) };
        if result == libc::EOWNERDEAD {
            // The log is never half written (see `Log::decide`).
            // SAFETY: this process holds the mutex, as EOWNERDEAD says.
            result = unsafe { libc::pthread_mutex_consistent(word.0.get()) };
        }
        assert_eq!(result, 0, "pthread_mutex_lock");
    }

    #[inline]
    fn unlock(word: &Word, (): &()) {
        // SAFETY: initialised by `create`, and held by this thread.
        let result = unsafe { libc::pthread_mutex_unlock(word.0.get()) };
        debug_assert_eq!(result, 0, "pthread_mutex_unlock");
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
