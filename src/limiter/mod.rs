//! The limiter: what a user holds.

mod asynchronous;
pub mod builder;
mod debit;
pub mod factory;
mod gathered;
pub mod inspect;
pub mod keys;
pub mod leaker;
pub mod leaking;
mod over;
pub mod questions;
#[cfg(feature = "macros")]
pub mod rate_limited;
pub mod request;
pub mod stats;
mod steer;
#[cfg(feature = "tokio")]
mod tokio;
pub mod viewer;
mod wait;
pub mod wrap;

use crate::bucket::{Bucket, Item};
use crate::error::{AcquireError, BucketError};
use crate::ground::{Ground, LOCAL, local_end};
use crate::observe::Scope;
use crate::ring::{Clock, Refusal, Rivalry, Unsettled};
use crate::segment::counts::Count;
use crate::sync::{AtomicU64, Ordering};
use crate::turn::manners::Manners;
use crate::turn::permit::Permit;
use crate::turn::place::Queued;
use crate::zone::Zone;
use crate::zone::attached::Attached;
use crate::zone::bucket::Spot;
use crate::zone::denied::explain;
use crate::zone::terms::Terms;
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
    site: Arc<Site>,
    manners: Manners,
    /// Requests that a dry run has let pass; none if it is none.
    let_pass: Option<Arc<AtomicU64>>,
}

/// What all handles have in common.
#[derive(Debug)]
pub(crate) struct Site {
    ground: Ground,
    scope: Scope,
}

impl Limiter {
    pub(crate) fn on(ground: Ground) -> Self {
        let scope = Scope::new(ground.as_bucket().label());
        Self::of(Arc::new(Site { ground, scope }))
    }

    /// A handle of what others are handles of.
    pub(crate) fn of(site: Arc<Site>) -> Self {
        Self {
            site,
            manners: Manners::default(),
            let_pass: None,
        }
    }

