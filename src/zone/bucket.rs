//! One bucket, with all it takes to ask it.

use crate::directory::{Place, read_label};
use crate::ring::{KeyHash, Leaked, Plan, Refusal, Ring, Rivalry, Run, Tally, Turn, Unsettled};
use crate::segment::SegmentClock;
use crate::zone::terms::Terms;

/// A bucket's place, and the key that it must belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spot {
    pub place: Place,
    pub key: Option<KeyHash>,
}

impl Spot {
    /// The bucket that takes all names, where there are no keys.
    pub const ONLY: Self = Self {
        place: Place {
            index: 0,
            generation: 0,
        },
        key: None,
    };

    /// No place yet: asked there, the ring says that it is closed.
    pub fn nowhere(key: KeyHash) -> Self {
        Self {
            place: Place {
                index: 0,
                // Odd: closed.
                generation: 1,
            },
            key: Some(key),
        }
    }

    /// Index and generation in one word.
    ///
    /// | bits | field |
    /// |---|---|
    /// | 63..12 | index |
    /// | 11..0 | generation |
    pub fn pack(self) -> u64 {
        self.place.index << 12 | self.place.generation
    }

    /// Packed, and its index; if it is one key's bucket.
    #[inline(always)]
    pub fn of_a_key(self) -> Option<(u64, u64)> {
        self.key.map(|_| (self.pack(), self.place.index))
    }

    /// The same place for a key.
    #[inline]
    pub fn unpack(word: u64, key: Option<KeyHash>) -> Self {
        Self {
            place: Place {
                index: word >> 12,
                generation: word & 0xfff,
            },
            key,
        }
    }
}

/// A bucket of a zone. Where it belongs to a key and has been taken from it, all
/// questions are answered [`Refusal::Closed`].
#[derive(Clone, Copy, Debug)]
pub struct ZoneBucket<'z> {
    terms: &'z Terms,
    clock: &'z SegmentClock,
    spot: Spot,
    ring: Ring<'z>,
}

impl<'z> ZoneBucket<'z> {
    #[inline]
    pub fn new(terms: &'z Terms, clock: &'z SegmentClock, spot: Spot, ring: Ring<'z>) -> Self {
        Self {
            terms,
            clock,
            spot,
            ring,
        }
    }

    /// Where it is.
    pub fn spot(self) -> Spot {
        self.spot
    }

    #[inline]
    pub fn plan(&self) -> &'z Plan {
        &self.terms.plan
    }

    /// The rates that it is asked under.
    #[inline]
    pub fn terms(&self) -> &'z Terms {
        self.terms
    }

    #[inline]
    pub fn clock(&self) -> &'z SegmentClock {
        self.clock
    }

    /// See [`Ring::reserve_at_a_glance`].
    #[inline(always)]
    pub fn reserve_at_a_glance(self, weight: u64, max_wait: u64) -> Result<Run, Unsettled> {
        let (plan, clock) = (self.plan(), self.clock());
        self.ring.reserve_at_a_glance(plan, clock, weight, max_wait)
    }

    /// See [`Ring::reserve_at_length`].
    pub fn reserve_at_length(
        self,
        weight: u64,
        max_wait: u64,
        rivalry: Rivalry,
    ) -> Result<Run, Refusal> {
        let (plan, clock) = (self.plan(), self.clock());
        self.ring
            .reserve_at_length(plan, clock, weight, max_wait, rivalry)
    }

    /// Reserves `weight` permits, if their turn is at most `max_wait` ticks away: all of
    /// them, or none.
    pub fn reserve(self, weight: u64, max_wait: u64) -> Result<Run, Refusal> {
        self.reserve_at_length(weight, max_wait, Rivalry::none())
    }

    /// Whether it can have given those permits.
    pub fn has_given(self, run: &Run) -> bool {
        let (capacity, before) = (self.ring.capacity(), run.head.seq());
        let ever = self.reserved().saturating_add(capacity);
        run.weight <= capacity && (capacity..=ever.saturating_sub(run.weight)).contains(&before)
    }

    /// See [`Ring::cancel`].
    pub fn cancel(self, run: &Run) {
        self.ring.cancel(run);
    }

    /// See [`Ring::pause`].
    pub fn pause(self, until: u64) -> Result<(), Refusal> {
        self.ring.pause(self.plan(), self.clock(), until)
    }

    /// See [`Ring::resume`].
    pub fn resume(self) -> Result<u64, Refusal> {
        self.ring.resume(self.plan())
    }

    /// See [`Ring::paused_until`].
    pub fn paused_until(self) -> u64 {
        self.ring.paused_until()
    }

    /// See [`Ring::latest_end`].
    pub fn latest_end(self) -> u64 {
        self.ring.latest_end()
    }

    /// See [`Ring::waiting`].
    pub fn waiting(self, weight: u64) -> Result<Turn, Refusal> {
        self.ring.waiting(self.plan(), self.clock(), weight)
    }

    /// See [`Ring::count`].
    pub fn count(self) -> Result<u64, Refusal> {
        self.vouched(self.ring.count(self.plan(), self.clock()))
    }

    /// See [`Ring::tallies`].
    pub fn tallies(self) -> Result<(u64, Vec<Tally>), Refusal> {
        self.vouched(self.ring.tallies(self.plan(), self.clock()))
    }

    /// See [`Ring::queued`].
    pub fn queued(self) -> Result<u64, Refusal> {
        self.vouched(self.ring.queued(self.plan(), self.clock()))
    }

    /// See [`Ring::peek`].
    pub fn peek(self, nth: u64) -> Result<Option<u64>, Refusal> {
        self.vouched(self.ring.peek(self.plan(), self.clock(), nth))
    }

    /// See [`Ring::reserved`].
    pub fn reserved(self) -> u64 {
        self.ring.reserved()
    }

    /// The first bytes of its key, and whether that is all of it.
    pub fn label(self) -> Result<(Vec<u8>, bool), Refusal> {
        self.vouched(Ok(read_label(&self.ring.read.label)))
    }

    /// See [`Ring::leak`].
    pub fn leak(self) -> Result<Leaked, Refusal> {
        self.ring.leak(self.plan(), self.clock())
    }

    /// See [`Ring::flush`].
    pub fn flush(self) -> Result<(), Refusal> {
        self.ring.flush(self.plan())
    }

    /// An answer that was put together from several looks, if the bucket still is the
    /// key's.
    fn vouched<T>(self, answer: Result<T, Refusal>) -> Result<T, Refusal> {
        let answer = answer?;
        self.ring.check(self.plan())?;
        Ok(answer)
    }
}
