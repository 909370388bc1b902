//! Waiting for a turn: reserve, sleep once, and go; or queue again where to go would
//! break the limit in fact.
//!
//! Nothing in here sleeps. It says until when whoever waits has to: a thread, a future,
//! or what else can.

use crate::error::AcquireError;
use crate::limiter::Limiter;
use crate::observe::Watch;
use crate::ring::Clock;
use crate::turn::manners::{Manners, ticks};
use crate::turn::permit::Permit;
use std::time::Duration;

/// How late one may wake at least, and still go: less than this is ordinary scheduling.
const LEAST_LATENESS: u64 = 5_000;
/// How long one sleeps at most behind a pause, in ticks: so that a resume reaches those
/// who wait.
const PAUSED_STEP: u64 = 100_000;

/// A place in the queue.
#[derive(Debug)]
pub struct Place<'l> {
    pub permit: Permit<'l>,
    /// How much later than its turn it goes.
    delay: u64,
    /// The pause that the place is behind, in ticks; 0: none.
    paused_until: u64,
    /// The last microsecond of the system clock at which the call would still go. Not in
    /// ticks: the segment may be another by then.
    deadline: i64,
    was_late: bool,
}

/// What whoever has a place is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Its turn has come.
    Go,
    /// To ask again at that tick of the permit's zone.
    Sleep(u64),
}

impl<'l> Place<'l> {
    /// Queues up, if the turn comes within `timeout`. Where no wait is needed the place
    /// is the permit.
    pub fn take(
        limiter: &'l Limiter,
        name: &[u8],
        weight: u64,
        timeout: Duration,
    ) -> Result<Self, AcquireError> {
        let timeout = ticks(timeout);
        let (permit, paused_until) = limiter.queue_up(name, weight, timeout)?;
        let (run, epoch) = (*permit.run(), permit.zone().clock().epoch());
        let mut place = Self {
            paused_until,
            deadline: epoch.saturating_add_unsigned(run.asked.saturating_add(timeout)),
            ..Self::of(permit)
        };
        place.delay(limiter.manners());
        Ok(place)
    }

    /// The place of one who need not wait.
    pub fn of(permit: Permit<'l>) -> Self {
        Self {
            permit,
            delay: 0,
            paused_until: 0,
            deadline: 0,
            was_late: false,
        }
    }

    /// When it goes, if nothing comes in between.
    pub fn goes_at(&self) -> u64 {
        self.permit.run().ready.saturating_add(self.delay)
    }

    /// What is to be done now.
    ///
    /// One who wakes inside a pause, or much later than its time (the machine slept, the
    /// process was stopped), gives its place back and queues again: were all who were
    /// stopped together to go together, they would be a burst. For lateness it does so
    /// once a call, for a process that is always late must not starve.
    ///
    /// # Errors
    ///
    /// The place is given back, and the next turn comes too late.
    pub fn step(&mut self, limiter: &'l Limiter, name: &[u8]) -> Result<Step, AcquireError> {
        loop {
            if !self.permit.run().waits() {
                return Ok(Step::Go);
            }
            let zone = self.permit.zone();
            let now = zone.clock().now();
            let paused_until = self.permit.paused_until();
            if now < self.goes_at() {
                let is_behind_pause = self.paused_until > now;
                if !is_behind_pause {
                    return Ok(Step::Sleep(self.goes_at()));
                }
                if paused_until >= self.paused_until {
                    return Ok(Step::Sleep(self.goes_at().min(now + PAUSED_STEP)));
                }
                // The pause was ended: there is an earlier place.
            } else if paused_until <= now && !self.is_late(now, limiter.manners()) {
                return Ok(Step::Go);
            }
            self.queue_again(limiter, name, now)?;
        }
    }

    /// Sleeps until the turn has come.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step).
    pub fn wait(&mut self, limiter: &'l Limiter, name: &[u8]) -> Result<(), AcquireError> {
        let mut watch = Watch::new(limiter.scope());
        while let Step::Sleep(until) = self.step(limiter, name)? {
            watch.sleeps();
            self.permit.zone().clock().sleep_until(until);
            self.permit.has_slept();
        }
        watch.goes();
        Ok(())
    }

    /// How long it is from now until a tick.
    pub fn time_until(&self, tick: u64) -> Duration {
        let now = self.permit.zone().clock().now();
        Duration::from_micros(tick.saturating_sub(now))
    }

    fn queue_again(
        &mut self,
        limiter: &'l Limiter,
        name: &[u8],
        now: u64,
    ) -> Result<(), AcquireError> {
        let (weight, sleeps) = (self.permit.weight(), self.permit.sleeps());
        let now = self
            .permit
            .zone()
            .clock()
            .epoch()
            .saturating_add_unsigned(now);
        let left = u64::try_from(self.deadline.saturating_sub(now)).unwrap_or(0);
        self.permit.give_all_back();
        let (permit, paused_until) = limiter.queue_up(name, weight, left)?;
        self.permit = permit.after(sleeps);
        self.paused_until = paused_until;
        self.delay(limiter.manners());
        Ok(())
    }

    /// Whether it is so late that it has to queue again.
    fn is_late(&mut self, now: u64, manners: &Manners) -> bool {
        let tenth = self.permit.zone().plan().windows()[0].interval / 10;
        let bound = manners.lateness.map_or(tenth.max(LEAST_LATENESS), ticks);
        now > self.goes_at().saturating_add(bound) && !std::mem::replace(&mut self.was_late, true)
    }

    /// Chooses how much later than its turn one goes who has to wait.
    fn delay(&mut self, manners: &Manners) {
        self.delay = match self.permit.run().waits() {
            true => manners.delay(),
            false => 0,
        };
    }
}
