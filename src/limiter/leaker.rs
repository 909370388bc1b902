//! The leak process: a janitor. With none running, every limit holds all the same.

use crate::error::BucketError;
use crate::limiter::Limiter;
use crate::segment::lock::{Lock, Role};
use crate::segment::{Inode, Segment};
use crate::zone::Zone;
use std::io;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::Duration;

/// PyrateLimiter's interval.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// Tidies a limiter's segment from time to time: forgets what counts no more, evicts keys
/// that are idle, finishes what a killed process left half done, mends what is damaged,
/// takes back buckets that were lost, and stores the time, so
/// that a segment in a file knows after a restart how long the machine was off.
///
/// Of all leakers of a segment one leads, by a lease that the kernel takes back when its
/// process dies; the others stand by. A child that is forked while its parent leads
/// shares the lease until it exits or drops the leaker, and a child whose parent has used
/// keys never finds itself alone to take back lost buckets: fork first, or let the leaker be
/// a process of its own, as `tidegate leak` is.
///
/// Over a bucket of another kind it has that bucket forget what counts no more, and every
/// leaker leads.
///
/// It makes a [`pass`](Self::pass) when it is asked, [`run`](Self::run)s in the caller's thread, or is
/// [`start`](Self::start)ed beside it.
///
/// ```
/// use std::time::Duration;
/// use tidegate::{Leaker, Limiter, Pass, Rate};
///
/// let limiter = Limiter::in_memory().rate(Rate::per_second(5)).open()?;
/// let mut leaker = Leaker::new(&limiter).interval(Duration::from_secs(1));
/// assert!(matches!(leaker.pass()?, Pass::Led { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Leaker {
    limiter: Limiter,
    interval: Duration,
    lease: Option<Lease>,
    /// What says that it stands by while another leads.
    standby: Option<Lease>,
}

#[derive(Debug)]
pub(super) struct Lease {
    pub(super) lock: Arc<Lock>,
    /// A lease that was inherited by a fork, or is for a segment that was removed, is
    /// not this process's.
    pid: u32,
    segment: Option<Inode>,
}

/// What one pass did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Pass {
    /// Another process leads.
    Standby,
    /// This process leads, and did the work.
    Led {
        /// Permits that counted in no window any more.
        leaked: u64,
        /// Abandoned runs that were finished, and impossible stamps that were mended.
        repairs: u64,
        /// Keys that were idle for longer than the widest interval, and gave their
        /// buckets back.
        evicted: u64,
        /// Buckets that processes had lost by dying, and that were taken back.
        reclaimed: u64,
    },
}

/// Why a pass failed. The next may succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeakError {
    /// The bucket cannot be used.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The lease could not be asked for.
    #[error("could not ask for the leak process's lease on {path}: {source}")]
    Lease {
        /// The segment.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Leaker {
    /// A leaker for that limiter's bucket, every 10 seconds.
    pub fn new(limiter: &Limiter) -> Self {
        Self {
            limiter: limiter.clone(),
            interval: DEFAULT_INTERVAL,
            lease: None,
            standby: None,
        }
    }

    /// The time from one pass to the next; at least a millisecond.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// The limiter whose bucket it is for.
    pub(super) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// The time from one pass to the next.
    pub(super) fn time_between(&self) -> Duration {
        self.interval
    }

    /// The same leaker with a lease that another one had.
    pub(super) fn with(self, lease: Option<Lease>) -> Self {
        Self { lease, ..self }
    }

    /// Its lease, if it leads.
    pub(super) fn into_lease(self) -> Option<Lease> {
        self.lease
    }

    /// Makes one pass, if this leaker leads or nobody does.
    ///
    /// # Errors
    ///
    /// See [`LeakError`].
    pub fn pass(&mut self) -> Result<Pass, LeakError> {
        let limiter = self.limiter.clone();
        let Some(rings) = limiter.ground().attached() else {
            return Ok(Pass::Led {
                leaked: limiter.leak()?,
                repairs: 0,
                evicted: 0,
                reclaimed: 0,
            });
        };
        // If the segment was removed and made anew, the lease is to be had there.
        rings.up_to_date()?;
        if !self.lead(rings.newest())? {
            return Ok(Pass::Standby);
        }
        let done = rings.consult(Zone::tidy)?;
        if let Some(segment) = rings.newest().segment() {
            segment.note_pass(self.interval, &done);
        }
        Ok(Pass::Led {
            leaked: done.leaked.permits,
            repairs: done.leaked.repairs,
            evicted: done.evicted,
            reclaimed: done.reclaimed,
        })
    }

    /// Makes a pass, has `wait` wait for the time until the next, and so on until
    /// `wait` returns false. The lease ends with it. Errors do not end it: `failed`
    /// is told.
    pub fn run(
        &mut self,
        mut wait: impl FnMut(Duration) -> bool,
        mut failed: impl FnMut(LeakError),
    ) {
        loop {
            if let Err(error) = self.pass() {
                failed(error);
            }
            if !wait(self.interval) {
                break;
            }
        }
        (self.lease, self.standby) = (None, None);
    }

    /// Whether this process leads now; takes the lease if nobody has it.
    fn lead(&mut self, zone: &Zone) -> Result<bool, LeakError> {
        let Some(segment) = zone.segment() else {
            return Ok(true);
        };
        let pid = process::id();
        let is_held = |lease: &Option<Lease>| {
            let held = lease.as_ref();
            held.is_some_and(|lease| lease.pid == pid && lease.segment == segment.inode())
        };
        if is_held(&self.lease) {
            return Ok(true);
        }
        self.lease = take(segment, pid)?;
        if self.lease.is_some() {
            self.standby = None;
        } else if !is_held(&self.standby) {
            // Only shown: it leads in its turn with or without.
            self.standby = segment.stand_by().ok().map(|lock| Lease {
                lock: lock.into(),
                pid,
                segment: segment.inode(),
            });
        }
        Ok(self.lease.is_some())
    }
}

fn take(segment: &Segment, pid: u32) -> Result<Option<Lease>, LeakError> {
    let lock = segment
        .lock(Role::Lead)
        .map_err(|source| LeakError::Lease {
            path: segment.path().to_owned(),
            source,
        })?;
    Ok(lock.map(|lock| Lease {
        lock: lock.into(),
        pid,
        segment: segment.inode(),
    }))
}
