//! What a caller gets: leave to act, from an instant on.

use crate::bucket::Grant;
use crate::directory::Place;
use crate::error::{BucketError, RefundError};
use crate::ground::{Foreign, Ground, LOCAL};
use crate::ring::Run;
use crate::ring::word::Head;
use crate::segment::SegmentClock;
use crate::timestamp::Timestamp;
use crate::zone::Zone;
use crate::zone::bucket::{Spot, ZoneBucket};
use std::fmt;
use std::num::NonZeroU32;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// Leave to act once, or as often as its weight says.
///
/// It needs not be given back: it counts for one interval of each rate from
/// [`at`](Self::at) on. What was not used after all may be [refunded](Self::refund).
///
/// A forked child has a copy, and not leave to act once more: one of the two processes may
/// act upon it, or refund it.
pub struct Permit<'l> {
    book: Book<'l>,
    run: Run,
    /// How often the call slept, and one: so that an answer needs no word of its own to tell a
    /// permit from an error.
    sleeps: NonZeroU32,
}

/// Whose log it is in. As large as what is common: a zone, and an index.
#[derive(Clone)]
enum Book<'l> {
    /// That bucket of a zone.
    Zone(&'l Zone, u64),
    Other(Arc<Entry>),
}

/// In a bucket of another kind, whose number is in the run in place of a head.
#[derive(Clone)]
struct Entry {
    bucket: Foreign,
    name: Box<[u8]>,
    place: u64,
    /// Of the permits that the bucket gave together, so many older ones are another permit's.
    older: u64,
}

impl<'l> Permit<'l> {
    #[inline(always)]
    pub(crate) fn new(zone: &'l Zone, index: u64, run: Run) -> Self {
        Self {
            book: Book::Zone(zone, index),
            run,
            sleeps: NonZeroU32::MIN,
        }
    }

    /// One from a bucket of another kind.
    pub(crate) fn of_bucket(bucket: &Foreign, name: &[u8], grant: Grant) -> Self {
        let ready = grant.at.as_micros();
        // Rounded up: who has to wait for less than a tick has to wait.
        let wait = grant.wait.as_nanos().div_ceil(1000);
        let wait = u64::try_from(wait).unwrap_or(u64::MAX);
        Self {
            book: Book::Other(Arc::new(Entry {
                bucket: bucket.clone(),
                name: name.into(),
                place: grant.place,
                older: 0,
            })),
            run: Run {
                head: Head(grant.id),
                weight: grant.weight,
                ready,
                asked: ready.saturating_sub(wait),
            },
            sleeps: NonZeroU32::MIN,
        }
    }

    /// Leave to act that costs nothing.
    pub(crate) fn for_nothing(ground: &'l Ground, now: Timestamp) -> Self {
        let rings = match ground {
            Ground::Zone(rings) => rings,
            Ground::Other(bucket) => {
                return Self::of_bucket(bucket, b"", Grant::new(0, 0, now, Duration::ZERO));
            }
        };
        let run = Run {
            head: Head::new(0, 0),
            weight: 0,
            ready: now.as_micros(),
            asked: now.as_micros(),
        };
        Self::new(rings.newest(), 0, run)
    }

