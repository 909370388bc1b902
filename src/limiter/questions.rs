//! What can be asked of a limiter, and takes nothing.

use crate::error::{AcquireError, BucketError};
use crate::limiter::Limiter;
use crate::rate::Rate;
use crate::ring::{Clock, Refusal, Turn};
use crate::timestamp::Timestamp;
use crate::zone::Zone;
use crate::zone::bucket::ZoneBucket;
use crate::zone::denied::Denied;
use std::time::Duration;

/// How much of one rate a key has used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Usage {
    /// The rate.
    pub rate: Rate,
    /// Permits that count in its window, those that are waited for among them.
    pub used: u64,
    /// When the first of them leaves the window: then more is to be had. Zero if none counts.
    pub resets_in: Duration,
}

impl Usage {
    /// How many permits more the rate allows now.
    pub fn remaining(&self) -> u64 {
        self.rate.limit().saturating_sub(self.used)
    }
}

impl Limiter {
    /// How long a request of `weight` would have to wait now; zero if it would be
    /// granted at once. Takes nothing.
    ///
    /// # Errors
    ///
    /// [`AcquireError::WeightTooLarge`], [`AcquireError::KeyTooLong`],
    /// [`AcquireError::Bucket`].
    pub fn waiting(&self, name: impl AsRef<[u8]>, weight: u64) -> Result<Duration, AcquireError> {
        let turn = self.ask_zone(weight, |zone| turn(zone, name.as_ref(), weight))?;
        Ok(turn.map_or(Duration::ZERO, |turn| {
            Duration::from_micros(turn.ready.saturating_sub(turn.now))
        }))
    }

    /// The instant of the `nth` newest permit, from 0, of those that count in the
    /// widest window; an upper bound, and in the future if it is waited for.
    ///
    /// # Errors
    ///
    /// [`AcquireError::KeyTooLong`], [`AcquireError::Bucket`].
    pub fn peek(
        &self,
        name: impl AsRef<[u8]>,
        nth: u64,
    ) -> Result<Option<Timestamp>, AcquireError> {
        let stamp = self.ask_if_there(name.as_ref(), 0, |bucket| bucket.peek(nth))?;
        Ok(stamp.flatten().map(Timestamp::from_ticks))
    }

    /// How many permits count in the widest window now, those that are waited for
    /// among them; of all keys together.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn count(&self) -> Result<u64, BucketError> {
        self.total(|bucket| bucket.count())
    }

    /// How many permits are reserved by callers that wait, of all keys together.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn queued(&self) -> Result<u64, BucketError> {
        self.total(|bucket| bucket.queued())
    }

    /// How much of each rate the key has used, in the order of the [rates](Self::rates).
    ///
    /// # Errors
    ///
    /// [`AcquireError::KeyTooLong`], [`AcquireError::Bucket`].
    pub fn usage(&self, name: impl AsRef<[u8]>) -> Result<Vec<Usage>, AcquireError> {
        let tallies = self.ask_if_there(name.as_ref(), 0, |bucket| {
            let (now, tallies) = bucket.tallies()?;
            let rates = bucket.terms().rates().iter().zip(tallies);
            let usages = rates.map(|(&rate, tally)| Usage {
                rate,
                used: tally.count,
                resets_in: Duration::from_micros(tally.leaves.saturating_sub(now)),
            });
            Ok(usages.collect())
        })?;
        let unused = |rate: Rate| Usage {
            rate,
            used: 0,
            resets_in: Duration::ZERO,
        };
        Ok(tallies.unwrap_or_else(|| self.rates().into_iter().map(unused).collect()))
    }

    /// The rates in force; if the segment cannot be used any more, the last ones known.
    pub fn rates(&self) -> Vec<Rate> {
        let zone = self.up_to_date().unwrap_or_else(|_| self.zone());
        zone.rates().to_vec()
    }

    /// The time on the limiter's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_ticks(self.zone().clock().now())
    }

    /// Why a request would be refused now, if it would be. Takes nothing.
    pub(crate) fn check_n(&self, name: &[u8], weight: u64) -> Result<(), AcquireError> {
        if self.is_dry() {
            return Ok(());
        }
        self.ask_zone(weight, |zone| match turn(zone, name, weight)? {
            Some(Turn { now, ready, window }) if ready > now => {
                Err(Refusal::Limited { now, ready, window }.into())
            }
            _ => Ok(()),
        })
    }

    /// The sum of an answer over all buckets.
    pub(crate) fn total(
        &self,
        question: impl Fn(ZoneBucket<'_>) -> Result<u64, Refusal>,
    ) -> Result<u64, BucketError> {
        self.look(|zone| {
            let mut total = 0;
            zone.ask_all(&question, |part| total += part)?;
            Ok(total)
        })
    }
}

/// A request's turn; none if its key has no bucket yet, and so nothing is in its way.
fn turn(zone: &Zone, name: &[u8], weight: u64) -> Result<Option<Turn>, Denied> {
    match zone.ask_if_there(name, |bucket| bucket.waiting(weight))? {
        None if weight > zone.plan().smallest_limit() => Err(Refusal::TooHeavy.into()),
        turn => Ok(turn),
    }
}
