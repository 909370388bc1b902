//! One bucket, its clock, and a log of what its callers were told.

use crate::START;
use crate::judge;
use crate::watch::Watch;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use tidegate::ring::word::{Head, Slot, Version};
use tidegate::ring::{Heap, Leaked, Plan, Refusal, Ring, Run, Turn, Window};
use tidegate::sync::{AtomicU64, Ordering};

/// What a clock read may return while callers race.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Time {
    /// Nobody moves the clock. Reading it is no step of the model.
    Still,
    /// One clock for all, as a computer has it: a read returns the latest tick.
    Global,
    /// The same where whoever reads a tick sees what was written before it came: for what
    /// rests on a write being seen within a tick.
    Seen,
    /// The weakest clock that the ring's proofs ask for: a read may be old, but never
    /// older than a read that happens before it. It shows a clock read that the
    /// processor may move ahead of the loads before it.
    Causal,
    /// One clock for all; but a glance at it, for which nothing orders the read, may have been
    /// taken when the call began.
    Early,
}

/// What a caller asked, and when.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub version: Version,
    pub windows: Vec<Window>,
    pub queue: u64,
    pub weight: u64,
    pub max_wait: u64,
    /// Positions of the call's begin and end in the model's history.
    pub begun: u64,
    pub ended: u64,
    /// The clock at both.
    pub called: u64,
    pub returned: u64,
}

/// A call that took permits.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub run: Run,
    pub asked: Asked,
    pub cancelled: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub history: u64,
    /// The latest tick, for the log only: reading it is no step of the model.
    pub now: u64,
    /// Clock reads since callers race.
    pub looks: u64,
    pub grants: Vec<Grant>,
    pub refused: Vec<(Refusal, Asked)>,
    /// Heads that a flush has moved the tail to.
    pub flushes: Vec<u64>,
    /// At most how many permits no call returned: their owners have died, or have
    /// lost them by oversleeping.
    pub abandoned: u64,
    /// The latest end of a pause: until then turns may be later than the rates make them.
    pub paused_until: u64,
    /// A slot was scribbled on: stamps are worth nothing.
    pub damaged: bool,
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "at tick {}, flushed at {:?}", self.now, self.flushes)?;
        for grant in &self.grants {
            writeln!(f, "  {grant:?}")?;
        }
        for refused in &self.refused {
            writeln!(f, "  {refused:?}")?;
        }
        Ok(())
    }
}

impl Log {
    fn step(&mut self) -> u64 {
        self.history += 1;
        self.history
    }
}

/// One bucket with everything around it that a model needs.
pub struct World {
    heap: Heap,
    first: Plan,
    pub(crate) plan: Plan,
    pub(crate) time: Time,
    clock: AtomicU64,
    log: Mutex<Log>,
}

/// A plan of (limit, interval) pairs.
pub fn plan(version: u64, rates: &[(u64, u64)], queue: u64, capacity: u64) -> Plan {
    let windows: Vec<_> = rates
        .iter()
        .map(|&(limit, interval)| Window { limit, interval })
        .collect();
    // A short horizon: so that a model can see it pass.
    Plan::new(Version(version), &windows, queue, 1000, capacity).expect("a sane plan")
}

impl World {
    /// An empty bucket at tick [`START`].
    pub fn new(time: Time, rates: &[(u64, u64)], queue: u64, capacity: u64) -> Arc<Self> {
        Self::under(plan(0, rates, queue, capacity), time, capacity)
    }

    /// An empty bucket whose rates come into force with the plan's version.
    pub fn under(plan: Plan, time: Time, capacity: u64) -> Arc<Self> {
        Self::from_to(plan.clone(), plan, time, capacity)
    }

