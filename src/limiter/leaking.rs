//! Leaking beside the program: by a thread of its own, or by a task.

use crate::limiter::leaker::{LeakError, Leaker, Lease};
use crate::limiter::{Limiter, Site};
use crate::segment::lock::Lock;
use std::io;
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// A leaker at work, in a thread or a task of its own. It ends when this is dropped, and also when
/// the last limiter over its bucket is.
///
/// A child that is forked has no such thread: [`is_running`](Self::is_running) says so there,
/// and [`restart`](Self::restart) gives it one.
///
/// ```
/// use std::time::Duration;
/// use tidegate::{Leaker, Limiter, Rate};
///
/// let limiter = Limiter::in_memory().rate(Rate::per_second(5)).open()?;
/// let leaking = Leaker::new(&limiter).interval(Duration::from_secs(1)).start()?;
/// assert!(leaking.is_running());
/// leaking.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Leaking {
    work: Work,
    state: Arc<Shared>,
    pid: u32,
    by: By,
}

/// The process of one that was not started yet.
const NOBODY: u32 = 0;

/// What is to be done.
#[derive(Clone, Debug)]
struct Work {
    site: Weak<Site>,
    interval: Duration,
}

/// Who does it.
#[derive(Clone, Debug)]
enum By {
    Thread,
    #[cfg(feature = "tokio")]
    Task(tokio::runtime::Handle),
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// The lease, while it leads.
    lease: Mutex<Option<Arc<Lock>>>,
    #[cfg(feature = "tokio")]
    stop: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    is_to_end: bool,
    has_ended: bool,
    passes: u64,
    failed: Option<LeakError>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.lock().is_to_end = true;
        self.changed.notify_all();
        #[cfg(feature = "tokio")]
        self.stop.notify_one();
    }

    /// Lets go of a child's share of its parent's lease, which would be held beyond the parent's
    /// death.
    fn leave_to_parent(&self) {
        // The thread that a child does not have may just have been in it.
        if let Ok(lease) = self.lease.try_lock()
            && let Some(lock) = &*lease
        {
            lock.leave_to_parent();
        }
    }

    fn note_lease(&self, lease: Option<&Lease>) {
        let lock = lease.map(|lease| lease.lock.clone());
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = lock;
    }

    /// Notes what came of a pass, and which lease it is made by.
    fn note(&self, outcome: Result<(), LeakError>, lease: &Option<Lease>) {
        self.note_lease(lease.as_ref());
        let mut state = self.lock();
        state.passes += 1;
        state.failed = outcome.err();
        self.changed.notify_all();
    }

    /// Waits for the time until the next pass; whether there is to be one.
    fn wait(&self, interval: Duration) -> bool {
        let goes_on = |state: &mut State| !state.is_to_end;
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), interval, goes_on);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.is_to_end
    }
}

/// Says that the work has ended, however it has.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.note_lease(None);
        self.0.lock().has_ended = true;
        self.0.changed.notify_all();
    }
}

impl Leaker {
    /// Has a thread of its own make the passes.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub fn start(self) -> io::Result<Leaking> {
        self.begin(By::Thread)
    }

    /// Has a task make them, on the runtime that this is called in, where the bucket is an
    /// async one; passes of other buckets are made on threads for what blocks.
    ///
    /// # Errors
    ///
    /// There is no runtime here.
    #[cfg(feature = "tokio")]
    pub fn start_task(self) -> io::Result<Leaking> {
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        self.begin(By::Task(runtime))
    }

    fn begin(self, by: By) -> io::Result<Leaking> {
        let mut leaking = Leaking {
            work: Work {
                site: Arc::downgrade(self.limiter().site()),
                interval: self.time_between(),
            },
            state: Arc::default(),
            pid: NOBODY,
            by,
        };
        leaking.restart()?;
        Ok(leaking)
    }
}

impl Leaking {
    /// Whether it is at work: it has not been stopped, this is not a child that was forked
    /// since, and there still are limiters over its bucket.
    pub fn is_running(&self) -> bool {
        let is_at_work = |state: &State| !state.is_to_end && !state.has_ended;
        self.is_of_this_process() && is_at_work(&self.state.lock())
    }

