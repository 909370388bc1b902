//! A zone as every bucket is asked.

use crate::bucket::{Bucket, Grant, Item, Usage};
use crate::directory::Place;
use crate::error::{AcquireError, BucketError, PauseError, SetRatesError};
use crate::rate::Rate;
use crate::ring::word::Head;
use crate::ring::{Clock, Plan, Refusal, Run, Turn};
use crate::segment::SegmentClock;
use crate::timestamp::Timestamp;
use crate::zone::Zone;
use crate::zone::attached::Attached;
use crate::zone::bucket::Spot;
use std::time::Duration;

/// Which bucket a grant is of: its index, and how many zones were there before its own.
///
/// | bits | field |
/// |---|---|
/// | 63..32 | zones before |
/// | 31..0 | index, below 2^31 |
struct Whose {
    age: u64,
    index: u64,
}

impl Whose {
    fn pack(&self) -> u64 {
        self.age << 32 | self.index
    }

    fn unpack(word: u64) -> Self {
        Self {
            age: word >> 32,
            index: word & 0xffff_ffff,
        }
    }
}

impl Bucket for Attached {
    fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        let max_wait = ticks(max_wait);
        let put = self.ask_zone(item.weight, |zone| {
            let age = self.age_of(zone);
            zone.ask(item.name, |bucket| {
                let run = bucket.reserve(item.weight, max_wait)?;
                let behind = bucket.latest_end();
                zone.counts().granted(run.weight, run.asked);
                let index = bucket.spot().place.index;
                let at = Timestamp::from_micros(run.ready);
                let ahead = |tick: u64| Duration::from_micros(tick.saturating_sub(run.asked));
                Ok(Grant::new(run.head.0, run.weight, at, ahead(run.ready))
                    .in_place(Whose { age, index }.pack())
                    .paused(ahead(behind)))
            })
        });
        put.inspect_err(|error| self.count_refusal(item.name, error))
    }

    fn give_back(&self, _: &[u8], grant: &Grant, weight: u64) -> Result<(), BucketError> {
        let Whose { age, index } = Whose::unpack(grant.place);
        // What went with its zone leaves nothing to give back, and neither does what this
        // bucket has never given.
        let Some(zone) = self.of_age(age).filter(|zone| index < zone.used()) else {
            return Ok(());
        };
        let mut run = Run {
            head: Head(grant.id),
            weight: grant.weight,
            ready: grant.at.as_micros(),
            asked: 0,
        };
        let place = Place {
            index,
            generation: run.head.generation(),
        };
        let bucket = zone.bucket(Spot { place, key: None });
        if bucket.has_given(&run) {
            bucket.cancel(&run.split_newest(weight));
        }
        Ok(())
    }

    fn look(&self, Item { name, weight }: Item<'_>) -> Result<(), AcquireError> {
        self.ask_zone(weight, |zone| {
            let turn = zone.ask_if_there(name, |bucket| bucket.waiting(weight))?;
            match turn.unwrap_or_else(|| of_unknown(zone)) {
                _ if weight > zone.plan().smallest_limit() => Err(Refusal::TooHeavy.into()),
                Turn { now, ready, window } if weight > 0 && ready > now => {
                    Err(Refusal::Limited { now, ready, window }.into())
                }
                _ => Ok(()),
            }
        })
    }

    fn peek(&self, name: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
        let stamp = self.ask_if_there(name, 0, |bucket| bucket.peek(nth))?;
        Ok(stamp.flatten().map(Timestamp::from_micros))
    }

    fn usage(&self, name: &[u8]) -> Result<Vec<Usage>, AcquireError> {
        let usage = self.ask_if_there(name, 0, |bucket| {
            let (now, tallies) = bucket.tallies()?;
            let rates = bucket.terms().rates().iter().zip(tallies);
            let usages = rates.map(|(&rate, tally)| {
                let resets_in = Duration::from_micros(tally.leaves.saturating_sub(now));
                Usage::new(rate, tally.count, resets_in)
            });
            Ok(usages.collect())
        })?;
        let unused = |rate: Rate| Usage::new(rate, 0, Duration::ZERO);
        Ok(usage.unwrap_or_else(|| self.rates().into_iter().map(unused).collect()))
    }

    fn count(&self) -> Result<u64, BucketError> {
        self.total(|bucket| bucket.count())
    }

    fn queued(&self) -> Result<u64, BucketError> {
        self.total(|bucket| bucket.queued())
    }

    fn flush(&self) -> Result<(), BucketError> {
        self.total(|bucket| bucket.flush().map(|()| 0)).map(|_| ())
    }

    fn leak(&self) -> Result<u64, BucketError> {
        self.total(|bucket| Ok(bucket.leak()?.permits))
    }

    fn dispose(&self, name: &[u8]) -> Result<bool, AcquireError> {
        self.ask_zone(0, |zone| zone.dispose(name))
    }

    fn pause(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
        self.pause_by(name, |_| until).map(|_| ())
    }

    fn resume(&self, name: Option<&[u8]>) -> Result<bool, PauseError> {
        let Some(name) = name else {
            let zone = self.up_to_date()?;
            return Ok(zone.gate().resume_all() > zone.clock().now());
        };
        let ended =
            self.ask_if_there(
                name,
                0,
                |bucket| Ok(bucket.resume()? > bucket.clock().now()),
            )?;
        Ok(ended.unwrap_or(false))
    }

    fn paused(&self, name: &[u8]) -> Result<Duration, BucketError> {
        let left = self.ask_if_there(name, 0, |bucket| {
            Ok(bucket.paused_until().saturating_sub(bucket.clock().now()))
        });
        let left = match left {
            Ok(Some(left)) => left,
            Err(AcquireError::Bucket(error)) => return Err(error),
            // No bucket, no pause but that of all.
            _ => {
                let zone = self.up_to_date()?;
                let until = zone.gate().paused_until();
                until.saturating_sub(zone.clock().now())
            }
        };
        Ok(Duration::from_micros(left))
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_micros(self.newest().plan().horizon)
    }

    fn rates(&self) -> Vec<Rate> {
        let zone = self.up_to_date().unwrap_or_else(|_| self.newest());
        zone.rates().to_vec()
    }

    fn queue(&self) -> u64 {
        self.newest().plan().queue
    }

    fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
        self.change(|zone| zone.set_rates(rates))
    }

    fn now(&self) -> Result<Timestamp, BucketError> {
        Ok(Timestamp::from_micros(self.newest().clock().now()))
    }

    fn label(&self) -> String {
        self.origin().to_string()
    }
}

