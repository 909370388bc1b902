//! The limiter: what a user holds.

pub mod builder;
mod debit;
pub mod factory;
pub mod inspect;
pub mod keys;
pub mod leaker;
pub mod questions;
#[cfg(feature = "macros")]
pub mod rate_limited;
pub mod request;
mod steer;
#[cfg(feature = "tokio")]
mod tokio;
pub mod wrap;

use crate::error::{AcquireError, BucketError, OpenError};
use crate::observe::Scope;
use crate::ring::{Refusal, Rivalry, Unsettled};
use crate::spec::Spec;
use crate::sync::{AtomicU64, Ordering};
use crate::turn::manners::Manners;
use crate::turn::permit::Permit;
use crate::turn::place::Place;
use crate::turn::reservation::Reservation;
use crate::zone::Zone;
use crate::zone::attached::{Attached, Origin};
use crate::zone::bucket::{Spot, ZoneBucket};
use crate::zone::denied::{Denied, deny, explain, unusable};
use std::sync::Arc;
use std::time::Duration;

/// An exact rate limiter, shared by whoever opens the same segment.
///
/// A clone is the same handle. After a fork, the child goes on using it; threads share
/// it. The `name` that requests give is what is limited, where each has a bucket of its own
/// ([`Builder::keys`](crate::Builder::keys)); otherwise one bucket takes all names.
///
/// ```
/// use std::time::Duration;
/// use tidegate::{AcquireError, Limiter, Rate};
///
/// let limiter = Limiter::in_memory().rate(Rate::new(2, Duration::from_secs(60))).open()?;
/// limiter.try_acquire("example.com")?;
/// limiter.try_acquire("example.com")?;
/// match limiter.try_acquire("example.com") {
///     Err(AcquireError::Limited { retry_after, .. }) => assert!(retry_after > Duration::from_secs(59)),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Limiter {
    attached: Arc<Attached>,
}

impl Limiter {
    pub(crate) fn open(origin: Origin, spec: Spec) -> Result<Self, OpenError> {
        let attached = Arc::new(Attached::new(origin, spec)?);
        Ok(Self { attached })
    }

