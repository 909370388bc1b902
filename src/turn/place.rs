//! Waiting for a turn: reserve, sleep once, and go; or queue again where to go would
//! break the limit in fact.
//!
//! Nothing in here sleeps. It says until when whoever waits has to: a thread, a future,
//! or what else can.

use crate::error::AcquireError;
use crate::ground::Ground;
use crate::limiter::Limiter;
use crate::observe::Watch;
use crate::ring::Clock;
use crate::timestamp::Timestamp;
use crate::turn::manners::ticks;
use crate::turn::permit::Permit;
use crate::zone::Zone;
use crate::zone::attached::Attached;
use std::time::Duration;

/// How late one may wake at least, and still go: less than this is ordinary scheduling.
const LEAST_LATENESS: u64 = 5_000;
/// How long one sleeps at most behind a pause, in ticks: so that a resume reaches those
/// who wait.
const PAUSED_STEP: u64 = 100_000;
/// The longest single sleep on a timer that may stand still while the machine is
/// suspended: after each the limiter's own clock is looked at.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

/// A place in the queue. Whoever watches the limiter is told here of what becomes of it.
#[derive(Debug)]
pub struct Place<'l> {
    limiter: &'l Limiter,
    permit: Permit<'l>,
    /// When its turn comes, by the permit's clock.
    turn: u64,
    watch: Watch<'l>,
    /// Where it is counted among those who wait, and since when.
    waits: Option<(&'l Zone, u64)>,
    /// What was asked for.
    weight: u64,
    /// How much later than its turn it goes.
    delay: u64,
    /// The end of the pause that it is behind, or was to be behind; 0: none.
    behind: u64,
    /// Whether it was given up for an earlier one, which is not to be had yet.
    is_given_up: bool,
    /// The last microsecond of the system clock at which the call would still go. Not in
    /// ticks: the segment may be another by then.
    deadline: i64,
    was_late: bool,
}

/// A permit that was just taken, by its clock.
#[derive(Debug)]
pub struct Queued<'l> {
    pub permit: Permit<'l>,
    /// When it was asked for.
    pub asked: u64,
    /// When its turn comes.
    pub turn: u64,
    /// Until when its bucket was paused meanwhile, or was to be paused; 0: not at all.
    pub behind: u64,
}

impl<'l> Place<'l> {
    /// Queues up, if the turn comes within `timeout`. In a dry run nobody has to wait.
    pub async fn take(
        limiter: &'l Limiter,
        name: &[u8],
        weight: u64,
        timeout: Duration,
    ) -> Result<Self, AcquireError> {
        if limiter.is_dry() {
            let permit = limiter.take_if_ready(name, weight).await?;
            return Ok(Self::of(limiter, permit));
        }
        let timeout = ticks(timeout);
        let queued = limiter.queue_up(name, weight, timeout).await;
        Self::queued(limiter, name, queued, timeout)
    }

    /// The same over rings, where there is nothing to be awaited.
    pub fn take_here(
        limiter: &'l Limiter,
        rings: &'l Attached,
        name: &[u8],
        weight: u64,
        timeout: Duration,
    ) -> Result<Self, AcquireError> {
        if limiter.is_dry() {
            let permit = limiter.try_acquire_n(name, weight)?;
            return Ok(Self::of(limiter, permit));
        }
        let timeout = ticks(timeout);
        let queued = limiter.queue_up_here(rings, name, weight, timeout);
        Self::queued(limiter, name, queued, timeout)
    }

    /// The place of one who has just queued up.
    pub fn queued(
        limiter: &'l Limiter,
        name: &[u8],
        queued: Result<Queued<'l>, AcquireError>,
        timeout: u64,
    ) -> Result<Self, AcquireError> {
        let queued = queued.inspect_err(|error| limiter.note_refusal(name, error))?;
        let epoch = queued.permit.clock().epoch();
        let deadline = epoch.saturating_add_unsigned(queued.asked.saturating_add(timeout));
        let mut place = Self {
            turn: queued.turn,
            behind: queued.behind,
            deadline,
            ..Self::of(limiter, queued.permit)
        };
        place.delay();
        Ok(place)
    }

    /// The place of one who need not wait.
    fn of(limiter: &'l Limiter, permit: Permit<'l>) -> Self {
        Self {
            limiter,
            weight: permit.weight(),
            turn: permit.run().ready,
            permit,
            watch: Watch::new(limiter.scope()),
            waits: None,
            delay: 0,
            behind: 0,
            is_given_up: false,
            deadline: 0,
            was_late: false,
        }
    }