impl Attached {
    /// Pauses a name, or all, until the instant that follows from the time in the zone that it
    /// is in. Returns that.
    pub fn pause_by(
        &self,
        name: Option<&[u8]>,
        until: impl Fn(Timestamp) -> Timestamp,
    ) -> Result<Timestamp, PauseError> {
        let Some(name) = name else {
            return self.change(|zone| {
                let until = end_of_pause(zone.clock(), zone.plan(), &until)?;
                zone.gate().pause_all(until.as_micros());
                Ok(until)
            });
        };
        self.ask(name, 0, |bucket| {
            let until = end_of_pause(bucket.clock(), bucket.plan(), &until);
            if let Ok(until) = until {
                bucket.pause(until.as_micros())?;
            }
            Ok(until)
        })?
    }
}

/// The turn of a name that has no bucket yet: only a pause of all is in its way.
fn of_unknown(zone: &Zone) -> Turn {
    let (now, until) = (zone.clock().now(), zone.gate().paused_until());
    Turn {
        now,
        ready: until.max(now),
        window: 0,
    }
}

/// When a pause is to end that begins now, if it is no longer than can be.
fn end_of_pause(
    clock: &SegmentClock,
    plan: &Plan,
    until: impl Fn(Timestamp) -> Timestamp,
) -> Result<Timestamp, PauseError> {
    let now = Timestamp::from_micros(clock.now());
    let until = until(now);
    let asked = until.duration_since(now);
    let longest = Duration::from_micros(plan.horizon);
    match asked > longest {
        true => Err(PauseError::TooLong { asked, longest }),
        false => Ok(until),
    }
}

/// Microseconds, rounded down.
fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
