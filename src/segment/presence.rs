//! Who may own a bucket of the directory: so that the janitor can tell that nobody does.
//!
//! Each handle on a segment, in each process, locks a byte of its own before it first
//! owns a bucket, and holds it for as long as the process has the handle. The kernel
//! unlocks it when the process dies.

use super::Segment;
use super::lock::{self, Lock, Role};
use crate::sync::{AtomicU64, Ordering};
use std::io;
use std::process;
use std::sync::OnceLock;

/// A process's presence; and that of a child which was forked from it, for a child
/// shares its parent's locks, but not its parent's life.
#[derive(Debug, Default)]
pub struct Presence {
    here: OnceLock<Box<Here>>,
}

#[derive(Debug)]
struct Here {
    pid: u32,
    lock: Lock,
    /// Calls of this process that may own a bucket now.
    busy: AtomicU64,
    child: Presence,
}

/// The right to own buckets, until it is dropped.
#[derive(Debug)]
pub struct Entered<'s>(Option<&'s Here>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(here) = self.0 {
            // Release: pairs with the Acquire in `is_alone`. Minus one.
            here.busy.fetch_add(u64::MAX, Ordering::Release);
        }
    }
}

impl Segment {
    /// Is asked for before a call that may own a bucket, however briefly. Where no lock is
    /// to be had, the segment remembers it: nobody will ever believe itself alone.
    pub fn enter(&self) -> Entered<'_> {
        match self.here() {
            Ok(here) => {
                // Acquire: pairs with nothing; keeps what follows behind it, as the lock does.
                here.busy.fetch_add(1, Ordering::Acquire);
                Entered(Some(here))
            }
            Err(_) => {
                // Relaxed: it is set before this call owns anything, in program order, and
                // read after the locks.
                self.header().stock.uncounted.store(1, Ordering::Relaxed);
                Entered(None)
            }
        }
    }

    /// Whether nobody else could own a bucket at some moment of this call. Its own calls
    /// do, while they are under way.
    pub fn is_alone(&self) -> bool {
        let Ok(here) = self.here() else {
            return false;
        };
        let is_unlocked = || -> io::Result<bool> {
            let Some(inode) = self.inode() else {
                return Ok(false);
            };
            let file = inode.reopen(self.path())?;
            Ok(!here.lock.has_neighbours(&file)?)
        };
        // Acquire: pairs with the Release of those who are done.
        self.header().stock.uncounted.load(Ordering::Acquire) == 0
            && here.busy.load(Ordering::Acquire) == 0
            && is_unlocked().unwrap_or(false)
    }

    /// This process's presence, taken if need be.
    fn here(&self) -> io::Result<&Here> {
        let pid = process::id();
        let mut presence = &self.presence;
        while let Some(here) = presence.here.get() {
            if here.pid == pid {
                return Ok(here);
            }
            presence = &here.child;
        }
        let inode = self.inode().ok_or(io::ErrorKind::Unsupported)?;
        let lock = lock::take_any(|| inode.reopen(self.path()), Role::Present)?;
        let new = Here {
            pid,
            lock,
            busy: AtomicU64::new(0),
            child: Presence::default(),
        };
        // Another thread may have been first: its lock is as good.
        let _ = presence.here.set(Box::new(new));
        presence
            .here
            .get()
            .map(|here| &**here)
            .ok_or_else(|| io::ErrorKind::Other.into())
    }
}