    /// What its limiter stands on.
    pub fn ground(&self) -> &'l Ground {
        self.limiter.ground()
    }

    /// How many permits are reserved.
    pub fn weight(&self) -> u64 {
        self.permit.weight()
    }

    /// Whether its turn had not come when it was taken.
    pub fn waits(&self) -> bool {
        self.permit.run().waits()
    }

    /// When it goes, if nothing comes in between, on the bucket's clock.
    pub fn ready_at(&self) -> Timestamp {
        let delay = Duration::from_micros(self.delay);
        self.permit.at().saturating_add(delay)
    }

    /// How long that is from now.
    pub fn waiting(&self) -> Duration {
        self.time_until(self.goes_at())
    }

    /// The same by the permit's clock.
    fn goes_at(&self) -> u64 {
        self.turn.saturating_add(self.delay)
    }

    /// How long it is from now until a tick.
    fn time_until(&self, tick: u64) -> Duration {
        Duration::from_micros(tick.saturating_sub(self.now()))
    }

    fn now(&self) -> u64 {
        self.permit.clock().now()
    }

    /// Sleeps until the turn has come.
    ///
    /// # Errors
    ///
    /// As [`next_sleep`](Self::next_sleep).
    pub fn wait(&mut self, name: &[u8]) -> Result<(), AcquireError> {
        let ground = self.ground();
        while let Some(until) = ground.block_on(self.next_sleep(name))? {
            self.permit.clock().sleep_until(until);
        }
        Ok(())
    }

    /// The same by whatever can sleep.
    ///
    /// # Errors
    ///
    /// As [`next_sleep`](Self::next_sleep).
    pub async fn wait_with<F: Future>(
        &mut self,
        name: &[u8],
        mut sleep: impl FnMut(Duration) -> F,
    ) -> Result<(), AcquireError> {
        while let Some(nap) = self.next_nap(name).await? {
            sleep(nap).await;
        }
        Ok(())
    }

    /// How long to sleep now by any clock, and then to ask again; none: its turn has come.
    ///
    /// # Errors
    ///
    /// As [`next_sleep`](Self::next_sleep).
    pub async fn next_nap(&mut self, name: &[u8]) -> Result<Option<Duration>, AcquireError> {
        let until = self.next_sleep(name).await?;
        Ok(until.map(|until| self.time_until(until).min(LONGEST_SLEEP)))
    }

    /// The permit, for whoever acts upon it.
    pub fn hand_over(&self) -> Permit<'l> {
        // A dry run has told of it already.
        if !self.limiter.is_dry() {
            self.limiter.note_grant(&self.permit);
        }
        self.permit.handed_on()
    }

    /// Gives the place back.
    pub fn give_back(&mut self) {
        self.end_wait(false);
        self.permit.give_all_back();
    }

    /// Leaves the place to another process that has it too, and takes a new one.
    pub async fn take_another(&mut self, name: &[u8]) -> Result<(), AcquireError> {
        if self.limiter.is_dry() {
            return Ok(());
        }
        self.permit.leave();
        // It is the other process's wait.
        self.waits = None;
        self.queue_again(name, self.left(self.now()))
            .await
            .inspect_err(|error| self.limiter.note_refusal(name, error))
    }

    /// Until which tick to sleep now, and then to ask again; none: its turn has come.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step).
    async fn next_sleep(&mut self, name: &[u8]) -> Result<Option<u64>, AcquireError> {
        let next = self.step(name).await;
        match &next {
            Ok(Some(_)) => {
                self.watch.sleeps();
                self.begin_to_wait();
                self.permit.has_slept();
            }
            Ok(None) => {
                self.watch.goes();
                self.end_wait(true);
            }
            Err(error) => {
                self.give_back();
                self.limiter.note_refusal(name, error);
            }
        }
        next
    }

    /// Counts itself among those who wait.
    fn begin_to_wait(&mut self) {
        if self.waits.is_none()
            && let Some(zone) = self.permit.zone()
        {
            zone.counts().waits();
            self.waits = Some((zone, zone.clock().now()));
        }
    }

    /// Does so no longer.
    fn end_wait(&mut self, is_granted: bool) {
        if let Some((zone, since)) = self.waits.take() {
            let time = zone.clock().now().saturating_sub(since);
            zone.counts().waited(is_granted.then_some(time));
        }
    }

    /// What is to be done now: to sleep until that tick of the permit's clock, or to go.
    ///
    /// One who wakes inside a pause, or much later than its time (the machine slept, the
    /// process was stopped), gives its place back and queues again: were all who were
    /// stopped together to go together, they would be a burst. For lateness it does so
    /// once a call, for a process that is always late must not starve.
    ///
    /// One whose place is behind a pause that was ended early gives it back, and takes
    /// none that is as late, as long as the pause would have lasted: all who do so together
    /// get places as if the pause had never been, whereas one that queued again while others
    /// still hold theirs would come after them. It asks from time to time, which writes
    /// nothing.
    ///
    /// # Errors
    ///
    /// The place is given back, and the next turn comes too late; or the bucket cannot be
    /// used any more.
    async fn step(&mut self, name: &[u8]) -> Result<Option<u64>, AcquireError> {
        loop {
            let now = self.now();
            if self.is_given_up {
                match self.look_for_another(name, now).await? {
                    true => continue,
                    false => return Ok(Some(self.next_look(now))),
                }
            }
            if !self.waits() {
                return Ok(None);
            }
            let has_come = now >= self.goes_at();
            if !has_come && self.behind <= now {
                return Ok(Some(self.goes_at()));
            }
            let paused_until = self.permit.paused_until().await?;
            if has_come {
                if paused_until <= now && !self.is_late(now) {
                    return Ok(None);
                }
            } else if paused_until < self.behind && self.turn >= self.behind {
                self.permit.give_all_back_in_time().await?;
                self.is_given_up = true;
                continue;
            } else if !self.is_orphaned() {
                return Ok(Some(self.next_look(now).min(self.goes_at())));
            }
            // Late, in a pause, or behind one of a segment that nobody can resume any more.
            self.permit.give_all_back_in_time().await?;
            self.queue_again(name, self.left(now)).await?;
        }
    }

    /// Takes a place before the end that the pause was to have, if there is one; whether
    /// there was. After that end, or in a pause that is as long, any place will do.
    async fn look_for_another(&mut self, name: &[u8], now: u64) -> Result<bool, AcquireError> {
        let left = self.left(now);
        let paused_until = self.permit.paused_until().await?;
        if paused_until.max(now) >= self.behind || left == 0 {
            return self.queue_again(name, left).await.map(|()| true);
        }
        let before = self.behind - now - 1;
        match self.queue_again(name, left.min(before)).await {
            Err(AcquireError::Limited { .. }) => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }

    /// Whether its segment was removed.
    fn is_orphaned(&self) -> bool {
        self.permit.zone().is_some_and(Zone::is_removed)
    }

    /// When to look next whether a pause was ended, or what has become of its queue.
    fn next_look(&self, now: u64) -> u64 {
        let step = now.saturating_add(PAUSED_STEP);
        step.min(now.saturating_add(self.left(now).max(1)))
            .min(self.behind)
    }

    /// How long it may still wait, in ticks.
    fn left(&self, now: u64) -> u64 {
        let epoch = self.permit.clock().epoch();
        let left = self
            .deadline
            .saturating_sub(epoch.saturating_add_unsigned(now));
        u64::try_from(left).unwrap_or(0)
    }

    async fn queue_again(&mut self, name: &[u8], max_wait: u64) -> Result<(), AcquireError> {
        let sleeps = self.permit.sleeps();
        let queued = self.limiter.queue_up(name, self.weight, max_wait).await?;
        self.permit = queued.permit.after(sleeps);
        self.turn = queued.turn;
        self.behind = queued.behind;
        self.is_given_up = false;
        self.delay();
        Ok(())
    }

    /// Whether it is so late that it has to queue again.
    fn is_late(&mut self, now: u64) -> bool {
        let tenth = || self.permit.shortest_interval() / 10;
        let lateness = self.limiter.manners().lateness;
        let bound = lateness.map_or_else(|| tenth().max(LEAST_LATENESS), ticks);
        now > self.goes_at().saturating_add(bound) && !std::mem::replace(&mut self.was_late, true)
    }

    /// Chooses how much later than its turn one goes who has to wait.
    fn delay(&mut self) {
        self.delay = match self.waits() {
            true => self.limiter.manners().delay(),
            false => 0,
        };
    }
}
