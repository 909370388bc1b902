//! What a caller gets: leave to act, from an instant on.

use crate::directory::Place;
use crate::error::RefundError;
use crate::ring::word::Head;
use crate::ring::{Clock, Run};
use crate::timestamp::Timestamp;
use crate::zone::Zone;
use crate::zone::bucket::{Spot, ZoneBucket};
use std::fmt;

/// Leave to act once, or as often as its weight says.
///
/// It needs not be given back: it counts for one interval of each rate from
/// [`at`](Self::at) on. What was not used after all may be [refunded](Self::refund).
///
/// A forked child has a copy, and not leave to act once more: one of the two processes may
/// act upon it, or refund it.
pub struct Permit<'l> {
    zone: &'l Zone,
    /// Which bucket of the zone.
    index: u64,
    run: Run,
    sleeps: u32,
}

impl<'l> Permit<'l> {
    #[inline(always)]
    pub(crate) fn new(zone: &'l Zone, index: u64, run: Run) -> Self {
        Self {
            zone,
            index,
            run,
            sleeps: 0,
        }
    }

    /// Leave to act that costs nothing.
    pub(crate) fn for_nothing(zone: &'l Zone) -> Self {
        let now = zone.clock().now();
        let run = Run {
            head: Head::new(0, 0),
            weight: 0,
            ready: now,
            asked: now,
        };
        Self::new(zone, 0, run)
    }

    pub(crate) fn zone(&self) -> &'l Zone {
        self.zone
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// The same permit, after so many sleeps.
    pub(crate) fn after(self, sleeps: u32) -> Self {
        Self { sleeps, ..self }
    }

    /// Counts a sleep.
    pub(crate) fn has_slept(&mut self) {
        self.sleeps = self.sleeps.saturating_add(1);
    }

    /// The same permit, for whoever is to have it instead.
    pub(crate) fn handed_on(&self) -> Self {
        Self { ..*self }
    }

    /// Until when its bucket is paused.
    pub(crate) fn paused_until(&self) -> u64 {
        self.bucket().paused_until()
    }

    /// Gives all of it back, and stands for nothing from then on.
    pub(crate) fn give_all_back(&mut self) {
        let all = self.leave();
        self.give_back(&all);
    }

    /// Stands for nothing from then on, and gives nothing back.
    pub(crate) fn leave(&mut self) -> Run {
        self.run.split_newest(u64::MAX)
    }

    /// Takes the `weight` newest off it, or all if it has fewer, for somebody else.
    pub(crate) fn split_newest(&mut self, weight: u64) -> Self {
        let run = self.run.split_newest(weight);
        Self { run, ..*self }
    }

    /// The instant at which it was granted, on the segment's clock, rounded down to the
    /// microsecond. In every window of each rate, the weights of the permits whose
    /// instants are in it sum to the limit at most.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_ticks(self.run.ready)
    }

    /// How many permits it stands for: what was asked for, less what was refunded; none
    /// if a [dry run](crate::Builder::dry_run) let it pass.
    pub fn weight(&self) -> u64 {
        self.run.weight
    }

    /// How often the call slept: not at all if it was granted at once, and once if it
    /// had to wait, unless it woke late or met a pause and queued again.
    pub fn sleeps(&self) -> u32 {
        self.sleeps
    }

    /// Gives all of it back: those who come later are judged as if it had never been
    /// taken. Those who wait already keep their times. It is an error in the books to act
    /// upon it all the same.
    ///
    /// While what was given back is in the window, a refusal looks at the permits in it
    /// one by one.
    ///
    /// ```
    /// use tidegate::{Limiter, Rate};
    ///
    /// let limiter = Limiter::in_memory().rate(Rate::per_minute(1)).open()?;
    /// limiter.try_acquire("report")?.refund();
    /// limiter.try_acquire("report")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refund(mut self) {
        self.give_all_back();
    }

    /// Gives `weight` permits of it back, as [`refund`](Self::refund) does: for costs that
    /// are estimated before, and known after.
    ///
    /// ```
    /// use tidegate::{Limiter, Rate};
    ///
    /// let tokens = Limiter::in_memory().rate(Rate::per_minute(1000)).open()?;
    /// let mut permit = tokens.try_acquire_n("model", 800)?;
    /// permit.refund_n(300)?; // it cost only 500
    /// assert_eq!(permit.weight(), 500);
    /// tokens.try_acquire_n("model", 500)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RefundError`] if it does not stand for so many. Nothing is given back then.
    pub fn refund_n(&mut self, weight: u64) -> Result<(), RefundError> {
        let held = self.run.weight;
        if weight > held {
            return Err(RefundError { weight, held });
        }
        let part = self.run.split_newest(weight);
        self.give_back(&part);
        Ok(())
    }

    /// Its bucket, whosever that is by now: a run knows itself which slots are still its.
    fn bucket(&self) -> ZoneBucket<'l> {
        let place = Place {
            index: self.index,
            generation: self.run.head.generation(),
        };
        self.zone.bucket(Spot { place, key: None })
    }

    fn give_back(&self, part: &Run) {
        self.bucket().cancel(part);
    }
}

impl PartialEq for Permit<'_> {
    /// Whether they are one and the same.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.zone, other.zone) && self.index == other.index && self.run == other.run
    }
}

impl Eq for Permit<'_> {}

/// What a user can ask of it, in a user's units.
impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("at", &format_args!("{}", self.at()))
            .field("weight", &self.weight())
            .field("sleeps", &self.sleeps)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;

    #[test]
    fn it_shows_its_instant_weight_and_sleeps() {
        let spec = Spec {
            rates: vec![crate::Rate::per_second(5)],
            ..Spec::default()
        };
        let zone = Zone::in_memory(&spec).unwrap();
        let mut run = zone.bucket(Spot::ONLY).reserve(3, 0).unwrap();
        run.ready = 12_000_345;
        assert_eq!(
            format!("{:?}", Permit::new(&zone, 0, run).after(1)),
            "Permit { at: 12.000345s, weight: 3, sleeps: 1 }"
        );
    }
}
