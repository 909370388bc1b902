//! A bucket and all it takes to ask it: its words, its rates, its clock.

use crate::clock::{ClockKind, SystemClock};
use crate::error::OpenError;
use crate::rate::Rate;
use crate::ring::word::Version;
use crate::ring::{Clock, Heap, Leaked, Plan, Refusal, Ring, Rivalry, Run, Turn, Unsettled};
use crate::segment::Segment;
use crate::spec::{Design, Spec, rates_of};

/// One bucket.
#[derive(Debug)]
pub struct Bucket {
    words: Words,
    plan: Plan,
    clock: SystemClock,
    design: Design,
    rates: Vec<Rate>,
}

#[derive(Debug)]
enum Words {
    Heap(Heap),
    Segment(Segment),
}

impl Bucket {
    /// A bucket of this process alone.
    pub fn in_memory(spec: &Spec) -> Result<Self, OpenError> {
        let design = spec.design()?;
        let plan = design.plan(Version(0)).ok_or_else(|| design.misfit())?;
        let clock = SystemClock::from_now(ClockKind::DEFAULT).map_err(|error| OpenError::Io {
            doing: "read the clock for a limiter in",
            path: "memory".into(),
            source: error.into(),
        })?;
        let heap = Heap::new(design.capacity).ok_or_else(|| OpenError::NoMemory {
            needed: design.capacity.saturating_mul(8),
        })?;
        let words = Words::Heap(heap);
        Ok(Self::new(words, plan, clock, design))
    }

    /// The bucket of a segment.
    pub fn of_segment(segment: Segment) -> Self {
        let (plan, clock) = (segment.plan().clone(), segment.clock());
        let design = segment.design().clone();
        Self::new(Words::Segment(segment), plan, clock, design)
    }

    fn new(words: Words, plan: Plan, clock: SystemClock, design: Design) -> Self {
        let rates = rates_of(&design.windows);
        Self {
            words,
            plan,
            clock,
            design,
            rates,
        }
    }

    /// The segment that it is in, if it is in one.
    pub fn segment(&self) -> Option<&Segment> {
        match &self.words {
            Words::Heap(_) => None,
            Words::Segment(segment) => Some(segment),
        }
    }

    /// The numbers that it was made with.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// The rates that this handle knows.
    #[inline]
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// The same as the ring takes them.
    #[inline]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its time.
    #[inline]
    pub fn clock(&self) -> &SystemClock {
        &self.clock
    }

    #[inline]
    fn ring(&self) -> Ring<'_> {
        match &self.words {
            Words::Heap(heap) => heap.ring(),
            Words::Segment(segment) => segment.ring(),
        }
    }

    /// See [`Ring::check`].
    pub fn check(&self) -> Result<(), Refusal> {
        self.ring().check(&self.plan)
    }

    /// See [`Ring::reserve`].
    #[inline(always)]
    pub fn reserve(&self, weight: u64, max_wait: u64) -> Result<Run, Refusal> {
        let ring = self.ring();
        match ring.reserve_at_a_glance(&self.plan, &self.clock, weight, max_wait) {
            Ok(run) => Ok(run),
            Err(Unsettled::Refused(refusal)) => Err(refusal),
            Err(Unsettled::Open(rivalry)) => self.reserve_at_length(weight, max_wait, rivalry),
        }
    }

    #[cold]
    fn reserve_at_length(
        &self,
        weight: u64,
        max_wait: u64,
        rivalry: Rivalry,
    ) -> Result<Run, Refusal> {
        self.ring()
            .reserve_at_length(&self.plan, &self.clock, weight, max_wait, rivalry)
    }

    /// Sleeps until the run's time, if that is not past. The tick at which this
    /// process woke.
    pub fn sleep(&self, run: &Run) -> u64 {
        self.clock.sleep_until(run.ready);
        self.clock.now()
    }

    /// See [`Ring::cancel`].
    pub fn cancel(&self, run: &Run) {
        self.ring().cancel(run);
    }

    /// See [`Ring::is_paused`].
    pub fn is_paused(&self, now: u64) -> bool {
        self.ring().is_paused(now)
    }

    /// See [`Ring::waiting`].
    pub fn waiting(&self, weight: u64) -> Result<Turn, Refusal> {
        self.ring().waiting(&self.plan, &self.clock, weight)
    }

    /// See [`Ring::count`].
    pub fn count(&self) -> Result<u64, Refusal> {
        self.ring().count(&self.plan, &self.clock)
    }

    /// See [`Ring::counts`].
    pub fn counts(&self) -> Result<Vec<u64>, Refusal> {
        self.ring().counts(&self.plan, &self.clock)
    }

    /// See [`Ring::queued`].
    pub fn queued(&self) -> Result<u64, Refusal> {
        self.ring().queued(&self.plan, &self.clock)
    }

    /// See [`Ring::peek`].
    pub fn peek(&self, nth: u64) -> Result<Option<u64>, Refusal> {
        self.ring().peek(&self.plan, &self.clock, nth)
    }

    /// See [`Ring::reserved`].
    pub fn reserved(&self) -> u64 {
        self.ring().reserved()
    }

    /// See [`Ring::leak`].
    pub fn leak(&self) -> Result<Leaked, Refusal> {
        self.ring().leak(&self.plan, &self.clock)
    }

    /// See [`Ring::flush`].
    pub fn flush(&self) -> Result<(), Refusal> {
        self.ring().flush(&self.plan)
    }
}
