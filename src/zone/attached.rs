//! What a limiter is attached to: a zone, and those that took its place.

use crate::error::{AcquireError, BucketError, OpenError};
use crate::ring::{Clock, Refusal};
use crate::segment::counts::Count;
use crate::segment::open_segment;
use crate::segment::place::Place;
#[cfg(feature = "portable")]
use crate::segment::portable::open_portable;
use crate::spec::{Presence, Spec};
use crate::zone::Zone;
use crate::zone::bucket::{Spot, ZoneBucket};
use crate::zone::denied::{Denied, deny, unusable};
use std::fmt;
use std::ptr;
use std::sync::{Arc, OnceLock};

/// How often one call opens a segment again that others keep removing or changing.
const TRIES: u32 = 16;

/// A zone, and how to open it again when its segment was removed.
#[derive(Debug)]
pub struct Attached {
    origin: Origin,
    spec: Spec,
    first: Link,
}

impl Drop for Attached {
    /// One link after the other: there may be too many for the stack.
    fn drop(&mut self) {
        let mut next = self.first.successor.take();
        while let Some(mut link) = next {
            next = link.successor.take();
        }
    }
}

/// Where the zone comes from.
#[derive(Debug)]
pub enum Origin {
    Memory,
    Segment(Place),
    #[cfg(feature = "portable")]
    Portable(String),
}

/// As users named it.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Segment(place) => place.fmt(f),
            #[cfg(feature = "portable")]
            Self::Portable(name) => f.write_str(name),
        }
    }
}

/// A zone, and the one that took its place. The old mapping stays until the limiter
/// is dropped, for other threads may be in it.
#[derive(Debug)]
struct Link {
    zone: Zone,
    successor: OnceLock<Box<Link>>,
}