    /// What it has in common with its clones.
    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.site
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
        match &self.let_pass {
            None => self.try_once(name.as_ref(), weight),
            Some(_) => self.try_dry(name.as_ref(), weight),
        }
    }

    /// The same in a dry run, which lets pass what would be refused.
    #[cold]
    fn try_dry(&self, name: &[u8], weight: u64) -> Result<Permit<'_>, AcquireError> {
        match self.try_once(name, weight) {
            Err(error) if self.lets_pass(&error) => {
                let now = self.now()?;
                Ok(Permit::for_nothing(self.ground(), now))
            }
            answer => answer,
        }
    }

    /// The same if this is none.
    #[inline]
    fn try_once(&self, name: &[u8], weight: u64) -> Result<Permit<'_>, AcquireError> {
        match self.ground() {
            Ground::Zone(rings) => {
                let zone = rings.first();
                if zone.has_keys() {
                    self.try_by_key(zone, name, weight)
                } else {
                    self.try_there(zone, Spot::ONLY, name, weight)
                }
            }
            _ => self.try_at_length(name, weight),
        }
    }

    /// The same where each name has a bucket.
    fn try_by_key<'l>(
        &'l self,
        zone: &'l Zone,
        name: &[u8],
        weight: u64,
    ) -> Result<Permit<'l>, AcquireError> {
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
                self.refuse_there(zone, bucket.terms(), spot, weight, refusal)
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
        let Some(zone) = self.first_zone() else {
            return self.try_at_length(name, weight);
        };
        let bucket = zone.bucket(spot);
        match bucket.reserve_at_length(weight, 0, rivalry) {
            Ok(run) => self.grant(Permit::new(zone, spot.place.index, run)),
            Err(Refusal::Stale | Refusal::Closed) => self.try_at_length(name, weight),
            Err(refusal) => self.refuse(name, explain(bucket.terms(), weight, refusal)),
        }
    }

    /// The same where the name has no bucket yet, or has got another; and over a bucket of
    /// another kind.
    #[cold]
    fn try_at_length(&self, name: &[u8], weight: u64) -> Result<Permit<'_>, AcquireError> {
        match self.ground().block_on(self.queue_up(name, weight, 0)) {
            Ok(queued) => self.grant(queued.permit),
            Err(error) => self.refuse(name, error),
        }
    }

    /// Hands out a permit, and tells those who watch.
    #[inline(always)]
    pub(crate) fn grant<'l>(&self, permit: Permit<'l>) -> Result<Permit<'l>, AcquireError> {
        self.note_grant(&permit);
        Ok(permit)
    }

    /// Counts a permit that is handed out, and tells those who watch.
    #[inline(always)]
    pub(crate) fn note_grant(&self, permit: &Permit<'_>) {
        if let Some(zone) = permit.zone() {
            zone.counts().granted(permit.weight(), permit.run().ready);
        }
        self.scope().granted(permit.weight());
    }

    /// Refuses what the bucket there has refused.
    #[inline(always)]
    pub(crate) fn refuse_there<'l>(
        &self,
        zone: &Zone,
        terms: &Terms,
        spot: Spot,
        weight: u64,
        refusal: Refusal,
    ) -> Result<Permit<'l>, AcquireError> {
        if let Refusal::Limited { now, .. } = refusal {
            let bucket = spot.of_a_key();
            zone.counts().refused(Count::Limited, now, bucket);
        }
        let error = explain(terms, weight, refusal);
        self.scope().refused(&error);
        Err(error)
    }

    /// Refuses, and tells those who watch.
    fn refuse<'l>(&self, name: &[u8], error: AcquireError) -> Result<Permit<'l>, AcquireError> {
        self.note_refusal(name, &error);
        Err(error)
    }

    /// Counts a refusal, and tells those who watch.
    pub(crate) fn note_refusal(&self, name: &[u8], error: &AcquireError) {
        if let Some(rings) = self.ground().attached() {
            rings.count_refusal(name, error);
        }
        self.scope().refused(error);
    }

    /// Takes permits, if that is possible now, without blocking.
    pub(crate) async fn take_if_ready(
        &self,
        name: &[u8],
        weight: u64,
    ) -> Result<Permit<'_>, AcquireError> {
        let answer = match self.queue_up(name, weight, 0).await {
            Ok(queued) => self.grant(queued.permit),
            Err(error) => self.refuse(name, error),
        };
        match answer {
            Err(error) if self.lets_pass(&error) => {
                let now = self.ground().now().await?;
                Ok(Permit::for_nothing(self.ground(), now))
            }
            answer => answer,
        }
    }

    /// Lets go of the limiter, as dropping does. The permits stay: for a segment, see
    /// [`remove`](crate::remove).
    pub fn close(self) {}

    /// Reserves permits, and says until when their bucket was paused meanwhile, or was to be
    /// paused. A future that is dropped before it has ended reserves nothing.
    pub(crate) async fn queue_up(
        &self,
        name: &[u8],
        weight: u64,
        max_wait: u64,
    ) -> Result<Queued<'_>, AcquireError> {
        let bucket = match self.ground() {
            Ground::Zone(rings) => return self.queue_up_here(rings, name, weight, max_wait),
            Ground::Other(bucket) => bucket,
        };
        let asked = LOCAL.now();
        let max_wait = Duration::from_micros(max_wait);
        let grant = bucket.put(Item { name, weight }, max_wait).await?;
        let answered = LOCAL.now();
        let ahead = |time: Duration| match time.is_zero() {
            true => 0,
            false => local_end(answered, time),
        };
        Ok(Queued {
            permit: Permit::of_bucket(bucket, name, grant),
            asked,
            turn: ahead(grant.wait),
            behind: ahead(grant.paused),
        })
    }

    /// The same over rings.
    pub(crate) fn queue_up_here<'l>(
        &'l self,
        rings: &'l Attached,
        name: &[u8],
        weight: u64,
        max_wait: u64,
    ) -> Result<Queued<'l>, AcquireError> {
        rings.ask_zone(weight, |zone| {
            zone.ask(name, |bucket| {
                let run = bucket.reserve(weight, max_wait)?;
                Ok(Queued {
                    permit: Permit::new(zone, bucket.spot().place.index, run),
                    asked: run.asked,
                    turn: run.ready,
                    behind: bucket.latest_end(),
                })
            })
        })
    }

    /// What it stands on.
    #[inline]
    pub(crate) fn ground(&self) -> &Ground {
        &self.site.ground
    }

    /// The same, as every bucket is asked.
    pub(crate) fn as_bucket(&self) -> &dyn Bucket {
        self.ground().as_bucket()
    }

    /// The same for what only rings can tell.
    pub(crate) fn attached(&self, what: &'static str) -> Result<&Attached, BucketError> {
        let attached = self.ground().attached();
        attached.ok_or(BucketError::Unsupported { what })
    }

    /// How those who wait behave.
    pub(crate) fn manners(&self) -> &Manners {
        &self.manners
    }

    /// Whether it lets everything pass.
    pub(crate) fn is_dry(&self) -> bool {
        self.let_pass.is_some()
    }

    /// As it is watched from outside.
    #[inline]
    pub(crate) fn scope(&self) -> &Scope {
        &self.site.scope
    }

    /// Whether a dry run lets pass what is refused for that reason; if so, it is counted.
    #[inline]
    fn lets_pass(&self, error: &AcquireError) -> bool {
        match &self.let_pass {
            Some(passed) if !matches!(error, AcquireError::Bucket(_)) => {
                // Relaxed: a statistic.
                passed.fetch_add(1, Ordering::Relaxed);
                true
            }
            _ => false,
        }
    }

    /// How many requests a [dry run](Self::dry_run) has let pass so far that would
    /// have been refused, or made to wait, by this handle or its clones; 0 if it is none.
    pub fn would_have_refused(&self) -> u64 {
        let passed = self.let_pass.as_ref();
        // Relaxed: a statistic.
        passed.map_or(0, |passed| passed.load(Ordering::Relaxed))
    }

    /// Whether this name here and that name there are limited as one. A dry run lets pass what
    /// the other refuses.
    pub(crate) fn limits_as_one(&self, name: &[u8], other: &Self, others: &[u8]) -> bool {
        let is_one_for_all = || self.first_zone().is_some_and(|zone| !zone.has_keys());
        (Arc::ptr_eq(&self.site, &other.site) || self.is_of_the_segment_of(other))
            && self.is_dry() == other.is_dry()
            && (name == others || is_one_for_all())
    }

    /// Whether both have opened one file.
    fn is_of_the_segment_of(&self, other: &Self) -> bool {
        let inode = |limiter: &Self| {
            let attached = limiter.ground().attached()?;
            attached.newest().segment()?.inode()
        };
        inode(self).is_some_and(|own| inode(other) == Some(own))
    }

    /// The zone that was opened first, which says itself when it is no longer in use.
    #[inline]
    pub(crate) fn first_zone(&self) -> Option<&Zone> {
        self.ground().attached().map(Attached::first)
    }
}