    /// The zone that it is of.
    pub(crate) fn zone(&self) -> Option<&'l Zone> {
        match &self.book {
            Book::Zone(zone, _) => Some(zone),
            Book::Other(_) => None,
        }
    }

    /// By which it is waited for.
    pub(crate) fn clock(&self) -> &'l SegmentClock {
        self.zone().map_or(&LOCAL, Zone::clock)
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// The same permit, after so many sleeps.
    pub(crate) fn after(mut self, sleeps: u32) -> Self {
        self.sleeps = NonZeroU32::MIN.saturating_add(sleeps);
        self
    }

    /// Counts a sleep.
    pub(crate) fn has_slept(&mut self) {
        self.sleeps = self.sleeps.saturating_add(1);
    }

    /// The same permit, for whoever is to have it instead.
    pub(crate) fn handed_on(&self) -> Self {
        Self {
            book: self.book.clone(),
            ..*self
        }
    }

    /// Until when its bucket is paused, by its clock; 0: it is not.
    pub(crate) async fn paused_until(&self) -> Result<u64, BucketError> {
        match &self.book {
            &Book::Zone(zone, index) => Ok(self.bucket(zone, index).paused_until()),
            Book::Other(entry) => entry.bucket.paused_until(&entry.name).await,
        }
    }

    /// The shortest interval of the rates, in ticks.
    pub(crate) fn shortest_interval(&self) -> u64 {
        match &self.book {
            Book::Zone(zone, _) => zone.plan().windows()[0].interval,
            Book::Other(entry) => entry.bucket.shortest_interval(),
        }
    }

    /// Gives all of it back, and stands for nothing from then on. Where that would have to be
    /// awaited, it is left to the bucket's task; what a bucket does not take back counts until
    /// its time has passed.
    pub(crate) fn give_all_back(&mut self) {
        let _ = self.give_back(u64::MAX);
    }

    /// The same, and awaits it.
    pub(crate) async fn give_all_back_in_time(&mut self) -> Result<(), BucketError> {
        let (grant, weight) = (self.grant(), self.run.weight);
        if let Book::Other(entry) = &self.book
            && weight > 0
        {
            self.run.weight = 0;
            return entry.bucket.give_back(&entry.name, grant, weight).await;
        }
        self.give_back(u64::MAX)
    }

    /// Stands for nothing from then on, and gives nothing back.
    pub(crate) fn leave(&mut self) {
        self.run.weight = 0;
    }

    /// Takes the `weight` newest off it, or all if it has fewer, for somebody else.
    pub(crate) fn split_newest(&mut self, weight: u64) -> Self {
        let (whole, mut run) = (self.run.head, self.run.split_newest(weight));
        let mut book = self.book.clone();
        if let Book::Other(entry) = &mut book {
            run.head = whole;
            Arc::make_mut(entry).older += self.run.weight;
        }
        Self { book, run, ..*self }
    }

    /// The instant at which it was granted, on the segment's clock, rounded down to the
    /// microsecond. In every window of each rate, the weights of the permits whose
    /// instants are in it sum to the limit at most.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.run.ready)
    }

    /// How many permits it stands for: what was asked for, less what was refunded; none
    /// if a [dry run](crate::Builder::dry_run) let it pass.
    pub fn weight(&self) -> u64 {
        self.run.weight
    }

    /// How often the call slept: not at all if it was granted at once, and once if it
    /// had to wait, unless it woke late or met a pause and queued again.
    pub fn sleeps(&self) -> u32 {
        self.sleeps.get() - 1
    }

    /// Gives all of it back: those who come later are judged as if it had never been
    /// taken. Those who wait already keep their times. It is an error in the books to act
    /// upon it all the same.
    ///
    /// While what was given back is in the window, a refusal looks at the permits in it
    /// one by one.
    ///
    /// Over an async bucket this is left to the bucket's task. A bucket that cannot be reached
    /// counts the permits until their time has passed; [`refund_n`](Self::refund_n) says so,
    /// where it is known.
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
    /// [`RefundError`]: if it does not stand for so many, nothing is given back.
    pub fn refund_n(&mut self, weight: u64) -> Result<(), RefundError> {
        let held = self.run.weight;
        if weight > held {
            return Err(RefundError::TooMuch { weight, held });
        }
        Ok(self.give_back(weight)?)
    }

    /// Gives the newest of it back, up to so many.
    fn give_back(&mut self, weight: u64) -> Result<(), BucketError> {
        let grant = self.grant();
        let part = self.run.split_newest(weight);
        if part.weight == 0 {
            return Ok(());
        }
        match &self.book {
            &Book::Zone(zone, index) => {
                self.bucket(zone, index).cancel(&part);
                Ok(())
            }
            Book::Other(entry) => entry.bucket.hand_back(&entry.name, &grant, part.weight),
        }
    }

    /// What a bucket of another kind gave it for, less what was given back.
    fn grant(&self) -> Grant {
        let run = &self.run;
        let wait = Duration::from_micros(run.ready.saturating_sub(run.asked));
        let grant = |weight| Grant::new(run.head.0, weight, self.at(), wait);
        match &self.book {
            Book::Zone(..) => grant(run.weight),
            Book::Other(entry) => grant(entry.older + run.weight).in_place(entry.place),
        }
    }

    /// Its bucket, whosever that is by now: a run knows itself which slots are still its.
    fn bucket(&self, zone: &'l Zone, index: u64) -> ZoneBucket<'l> {
        let place = Place {
            index,
            generation: self.run.head.generation(),
        };
        zone.bucket(Spot { place, key: None })
    }
}

impl PartialEq for Permit<'_> {
    /// Whether they are one and the same.
    fn eq(&self, other: &Self) -> bool {
        let is_of_one_book = match (&self.book, &other.book) {
            (Book::Zone(zone, index), Book::Zone(others, other)) => {
                ptr::eq(*zone, *others) && index == other
            }
            (Book::Other(one), Book::Other(other)) => {
                one.bucket.is(&other.bucket)
                    && one.name == other.name
                    && (one.place, one.older) == (other.place, other.older)
            }
            _ => false,
        };
        is_of_one_book && self.run == other.run
    }
}

impl Eq for Permit<'_> {}

/// What a user can ask of it, in a user's units.
impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("at", &format_args!("{}", self.at()))
            .field("weight", &self.weight())
            .field("sleeps", &self.sleeps())
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
