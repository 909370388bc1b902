//! What a limiter is attached to: a zone, and those that took its place.

use crate::error::{BucketError, OpenError};
use crate::observe::Scope;
use crate::ring::Refusal;
use crate::segment::open_segment;
use crate::segment::place::Place;
#[cfg(feature = "portable")]
use crate::segment::portable::open_portable;
use crate::spec::{Presence, Spec};
use crate::sync::AtomicU64;
use crate::turn::manners::Manners;
use crate::zone::Zone;
use crate::zone::denied::Denied;
use std::fmt;
use std::sync::OnceLock;

/// How often one call opens a segment again that others keep removing or changing.
const TRIES: u32 = 16;

/// A zone, and how to open it again when its segment was removed.
#[derive(Debug)]
pub struct Attached {
    origin: Origin,
    spec: Spec,
    /// Requests that a dry run has let pass.
    let_pass: AtomicU64,
    scope: Scope,
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
            scope: Scope::new(&origin),
            origin,
            spec,
            let_pass: AtomicU64::new(0),
            first,
        })
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

    /// As it is watched from outside.
    #[inline]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How those who wait behave.
    pub fn manners(&self) -> &Manners {
        &self.spec.manners
    }

    /// What a dry run has let pass; none if it is none.
    pub fn let_pass(&self) -> Option<&AtomicU64> {
        self.spec.dry_run.then_some(&self.let_pass)
    }

    /// Asks the zone in use, opening it again if need be.
    pub fn ask<'a, T, E: From<BucketError>>(
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
        Err(BucketError::Reopen(Box::new(OpenError::Unsettled { path })).into())
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
                error => BucketError::Reopen(Box::new(error)),
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
            Origin::Segment(place) => Zone::of_segment(open_segment(place, spec)?),
            #[cfg(feature = "portable")]
            Origin::Portable(name) => Zone::of_segment(open_portable(name, spec)?),
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
