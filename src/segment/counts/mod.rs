//! Counts of what was granted, refused and waited for, which others can read.
//!
//! Each thread of each process counts on a line of its own, by plain stores: so neither a grant
//! nor a refusal writes what another processor writes, too. A line is its thread's by a lock
//! on a byte, which the kernel releases when the process dies; which line that is, the thread
//! finds in a [`Page`] that a forked child finds empty. So a child never counts on its parent's
//! line. Whoever finds no free line counts on the first one, with all others like it.
//!
//! ```text
//!  line 0        1 …            P   P + 1 …       2P
//!  ┌────────────┬─────────────────┬─────────────────┐
//!  │ all others │ a process's     │ its further     │ each: counts, whose it is; and where there
//!  │            │ first thread    │ threads         │ are keys, a sketch of those it refuses
//!  └────────────┴─────────────────┴─────────────────┘
//! ```
//!
//! Counts only rise, whoever has the line: what was counted before is told apart by what the new
//! owner found. So all lines together are what the segment has seen since it was made.

mod line;
mod page;
pub mod read;
mod sketch;
mod threads;

use super::file::Inode;
use super::latest::Latest;
use super::lock::{Locks, Role};
use super::mapping::{Mapping, Record};
use line::Hand;
pub use line::{Count, Line};
pub use page::MOST_LINES;
use page::Page;
pub use sketch::Sketch;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process;

/// After how many counts on the first line those on it look for a line of their own again.
const PATIENCE: u64 = 4096;

/// Counts for the threads of one process that share a handle.
#[derive(Debug)]
pub struct Counts {
    page: Page,
    site: Site,
    desk: Latest<Desk>,
}

/// What says whose line is whose.
#[derive(Debug)]
pub enum Site {
    /// Nothing: the memory is this process's.
    Memory,
    /// Locks on that file.
    File(Inode, PathBuf),
    /// Nothing: all count on the first line.
    Unlocked,
}

/// What a process claims its lines by.
#[derive(Debug)]
struct Desk {
    pid: u32,
    /// When it was started.
    start: u64,
    /// None where none are needed.
    locks: Option<Locks>,
}

impl Counts {
    pub fn new(mapping: Mapping, site: Site) -> io::Result<Self> {
        let nobody = Desk {
            pid: 0,
            start: 0,
            locks: None,
        };
        Ok(Self {
            page: Page::new(mapping)?,
            site,
            desk: Latest::new(nobody),
        })
    }

    /// So many permits were granted.
    #[inline(always)]
    pub fn granted(&self, permits: u64, now: u64) {
        match self.own() {
            Some(own) => own.line().granted(Hand::Own, permits, now),
            None => self.granted_at_length(permits, now),
        }
    }

    #[cold]
    fn granted_at_length(&self, permits: u64, now: u64) {
        let (hand, record) = self.find();
        record.line().granted(hand, permits, now);
    }

    /// A request was refused. By the bucket of that index, which packs to that word; if a
    /// bucket did it that is one key's.
    #[inline(always)]
    pub fn refused(&self, why: Count, now: u64, bucket: Option<(u64, u64)>) {
        match self.own() {
            Some(own) => refused(Hand::Own, own, why, now, bucket),
            None => self.refused_at_length(why, now, bucket),
        }
    }

    #[cold]
    fn refused_at_length(&self, why: Count, now: u64, bucket: Option<(u64, u64)>) {
        let (hand, record) = self.find();
        refused(hand, record, why, now, bucket);
    }

    /// A caller begins to wait.
    pub fn waits(&self) {
        let (hand, record) = self.find();
        record.line().waits(hand);
    }

    /// A caller's wait has ended; with a grant, if it is told how long it was.
    pub fn waited(&self, ticks: Option<u64>) {
        let (hand, record) = self.find();
        record.line().waited(hand, ticks);
    }

    /// The line of this thread, if it is known to have one.
    #[inline(always)]
    fn own(&self) -> Option<Record<'_>> {
        self.page.own(threads::number())
    }

    /// The line of those that have none.
    fn first(&self) -> Record<'_> {
        self.page.mapping().record(0)
    }

    /// A line for this thread, and how to add to it.
    fn find(&self) -> (Hand, Record<'_>) {
        match self.own().or_else(|| self.claim()) {
            Some(own) => (Hand::Own, own),
            None => (Hand::Shared, self.first()),
        }
    }

    /// A line that this thread does not know to have; none if there is none to be had.
    fn claim(&self) -> Option<Record<'_>> {
        let number = threads::obtain()?;
        if self.page.is_other(number) && !self.first().line().is_round(PATIENCE) {
            return None;
        }
        let line = self.take(number).unwrap_or(None);
        self.page.give(number, line);
        line
    }

    /// Takes a line by its lock.
    fn take(&self, number: usize) -> io::Result<Option<Record<'_>>> {
        let mapping = self.page.mapping();
        let processes = mapping.shape().processes;
        if !self.page.is_wiped() || processes == 0 {
            return Ok(None);
        }
        let desk = self.desk()?;
        let start = u64::from(desk.pid) + number as u64;
        let half = |first: u64| (0..processes).map(move |n| first + (start + n) % processes);
        let firsts = half(1).filter(|_| self.page.has_none());
        for index in firsts.chain(half(1 + processes)) {
            if !self.page.reserve(index) {
                continue;
            }
            if desk.lock(index)? {
                let record = mapping.record(index);
                record.line().pass_to(desk.pid, desk.start);
                return Ok(Some(record));
            }
            self.page.release(index);
        }
        Ok(None)
    }

    /// This process's desk; a child makes one of its own.
    fn desk(&self) -> io::Result<&Desk> {
        let pid = process::id();
        if self.desk.get().pid != pid {
            let locks = match &self.site {
                Site::Memory => None,
                Site::File(inode, path) => Some(Locks::of(inode.reopen(path)?)),
                Site::Unlocked => return Err(io::ErrorKind::Unsupported.into()),
            };
            if let Some(parents) = &self.desk.get().locks {
                parents.leave_to_parent();
            }
            let start = start_of("self").unwrap_or(0);
            self.desk.push(Desk { pid, start, locks });
        }
        Ok(self.desk.get())
    }
}

impl Desk {
    /// Takes the lock on a line that no other thread of this process tries for.
    fn lock(&self, line: u64) -> io::Result<bool> {
        let role = Role::Line(line as u32);
        self.locks
            .as_ref()
            .map_or(Ok(true), |locks| locks.try_take(role))
    }
}

#[inline(always)]
fn refused(hand: Hand, record: Record<'_>, why: Count, now: u64, bucket: Option<(u64, u64)>) {
    record.line().refused(hand, why, now);
    if let Some((spot, index)) = bucket
        && let Some(sketch) = record.sketch()
    {
        sketch.note(spot, index);
    }
}

/// When a process was started, in the system's ticks since the boot.
pub fn start_of(pid: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may have spaces and brackets in it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}
