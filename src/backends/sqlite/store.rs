//! A file that the threads of a process share, by one connection; and what a fork does to it.
//!
//! SQLite keeps per process, and not per connection, what it has locked: so a forked child
//! that opens a file while it has a connection of its parent's believes to hold its parent's
//! locks. Hence the first call after a fork lets go of all connections that the child was left.

use super::courtesy::{ASIDE, Wait};
use super::fault::Fault;
use super::link::{Aim, Failed, Link};
use crate::error::{BucketError, Outcome};
use crate::sync::{AtomicU64, Ordering};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How a file is used.
#[derive(Clone, Debug)]
pub struct Use {
    pub path: PathBuf,
    /// Whether those who write queue.
    pub queues: bool,
    /// How long somebody may keep the file locked.
    pub patience: Duration,
}

/// A file, and this process's connection to it.
pub struct Store {
    how: Use,
    slot: Mutex<Slot>,
    /// The process that the connection is of.
    pid: AtomicU64,
    /// The process of the thread that has locked the slot, or 0.
    holder: AtomicU64,
    /// Threads that wait for the slot.
    waiting: AtomicU64,
    /// Until when this process steps aside: microseconds after `made`.
    aside: AtomicU64,
    made: Instant,
}

struct Slot {
    link: Option<Link>,
    is_closed: bool,
}

/// Makes a new connection ready: called before anything else is done with it.
pub type Prepare<'p> = &'p dyn Fn(&mut Link) -> Result<(), BucketError>;