    fn from_to(first: Plan, plan: Plan, time: Time, capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            heap: Heap::new(capacity).expect("a small ring fits"),
            first,
            plan,
            time,
            clock: AtomicU64::new(START),
            log: Mutex::new(Log {
                now: START,
                ..Log::default()
            }),
        })
    }

    /// An empty bucket under rates of (limit, interval) that are to become others; the judge
    /// goes by those at the end.
    pub fn to_become(
        time: Time,
        rates: &[(u64, u64)],
        others: &[(u64, u64)],
        queue: u64,
        capacity: u64,
    ) -> Arc<Self> {
        let first = plan(0, rates, queue, capacity);
        let others = plan(1, others, queue, capacity);
        let next = first.followed_by(others.windows(), capacity);
        let world = Self::from_to(first, next.expect("a sane plan"), time, capacity);
        let first = &world.first;
        let rates = world.heap.rates();
        rates.write_first(first.windows(), first.horizon);
        world
    }

    /// Lets callers race, each on a thread of its own, then judges the whole history.
    pub fn race(self: &Arc<Self>, callers: &[fn(&World)]) {
        self.log().looks = 0;
        let threads: Vec<_> = callers
            .iter()
            .map(|&caller| {
                let world = self.clone();
                loom::thread::spawn(move || caller(&world))
            })
            .collect();
        for thread in threads {
            thread.join().expect("no caller panicked");
        }
        judge::judge(self);
    }

    /// Does `work` in one go: others may come before and after, not amid. They have
    /// then slept for all of it, or stopped for ever.
    pub fn in_one_go(&self, work: impl FnOnce(&Self)) {
        loom::stop_exploring();
        work(self);
        loom::explore();
    }

    /// The words.
    pub fn ring(&self) -> Ring<'_> {
        self.heap.ring()
    }

    /// The plan that callers use unless they bring their own.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Reads the clock, as callers do.
    pub fn now(&self) -> u64 {
        self.log().looks += 1;
        match self.time {
            Time::Still => self.log().now,
            Time::Global | Time::Early => self.clock.fetch_add(0, Ordering::Relaxed),
            Time::Seen => self.clock.fetch_add(0, Ordering::Acquire),
            Time::Causal => self.clock.load(Ordering::Relaxed),
        }
    }

    /// The clock as a call that begins now looks at it.
    fn watch(&self) -> Watch<impl Fn() -> u64 + '_> {
        Watch {
            early: (self.time == Time::Early).then(|| self.now()),
            now: || self.now(),
        }
    }

    /// Whether any of the callers that race has read the clock, so is in a call.
    pub fn has_begun(&self) -> bool {
        self.log().looks > 0
    }

    /// Moves the clock on.
    pub fn tick(&self, ticks: u64) {
        // Release: pairs with the Acquire of a clock by which writes are seen.
        self.clock.fetch_add(ticks, Ordering::Release);
        self.log().now += ticks;
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        // Never held across a step of the model.
        self.log.lock().expect("no model panicked")
    }

    /// Reserves under the world's plan; the outcome is judged at the end.
    pub fn reserve(&self, weight: u64, max_wait: u64) -> Option<Run> {
        self.reserve_by(&self.plan, weight, max_wait).ok()
    }

    /// Reserves under a plan of the caller's.
    pub fn reserve_by(&self, plan: &Plan, weight: u64, max_wait: u64) -> Result<Run, Refusal> {
        let (begun, called) = {
            let mut log = self.log();
            (log.step(), log.now)
        };
        let outcome = self.ring().reserve(plan, &self.watch(), weight, max_wait);
        let mut log = self.log();
        let asked = Asked {
            version: plan.version,
            windows: plan.windows().to_vec(),
            queue: plan.queue,
            weight,
            max_wait,
            begun,
            ended: log.step(),
            called,
            returned: log.now,
        };
        match outcome {
            Ok(run) => log.grants.push(Grant {
                run,
                asked,
                cancelled: false,
            }),
            Err(refusal) => log.refused.push((refusal, asked)),
        }
        outcome
    }

    /// A caller that reserves, stamps `stamped` of its permits, and stops for ever.
    /// Says whether it got so far.
    pub fn die(&self, weight: u64, max_wait: u64, stamped: u64) -> bool {
        let ring = self.ring();
        let head = Head(ring.head.load(Ordering::Acquire));
        // What `reserve` does up to its CAS. That head has not moved since proves that
        // the answer still holds.
        let Ok(Turn { now, ready, .. }) = ring.waiting(&self.plan, &|| self.now(), weight) else {
            return false;
        };
        let swapped = ready <= now + max_wait
            && ring
                .head
                .compare_exchange(
                    head.0,
                    head.after(weight).0,
                    Ordering::Release,
                    Ordering::Relaxed,
                )
                .is_ok();
        if swapped {
            self.log().abandoned += weight;
            for seq in head.seq()..head.seq() + stamped {
                self.stamp(seq, ready.max(now + 1));
            }
        }
        swapped
    }

    /// What an owner does to one slot before it dies: it is first, or does nothing.
    fn stamp(&self, seq: u64, ticks: u64) {
        let ring = self.ring();
        let lap = seq / ring.capacity();
        let cell = self.cell(seq);
        let found = cell.load(Ordering::Acquire);
        let head = Head(ring.head.load(Ordering::Relaxed));
        if head.seq() <= seq + ring.capacity() && !Slot(found).is_of(lap) {
            let stamp = Slot::new(lap, ticks).0;
            let _ = cell.compare_exchange(found, stamp, Ordering::Release, Ordering::Relaxed);
        }
    }

    /// The slot of `seq`.
    pub fn cell(&self, seq: u64) -> &AtomicU64 {
        let slots = self.heap.ring().slots;
        &slots[(seq % slots.len() as u64) as usize]
    }

    /// The `nth` run that was granted.
    pub fn granted(&self, nth: usize) -> Run {
        self.log().grants[nth].run
    }

    /// Gives a run back: from here on its owner no longer acts upon it.
    pub fn cancel(&self, run: &Run) {
        for grant in &mut self.log().grants {
            grant.cancelled |= grant.run == *run;
        }
        self.ring().cancel(run);
    }

    /// Gives the `weight` newest permits of a run back.
    pub fn refund(&self, run: &mut Run, weight: u64) {
        let whole = *run;
        let part = run.split_newest(weight);
        {
            let mut log = self.log();
            let grants = &mut log.grants;
            let found = grants.iter().position(|grant| grant.run == whole);
            let mut grant = grants[found.expect("it was granted")].clone();
            grant.run = part;
            grant.cancelled = true;
            grants[found.expect("it was granted")].run = *run;
            grants.push(grant);
        }
        self.ring().cancel(&part);
    }

    /// Splits the newest permits off the `nth` run: somebody else is to give them back.
    pub fn hand_out(&self, nth: usize, newest: Run) {
        let mut log = self.log();
        let mut grant = log.grants[nth].clone();
        log.grants[nth].run.weight -= newest.weight;
        grant.run = newest;
        log.grants.push(grant);
    }

    /// Charges `weight` permits, as a limiter does: in parts that fit the smallest limit.
    pub fn debit(&self, mut weight: u64) {
        while weight > 0 {
            let part = weight.min(self.plan.smallest_limit());
            if self.reserve(part, u64::MAX).is_none() {
                return;
            }
            weight -= part;
        }
    }

    /// Leaks once.
    pub fn leak(&self) -> Leaked {
        self.ring()
            .leak(&self.plan, &self.watch())
            .expect("an open bucket")
    }

    /// Flushes. Models flush from one thread only, so that the tail tells where.
    pub fn flush(&self) {
        self.ring().flush(&self.plan).expect("an open bucket");
        let tail = self.ring().read.tail.load(Ordering::Relaxed);
        self.log().flushes.push(tail);
    }

    /// Nothing is granted before `until`, from now on.
    pub fn pause(&self, until: u64) {
        {
            let mut log = self.log();
            log.paused_until = log.paused_until.max(until);
        }
        let paused = self.ring().pause(&self.plan, &|| self.now(), until);
        paused.expect("an open bucket");
    }

    /// Ends the pause; until when it was.
    pub fn resume(&self) -> u64 {
        self.ring().resume(&self.plan).expect("an open bucket")
    }

    /// Puts the plan in force that the world was made [`to_become`](Self::to_become).
    pub fn change_rates(&self) {
        let rates = self.heap.rates();
        let capacity = self.ring().capacity();
        let in_force = rates.read(self.plan.queue, capacity).expect("sane rates");
        rates.put(&in_force, &self.plan);
    }

    /// One who is to change the rates writes a word of them, and dies.
    pub fn half_change_rates(&self) {
        let rates = self.heap.rates();
        rates.areas[self.plan.version.area()]
            .len
            .store(7, Ordering::Release);
    }

    /// The plan of before a change, of a world that was made [`to_become`](Self::to_become)
    /// another.
    pub fn first(&self) -> Plan {
        self.first.clone()
    }

    /// The plan in force.
    pub fn in_force(&self) -> Plan {
        let read = self
            .heap
            .rates()
            .read(self.plan.queue, self.ring().capacity());
        read.expect("sane rates")
    }

    /// Reserves as a limiter does that knows a plan: under the one in force.
    pub fn reserve_knowing(&self, plan: &mut Plan, weight: u64, max_wait: u64) -> Option<Run> {
        loop {
            match self.reserve_by(plan, weight, max_wait) {
                Err(Refusal::Stale) => *plan = self.in_force(),
                answer => return answer.ok(),
            }
        }
    }

    /// Scribbles `word` over the slot of `seq`.
    pub fn damage(&self, seq: u64, word: Slot) {
        self.log().damaged = true;
        self.cell(seq).store(word.0, Ordering::Release);
    }

    /// Up to `permits` more may be reserved and never returned by a call.
    pub fn may_abandon(&self, permits: u64) {
        self.log().abandoned += permits;
    }
}