    /// Sets it to work anew, if it is not at work. In a forked child, a task's runtime is that in
    /// which this is called: the parent's has no threads there.
    ///
    /// # Errors
    ///
    /// The system has no thread to give, or there is no runtime.
    pub fn restart(&mut self) -> io::Result<()> {
        if self.is_running() {
            return Ok(());
        }
        #[cfg(feature = "tokio")]
        if let By::Task(runtime) = &mut self.by
            && self.pid != NOBODY
            && self.pid != process::id()
        {
            let here = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
            // The parent's is left as it is.
            std::mem::forget(std::mem::replace(runtime, here));
        }
        if !self.is_of_this_process() {
            self.state.leave_to_parent();
        }
        // The old state may have been locked by a thread that a child does not have.
        self.state = Arc::default();
        let (work, shared) = (self.work.clone(), self.state.clone());
        match &self.by {
            By::Thread => {
                let ended = Ended(shared.clone());
                thread::Builder::new()
                    .name("tidegate leak".into())
                    .spawn(move || {
                        let _ended = ended;
                        work.in_a_thread(&shared);
                    })?;
            }
            #[cfg(feature = "tokio")]
            By::Task(runtime) => {
                let ended = Ended(shared.clone());
                runtime.spawn(async move {
                    let _ended = ended;
                    work.in_a_task(&shared).await;
                });
            }
        }
        self.pid = process::id();
        Ok(())
    }

    /// How many passes it has made since it was started.
    pub fn passes(&self) -> u64 {
        match self.is_of_this_process() {
            true => self.state.lock().passes,
            false => 0,
        }
    }

    /// Why the last pass failed, if it did. The next may succeed.
    pub fn take_error(&self) -> Option<LeakError> {
        match self.is_of_this_process() {
            true => self.state.lock().failed.take(),
            false => None,
        }
    }

    /// Ends it, until it is [restarted](Self::restart): a pass that is under way is its last. As
    /// dropping it does; but a thread is waited for.
    pub fn stop(&self) {
        if !self.is_of_this_process() {
            return;
        }
        self.state.end();
        if matches!(self.by, By::Thread) {
            let goes_on = |state: &mut State| !state.has_ended;
            let ended = self.state.changed.wait_while(self.state.lock(), goes_on);
            drop(ended);
        }
    }

    fn is_of_this_process(&self) -> bool {
        self.pid == process::id()
    }
}

impl Drop for Leaking {
    fn drop(&mut self) {
        match self.is_of_this_process() {
            true => self.state.end(),
            false => self.state.leave_to_parent(),
        }
    }
}

impl Work {
    fn in_a_thread(&self, shared: &Shared) {
        let mut lease = None;
        while let Some(limiter) = self.limiter() {
            let outcome = pass(limiter, self.interval, &mut lease);
            shared.note(outcome, &lease);
            if !shared.wait(self.interval) {
                break;
            }
        }
    }

    #[cfg(feature = "tokio")]
    async fn in_a_task(&self, shared: &Shared) {
        use crate::ground::{Foreign, Ground};
        let mut lease = None;
        while let Some(limiter) = self.limiter() {
            let outcome = match limiter.ground() {
                Ground::Other(Foreign::Async(_)) => {
                    let leaked = limiter.leak_async().await;
                    drop(limiter);
                    leaked.map(drop).map_err(LeakError::from)
                }
                _ => {
                    let (interval, mut held) = (self.interval, lease.take());
                    let passing = tokio::task::spawn_blocking(move || {
                        let outcome = pass(limiter, interval, &mut held);
                        (outcome, held)
                    });
                    let Ok((outcome, held)) = passing.await else {
                        // The runtime is shutting down.
                        return;
                    };
                    lease = held;
                    outcome
                }
            };
            shared.note(outcome, &lease);
            let stop = shared.stop.notified();
            let _ = tokio::time::timeout(self.interval, stop).await;
            if shared.lock().is_to_end {
                return;
            }
        }
    }

    /// The limiter, if anybody has it still.
    fn limiter(&self) -> Option<Limiter> {
        self.site.upgrade().map(Limiter::of)
    }
}

/// One pass by a limiter that is let go of afterwards.
fn pass(limiter: Limiter, interval: Duration, lease: &mut Option<Lease>) -> Result<(), LeakError> {
    let mut leaker = Leaker::new(&limiter).interval(interval).with(lease.take());
    let outcome = leaker.pass();
    *lease = leaker.into_lease();
    outcome.map(drop)
}
