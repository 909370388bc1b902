//! A lock on a file.

#![allow(unsafe_code)] // calls flock(2): the standard library's `File::lock` is newer than the MSRV

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::Lock;

/// `flock(2)` on a file in memory. The lock belongs to the open file, so each
/// process opens it anew: what it inherits, it would share with its parent.
pub struct FileLock {
    file: File,
}

impl Lock for FileLock {
    type Word = ();
    type Key = File;

    const NAMES: [&'static str; 2] = ["flock", "flock, clock first"];

    fn create((): &()) -> io::Result<Self> {
        let file = memfd_create("tidegate-bench", MFdFlags::MFD_CLOEXEC)?.into();
        Ok(Self { file })
    }

    fn key(&self) -> io::Result<File> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        OpenOptions::new().read(true).write(true).open(path)
    }

    fn lock((): &(), file: &File) {
        // SAFETY: an open file.
        while unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } != 0 {
            let error = io::Error::last_os_error();
            assert_eq!(error.kind(), io::ErrorKind::Interrupted, "flock: {error}");
        }
    }

    fn unlock((): &(), file: &File) {
        // SAFETY: an open file.
        let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
        debug_assert_eq!(result, 0, "flock");
    }
}