    /// Takes one permit, if that is possible now.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Limited`] says when to try again. See [`AcquireError`] for others.
    #[inline]
    pub fn try_acquire(&self, name: impl AsRef<[u8]>) -> Result<Permit<'_>, AcquireError> {
        self.try_acquire_n(name, 1)
    }

    /// Takes `weight` permits, if that is possible now: all of them, or none. A weight
    /// of 0 is always granted.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire); and [`AcquireError::WeightTooLarge`] for
    /// what no window can hold.
    #[inline]
    pub fn try_acquire_n(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
    ) -> Result<Permit<'_>, AcquireError> {
        match self.attached.let_pass() {
            None => self.try_once(name.as_ref(), weight),
            Some(passed) => self.try_dry(passed, name.as_ref(), weight),
        }
    }

    /// The same in a dry run, which lets pass what would be refused.
    #[cold]
    fn try_dry(
        &self,
        passed: &AtomicU64,
        name: &[u8],
        weight: u64,
    ) -> Result<Permit<'_>, AcquireError> {
        match self.try_once(name, weight) {
            Err(error) if !matches!(error, AcquireError::Bucket(_)) => {
                // Relaxed: a statistic.
                passed.fetch_add(1, Ordering::Relaxed);
                Ok(Permit::for_nothing(self.zone()))
            }
            answer => answer,
        }
    }

    /// The same if this is none.
    #[inline]
    fn try_once(&self, name: &[u8], weight: u64) -> Result<Permit<'_>, AcquireError> {
        let zone = self.first_zone();
        if zone.has_keys() {
            self.try_by_key(name, weight)
        } else {
            self.try_there(zone, Spot::ONLY, name, weight)
        }
    }

    /// The same where each name has a bucket.
    fn try_by_key(&self, name: &[u8], weight: u64) -> Result<Permit<'_>, AcquireError> {
        let zone = self.first_zone();
        match zone.spot(name) {
            Some(spot) => self.try_there(zone, spot, name, weight),
            None => self.try_at_length(name, weight),
        }
    }

    /// The same of the bucket that the name had when one looked. What a glance settles is
    /// inlined, and writes the answer once; the rest is not.
    #[inline(always)]
    fn try_there<'l>(
        &'l self,
        zone: &'l Zone,
        spot: Spot,
        name: &[u8],
        weight: u64,
    ) -> Result<Permit<'l>, AcquireError> {
        let bucket = zone.bucket(spot);
        match bucket.reserve_at_a_glance(weight, 0) {
            Ok(run) => self.grant(Permit::new(zone, spot.place.index, run)),
            Err(Unsettled::Open(rivalry)) => self.try_longer(spot, name, weight, rivalry),
            Err(Unsettled::Refused(Refusal::Stale | Refusal::Closed)) => {
                self.try_at_length(name, weight)
            }
            Err(Unsettled::Refused(refusal)) => {
                self.refuse(explain(bucket.terms(), weight, refusal))
            }
        }
    }

    /// The same where a glance does not settle it.
    #[cold]
    fn try_longer(
        &self,
        spot: Spot,
        name: &[u8],
        weight: u64,
        rivalry: Rivalry,
    ) -> Result<Permit<'_>, AcquireError> {
        let zone = self.first_zone();
        let bucket = zone.bucket(spot);
        match bucket.reserve_at_length(weight, 0, rivalry) {
            Ok(run) => self.grant(Permit::new(zone, spot.place.index, run)),
            Err(Refusal::Stale | Refusal::Closed) => self.try_at_length(name, weight),
            Err(refusal) => self.refuse(explain(bucket.terms(), weight, refusal)),
        }
    }

    /// The same where the name has no bucket yet, or has got another.
    #[cold]
    fn try_at_length(&self, name: &[u8], weight: u64) -> Result<Permit<'_>, AcquireError> {
        match self.queue_up(name, weight, 0) {
            Ok((permit, _)) => self.grant(permit),
            Err(error) => self.refuse(error),
        }
    }

    /// Hands out a permit, and tells those who watch.
    #[inline(always)]
    pub(crate) fn grant<'l>(&self, permit: Permit<'l>) -> Result<Permit<'l>, AcquireError> {
        self.scope().granted(permit.weight());
        Ok(permit)
    }

    /// Refuses, and tells those who watch.
    #[inline(always)]
    pub(crate) fn refuse<'l>(&self, error: AcquireError) -> Result<Permit<'l>, AcquireError> {
        self.scope().refused(&error);
        Err(error)
    }

    /// Takes one permit, waiting for its turn: first come, first served, across all
    /// processes. The call sleeps once, and wakes when its turn has come.
    ///
    /// # Errors
    ///
    /// [`AcquireError::QueueFull`] if too many wait already; [`AcquireError::Limited`]
    /// if its turn is beyond the bucket's horizon: the time that a full queue takes,
    /// and a day.
    pub fn acquire(&self, name: impl AsRef<[u8]>) -> Result<Permit<'_>, AcquireError> {
        self.acquire_n(name, 1)
    }

    /// Takes `weight` permits, waiting for its turn: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and [`AcquireError::WeightTooLarge`].
    pub fn acquire_n(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
    ) -> Result<Permit<'_>, AcquireError> {
        self.acquire_timeout(name, weight, Duration::MAX)
    }

    /// Takes `weight` permits, waiting for its turn if that comes within `timeout`. If
    /// it does not, the call fails at once, and takes nothing.
    ///
    /// # Errors
    ///
    /// As [`acquire_n`](Self::acquire_n).
    pub fn acquire_timeout(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        timeout: Duration,
    ) -> Result<Permit<'_>, AcquireError> {
        let name = name.as_ref();
        if self.is_dry() {
            return self.try_acquire_n(name, weight);
        }
        let answer = Place::take(self, name, weight, timeout).and_then(|mut place| {
            place.wait(self, name)?;
            Ok(place.permit)
        });
        self.tell(&answer);
        answer
    }

    /// Reserves `weight` permits, if their turn comes within `max_wait`, and does not wait
    /// for it. If it does not come so soon, the call takes nothing.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    pub fn reserve(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        max_wait: Duration,
    ) -> Result<Reservation<'_>, AcquireError> {
        let name = name.as_ref();
        let place = match self.is_dry() {
            true => Place::of(self.try_acquire_n(name, weight)?),
            false => Place::take(self, name, weight, max_wait)
                .inspect_err(|error| self.scope().refused(error))?,
        };
        Ok(Reservation::new(self, name, place))
    }

    /// Takes `weight` permits, waiting for its turn by whatever can sleep: see
    /// [`Reservation::wait_with`]. Dropping the future gives the place back.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    pub async fn acquire_with<F: Future>(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        timeout: Duration,
        sleep: impl FnMut(Duration) -> F,
    ) -> Result<Permit<'_>, AcquireError> {
        let place = self.reserve(name, weight, timeout)?;
        place.wait_with(sleep).await
    }

    /// Lets go of the limiter, as dropping does. The segment stays: see
    /// [`remove`](crate::remove).
    pub fn close(self) {}

    /// Reserves permits, and says until when their bucket was paused meanwhile, or was to be
    /// paused.
    pub(crate) fn queue_up(
        &self,
        name: &[u8],
        weight: u64,
        max_wait: u64,
    ) -> Result<(Permit<'_>, u64), AcquireError> {
        self.ask_zone(weight, |zone| {
            zone.ask(name, |bucket| {
                let behind = bucket.pause_end();
                let run = bucket.reserve(weight, max_wait)?;
                let permit = Permit::new(zone, bucket.spot().place.index, run);
                Ok((permit, behind.max(bucket.pause_end())))
            })
        })
    }

    /// How those who wait behave.
    pub(crate) fn manners(&self) -> &Manners {
        self.attached.manners()
    }

    /// Whether it lets everything pass.
    pub(crate) fn is_dry(&self) -> bool {
        self.attached.let_pass().is_some()
    }

    /// As it is watched from outside.
    #[inline]
    pub(crate) fn scope(&self) -> &Scope {
        self.attached.scope()
    }

    /// Tells those who watch of an answer.
    #[inline(always)]
    fn tell(&self, answer: &Result<Permit<'_>, AcquireError>) {
        match answer {
            Ok(permit) => self.scope().granted(permit.weight()),
            Err(error) => self.scope().refused(error),
        }
    }

    /// How many requests a [dry run](crate::Builder::dry_run) has let pass so far that would
    /// have been refused, or made to wait, by this handle or its clones; 0 if it is none.
    pub fn would_have_refused(&self) -> u64 {
        // Relaxed: a statistic.
        self.attached
            .let_pass()
            .map_or(0, |passed| passed.load(Ordering::Relaxed))
    }

    /// The zone that was opened first, which says itself when it is no longer in use.
    #[inline]
    pub(crate) fn first_zone(&self) -> &Zone {
        self.attached.first()
    }

    /// The zone in use.
    pub(crate) fn zone(&self) -> &Zone {
        self.attached.newest()
    }

    /// The zone in use, with the rates in force.
    pub(crate) fn up_to_date(&self) -> Result<&Zone, BucketError> {
        self.look(|zone| {
            zone.check()?;
            Ok(zone)
        })
    }

    /// Asks the bucket of that name, which is made if there is none.
    pub(crate) fn ask<'l, T>(
        &'l self,
        name: &[u8],
        weight: u64,
        mut question: impl FnMut(ZoneBucket<'l>) -> Result<T, Refusal>,
    ) -> Result<T, AcquireError> {
        self.ask_zone(weight, |zone| zone.ask(name, &mut question))
    }

    /// The same of a bucket that need not be there.
    pub(crate) fn ask_if_there<T>(
        &self,
        name: &[u8],
        weight: u64,
        mut question: impl FnMut(ZoneBucket<'_>) -> Result<T, Refusal>,
    ) -> Result<Option<T>, AcquireError> {
        self.ask_zone(weight, |zone| zone.ask_if_there(name, &mut question))
    }

    /// Asks the zone, and says in the caller's words why there is no answer.
    pub(crate) fn ask_zone<'l, T>(
        &'l self,
        weight: u64,
        question: impl FnMut(&'l Zone) -> Result<T, Denied>,
    ) -> Result<T, AcquireError> {
        self.attached
            .ask(question, |zone, denied| deny(zone, weight, denied))
    }

    /// Asks the zone for something that no rate refuses.
    pub(crate) fn look<'l, T>(
        &'l self,
        question: impl FnMut(&'l Zone) -> Result<T, Denied>,
    ) -> Result<T, BucketError> {
        self.attached.ask(question, |_, denied| unusable(denied))
    }
}