impl Store {
    /// A file that this process is connected to.
    pub fn new(how: Use, link: Link) -> Arc<Self> {
        let store = Arc::new(Self {
            how,
            slot: Mutex::new(Slot {
                link: Some(link),
                is_closed: false,
            }),
            pid: AtomicU64::new(u64::from(process::id())),
            holder: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            aside: AtomicU64::new(0),
            made: Instant::now(),
        });
        let mut all = all().lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|store| store.strong_count() > 0);
        all.push(Arc::downgrade(&store));
        drop(all);
        store
    }

    pub fn path(&self) -> &Path {
        &self.how.path
    }

    pub fn how(&self) -> &Use {
        &self.how
    }

    /// Does `work` in a transaction, on a connection that `prepare` has made ready.
    pub fn transact<T>(
        &self,
        doing: &'static str,
        aim: Aim,
        prepare: Prepare,
        work: impl FnMut(&Connection) -> Result<T, Fault>,
    ) -> Result<T, BucketError> {
        if aim == Aim::Write {
            self.step_aside();
        }
        let undone = |fault: Fault| fault.into_bucket_error(doing, Outcome::Undone);
        let mut held = self.enter().map_err(undone)?;
        let slot = &mut *held.slot;
        if slot.is_closed {
            return Err(BucketError::Closed);
        }
        if slot
            .link
            .as_mut()
            .is_some_and(|link| !link.is_to(&self.how.path))
        {
            slot.link = None;
        }
        let link = match &mut slot.link {
            Some(link) => link,
            none => {
                let link = Link::open(&self.how.path, self.how.queues, self.how.patience);
                let mut link = link.map_err(undone)?;
                prepare(&mut link)?;
                none.insert(link)
            }
        };
        let done = link.transact(aim, self.how.patience, work);
        // Relaxed: a hint.
        let threads_wait = self.waiting.load(Ordering::Relaxed) > 0;
        if link.is_to_step_aside(threads_wait) {
            let until = self.made.elapsed() + ASIDE;
            // Relaxed: a hint.
            self.aside
                .store(until.as_micros() as u64, Ordering::Relaxed);
        }
        let (fault, outcome) = match done {
            Ok(value) => return Ok(value),
            Err(Failed::Before(fault)) => (fault, Outcome::Undone),
            Err(Failed::Commit(fault)) => {
                let outcome = fault.outcome_of_commit();
                (fault, outcome)
            }
        };
        if fault.spoils_connection() {
            slot.link = None;
        }
        Err(fault.into_bucket_error(doing, outcome))
    }

    /// Lets go of the connection for good.
    pub fn close(&self) -> Result<(), BucketError> {
        let undone = |fault: Fault| fault.into_bucket_error("close its file", Outcome::Undone);
        let mut held = self.enter().map_err(undone)?;
        held.slot.link = None;
        held.slot.is_closed = true;
        Ok(())
    }

    /// Waits for a moment, if this process has had its share.
    fn step_aside(&self) {
        // Relaxed: a hint.
        let until = Duration::from_micros(self.aside.load(Ordering::Relaxed));
        let left = until.saturating_sub(self.made.elapsed());
        if !left.is_zero() {
            thread::sleep(left);
        }
    }

    /// Locks the slot, in which there is no connection of a parent's.
    fn enter(&self) -> Result<Held<'_>, Fault> {
        let own = u64::from(process::id());
        // Acquire: pairs with the Release in `leave_to_parent`.
        if self.pid.load(Ordering::Acquire) != own {
            leave_to_parents(own)?;
        }
        let wait = &mut Wait::for_a_writer();
        let slot = loop {
            match self.slot.try_lock() {
                Ok(slot) => break slot,
                // Whoever has panicked in there was about to write nothing any more.
                Err(TryLockError::Poisoned(slot)) => break slot.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
            // Relaxed: a process's own number is its own doing, or was there when it was forked.
            match self.holder.load(Ordering::Relaxed) {
                holder if holder == own => {
                    // Relaxed, both: a hint.
                    self.waiting.fetch_add(1, Ordering::Relaxed);
                    let slot = self.slot.lock();
                    self.waiting.fetch_add(u64::MAX, Ordering::Relaxed);
                    break slot.unwrap_or_else(PoisonError::into_inner);
                }
                // Between two words: he has only just come, or is about to leave.
                0 if wait.so_far() < self.how.patience => wait.a_while(),
                0 => return Err(Fault::Locked(self.how.patience)),
                _ => return Err(Fault::Forked),
            }
        };
        // Relaxed: the lock orders it for threads, and a fork for a child.
        self.holder.store(own, Ordering::Relaxed);
        Ok(Held { store: self, slot })
    }

    /// Lets go of a connection that was left by a fork.
    fn leave_to_parent(&self, own: u64) {
        // Whose lock is not to be had was in the midst of a call when it was forked.
        let slot = match self.slot.try_lock() {
            Ok(slot) => Some(slot),
            Err(TryLockError::Poisoned(slot)) => Some(slot.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(link) = slot.and_then(|mut slot| slot.link.take()) {
            link.abandon();
        }
        // Relaxed: a hint. Those who waited are not here.
        self.waiting.store(0, Ordering::Relaxed);
        // Release: pairs with the Acquire in `enter`; whoever sees it finds no such connection.
        self.pid.store(own, Ordering::Release);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let slot = self.slot.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Acquire: pairs with the Release in `leave_to_parent`.
        if self.pid.load(Ordering::Acquire) != u64::from(process::id())
            && let Some(link) = slot.link.take()
        {
            // Relaxed: as in `enter`. In the midst of a call, it is not to be touched.
            match self.holder.load(Ordering::Relaxed) {
                0 => link.abandon(),
                _ => std::mem::forget(link),
            }
        }
    }
}

/// The slot, locked.
struct Held<'s> {
    store: &'s Store,
    slot: MutexGuard<'s, Slot>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Relaxed: as in `enter`.
        self.store.holder.store(0, Ordering::Relaxed);
    }
}

/// All stores of this process.
fn all() -> &'static Mutex<Vec<Weak<Store>>> {
    static ALL: Mutex<Vec<Weak<Store>>> = Mutex::new(Vec::new());
    &ALL
}

/// Lets go of all connections that a fork has left to this process.
fn leave_to_parents(own: u64) -> Result<(), Fault> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let wait = &mut Wait::for_a_writer();
    let all = loop {
        match all().try_lock() {
            Ok(all) => break all,
            Err(TryLockError::Poisoned(all)) => break all.into_inner(),
            // Another thread is at it; or one was, in the parent.
            Err(TryLockError::WouldBlock) if wait.so_far() < PATIENCE => wait.a_while(),
            Err(TryLockError::WouldBlock) => return Err(Fault::Forked),
        }
    };
    for store in all.iter().filter_map(Weak::upgrade) {
        // Acquire: pairs with the Release in `leave_to_parent`.
        if store.pid.load(Ordering::Acquire) != own {
            store.leave_to_parent(own);
        }
    }
    Ok(())
}
