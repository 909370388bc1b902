//! Waiting for a turn: reserve, sleep once, and go; or queue again where to go would
//! break the limit in fact.

use crate::bucket::Bucket;
use crate::permit::Permit;
use crate::ring::{Clock, Refusal, Run};
use std::time::Duration;

/// How late one may wake at least, and still go: less than this is ordinary scheduling.
const LEAST_LATENESS: u64 = 5_000;

/// How long one call is willing to wait, and how often it has slept.
#[derive(Debug)]
pub struct Patience {
    timeout: u64,
    lateness: Option<u64>,
    /// The last microsecond of the system clock at which the call would still go; known
    /// after the first look at it. Not in ticks: the segment may be another by then.
    deadline: Option<i64>,
    sleeps: u32,
    was_late: bool,
}

impl Patience {
    pub fn new(timeout: Duration, lateness: Option<Duration>) -> Self {
        Self {
            timeout: ticks(timeout),
            lateness: lateness.map(ticks),
            deadline: None,
            sleeps: 0,
            was_late: false,
        }
    }

    /// Takes `weight` permits, and returns when they are due.
    ///
    /// One who wakes inside a pause, or much later than its time (the machine slept, the
    /// process was stopped), gives its place back and queues again: were all who were
    /// stopped together to go together, they would be a burst. For lateness it does so
    /// once a call, for a process that is always late must not starve.
    pub fn acquire(&mut self, bucket: Bucket<'_>, weight: u64) -> Result<Permit, Refusal> {
        loop {
            let run = bucket.reserve(weight, self.left(bucket))?;
            if !run.waits() {
                return Ok(Permit::new(run, self.sleeps));
            }
            let latest = run.asked.saturating_add(self.timeout);
            self.deadline
                .get_or_insert(bucket.clock().epoch().saturating_add_unsigned(latest));
            let woke = bucket.sleep(&run);
            self.sleeps += 1;
            if !self.must_queue_again(bucket, &run, woke) {
                return Ok(Permit::new(run, self.sleeps));
            }
            bucket.cancel(&run);
        }
    }

    fn left(&self, bucket: Bucket<'_>) -> u64 {
        let Some(deadline) = self.deadline else {
            return self.timeout;
        };
        let now = bucket
            .clock()
            .epoch()
            .saturating_add_unsigned(bucket.clock().now());
        u64::try_from(deadline.saturating_sub(now)).unwrap_or(0)
    }

    fn must_queue_again(&mut self, bucket: Bucket<'_>, run: &Run, woke: u64) -> bool {
        if bucket.is_paused(woke) {
            return true;
        }
        let tenth = bucket.plan().windows()[0].interval / 10;
        let bound = self.lateness.unwrap_or(tenth.max(LEAST_LATENESS));
        let is_late = woke > run.ready.saturating_add(bound);
        is_late && !std::mem::replace(&mut self.was_late, true)
    }
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