impl Attached {
    /// Opens the zone.
    pub fn new(origin: Origin, spec: Spec) -> Result<Self, OpenError> {
        let first = Link::new(&origin, &spec)?;
        Ok(Self {
            origin,
            spec,
            first,
        })
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The zone that was opened first. It says so itself when it is not to be used
    /// any more: [`Refusal::Stale`].
    #[inline]
    pub fn first(&self) -> &Zone {
        &self.first.zone
    }

    /// The zone in use.
    pub fn newest(&self) -> &Zone {
        &self.first.newest().zone
    }

    /// How many zones there were before that one.
    pub fn age_of(&self, zone: &Zone) -> u64 {
        let (mut link, mut age) = (&self.first, 0);
        while !ptr::eq(&raw const link.zone, zone) {
            let Some(successor) = link.successor.get() else {
                break;
            };
            (link, age) = (successor, age + 1);
        }
        age
    }

    /// The zone before which there were so many.
    pub fn of_age(&self, age: u64) -> Option<&Zone> {
        let mut link = &self.first;
        for _ in 0..age {
            link = link.successor.get()?;
        }
        Some(&link.zone)
    }

    /// Asks the zone in use, opening it again if need be.
    fn question<'a, T, E: From<BucketError>>(
        &'a self,
        mut question: impl FnMut(&'a Zone) -> Result<T, Denied>,
        explain: impl Fn(&Zone, Denied) -> E,
    ) -> Result<T, E> {
        let mut link = self.first.newest();
        for _ in 0..TRIES {
            match question(&link.zone) {
                Ok(answer) => return Ok(answer),
                Err(Denied::Refused(Refusal::Stale)) if link.zone.is_removed() => {
                    link = self.succeed(link)?;
                }
                Err(Denied::Refused(Refusal::Stale)) => link.zone.catch_up()?,
                Err(denied) => return Err(explain(&link.zone, denied)),
            }
        }
        let path = link
            .zone
            .segment()
            .map_or_else(Default::default, |s| s.path().to_owned());
        Err(BucketError::Reopen(Arc::new(OpenError::Unsettled { path })).into())
    }

    /// Counts a request that was refused for that reason, if it is one that is counted.
    #[cold]
    pub fn count_refusal(&self, name: &[u8], reason: &AcquireError) {
        let why = match reason {
            AcquireError::Limited { .. } => Count::Limited,
            AcquireError::QueueFull { .. } => Count::QueueFull,
            AcquireError::Full { .. } => Count::Full,
            _ => return,
        };
        let zone = self.newest();
        let spot = zone.has_keys().then(|| zone.spot(name)).flatten();
        let bucket = spot.and_then(Spot::of_a_key);
        zone.counts().refused(why, zone.clock().now(), bucket);
    }

    /// Asks the zone in use, and says in the caller's words why there is no answer.
    pub fn ask_zone<'a, T>(
        &'a self,
        weight: u64,
        question: impl FnMut(&'a Zone) -> Result<T, Denied>,
    ) -> Result<T, AcquireError> {
        self.question(question, |zone, denied| deny(zone, weight, denied))
    }

    /// Asks the zone in use for something that no rate refuses.
    pub fn consult<'a, T>(
        &'a self,
        question: impl FnMut(&'a Zone) -> Result<T, Denied>,
    ) -> Result<T, BucketError> {
        self.question(question, |_, denied| unusable(denied))
    }

    /// The zone in use, with the rates in force.
    pub fn up_to_date(&self) -> Result<&Zone, BucketError> {
        self.consult(|zone| {
            zone.check()?;
            Ok(zone)
        })
    }

    /// Asks the bucket of that name, which is made if there is none.
    pub fn ask<'a, T>(
        &'a self,
        name: &[u8],
        weight: u64,
        mut question: impl FnMut(ZoneBucket<'a>) -> Result<T, Refusal>,
    ) -> Result<T, AcquireError> {
        self.ask_zone(weight, |zone| zone.ask(name, &mut question))
    }

    /// The same of a bucket that need not be there.
    pub fn ask_if_there<T>(
        &self,
        name: &[u8],
        weight: u64,
        mut question: impl FnMut(ZoneBucket<'_>) -> Result<T, Refusal>,
    ) -> Result<Option<T>, AcquireError> {
        self.ask_zone(weight, |zone| zone.ask_if_there(name, &mut question))
    }

    /// The sum of an answer over all buckets.
    pub fn total(
        &self,
        question: impl Fn(ZoneBucket<'_>) -> Result<u64, Refusal>,
    ) -> Result<u64, BucketError> {
        self.consult(|zone| {
            let mut total = 0;
            zone.ask_all(&question, |part| total += part)?;
            Ok(total)
        })
    }

    /// Changes something of the zone in use; once more in the next, if that zone was removed
    /// meanwhile and the change went with it.
    pub fn change<T, E: From<BucketError>>(
        &self,
        change: impl Fn(&Zone) -> Result<T, E>,
    ) -> Result<T, E> {
        loop {
            let zone = self.up_to_date()?;
            let outcome = change(zone)?;
            if !zone.is_removed() {
                return Ok(outcome);
            }
        }
    }

    /// Opens the segment again that was removed.
    fn succeed<'a>(&self, old: &'a Link) -> Result<&'a Link, BucketError> {
        if old.successor.get().is_none() {
            let mut spec = self.spec.clone();
            if spec.presence == Presence::New {
                spec.presence = Presence::Any;
            }
            let new = Link::new(&self.origin, &spec).map_err(|error| match error {
                OpenError::NotFound { .. } => BucketError::Removed,
                error => BucketError::Reopen(Arc::new(error)),
            })?;
            // Another thread may have been first: its successor is as good.
            let _ = old.successor.set(Box::new(new));
        }
        Ok(old.newest())
    }
}

impl Link {
    fn new(origin: &Origin, spec: &Spec) -> Result<Self, OpenError> {
        let zone = match origin {
            Origin::Memory => Zone::in_memory(spec)?,
            Origin::Segment(place) => Zone::of_segment(open_segment(place, spec)?)?,
            #[cfg(feature = "portable")]
            Origin::Portable(name) => Zone::of_segment(open_portable(name, spec)?)?,
        };
        Ok(Self {
            zone,
            successor: OnceLock::new(),
        })
    }

    /// The one in use: the last of the successors.
    fn newest(&self) -> &Self {
        let mut link = self;
        while let Some(successor) = link.successor.get() {
            link = successor;
        }
        link
    }
}
