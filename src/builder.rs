//! How a limiter is asked for.

use crate::limiter::{Limiter, Origin};
use crate::rate::Rate;
use crate::segment::error::OpenError;
use crate::segment::place::Place;
use crate::spec::{Presence, Spec};
use std::path::PathBuf;
use std::time::Duration;

/// The wishes for a limiter; [`open`](Self::open) makes it, or attaches to it.
///
/// ```
/// use tidegate::{Limiter, Rate};
///
/// let limiter = Limiter::in_memory().rate(Rate::per_second(5)).rate(Rate::per_hour(1000)).open()?;
/// assert_eq!(limiter.rates().len(), 2);
/// # Ok::<(), tidegate::OpenError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "call open()"]
pub struct Builder {
    site: Site,
    spec: Spec,
}

#[derive(Clone, Debug)]
enum Site {
    Memory,
    Named(String),
    At(PathBuf),
    #[cfg(feature = "portable")]
    Portable(String),
}

impl Builder {
    fn new(site: Site) -> Self {
        Self {
            site,
            spec: Spec::default(),
        }
    }

    pub(crate) fn in_memory() -> Self {
        Self::new(Site::Memory)
    }

    pub(crate) fn named(name: String) -> Self {
        Self::new(Site::Named(name))
    }

    #[cfg(feature = "portable")]
    pub(crate) fn portable(name: String) -> Self {
        Self::new(Site::Portable(name))
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        Self::new(Site::At(path))
    }

    /// Adds a rate. All rates hold together. They are given from the shortest interval
    /// to the longest; limits rise, and limit / interval does not.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.spec.rates.push(rate);
        self
    }

    /// Adds several rates.
    pub fn rates(mut self, rates: impl IntoIterator<Item = Rate>) -> Self {
        self.spec.rates.extend(rates);
        self
    }

    /// How many permits may be reserved ahead by callers that wait. By default 1,024,
    /// or the largest limit if that is more. Who would have to wait when so many are
    /// waited for is answered [`QueueFull`](crate::AcquireError::QueueFull).
    pub fn queue(mut self, permits: u64) -> Self {
        self.spec.queue = Some(permits);
        self
    }

    /// How many permits the bucket remembers, at 8 bytes each: a power of two. By
    /// default the least that holds the largest limit and the queue. More only serves
    /// those who cancel very many waits: what they gave back is remembered, too.
    pub fn capacity(mut self, permits: u64) -> Self {
        self.spec.capacity = Some(permits);
        self
    }

    /// How late a waiting caller may wake and still go at once; later, and it queues
    /// again (once, within its deadline), lest many that were stopped together go
    /// together. By default a tenth of the shortest interval, and at least 5 ms.
    pub fn lateness(mut self, bound: Duration) -> Self {
        self.spec.lateness = Some(bound);
        self
    }

    /// Shares a new segment with a group (its number): mode 0660 instead of 0600. To
    /// attach to somebody else's segment, its group must be named, too.
    pub fn group(mut self, gid: u32) -> Self {
        self.spec.group = Some(gid);
        self
    }

    /// Attaches to a segment that is there, whatever its rates, queue and capacity.
    pub fn adopt(mut self) -> Self {
        self.spec.adopt = true;
        self
    }

    /// Makes the segment: that it is there already is an error.
    pub fn create_only(mut self) -> Self {
        self.spec.presence = Presence::New;
        self
    }

    /// Attaches to the segment: that it is not there is an error.
    pub fn attach_only(mut self) -> Self {
        self.spec.presence = Presence::Old;
        self
    }

    /// Attaches to the segment that is there, or makes it. Of many processes that do
    /// so at once, one makes it, and nobody ever sees it half made.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(self) -> Result<Limiter, OpenError> {
        let origin = match self.site {
            Site::Memory => Origin::Memory,
            Site::Named(name) => Origin::Segment(Place::named(&name)?),
            Site::At(path) => Origin::Segment(Place::at(&path)),
            #[cfg(feature = "portable")]
            Site::Portable(name) => Place::named(&name).map(|_| Origin::Portable(name))?,
        };
        Limiter::open(origin, self.spec)
    }
}
