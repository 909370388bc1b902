//! A segment: one file, mapped by every process that shares its limits.

pub mod boot;
mod clock;
pub mod counts;
mod create;
mod file;
mod header;
mod latest;
pub mod layout;
pub mod lock;
mod mapping;
mod open;
pub mod place;
#[cfg(feature = "portable")]
pub mod portable;
mod presence;
pub mod rates;
pub mod report;
mod revive;

use crate::directory::Seed;
use crate::error::{OpenError, SetRatesError};
use crate::rate::Rate;
use crate::ring::Plan;
use crate::ring::word::Version;
use crate::spec::Design;
use crate::sync::Ordering;
pub use clock::{SegmentClock, Timing};
use counts::{Counts, Site};
pub use file::Inode;
use header::Facts;
pub use latest::Latest;
use layout::{Header, Shape};
use lock::{Lock, Role};
pub use mapping::Mapping;
pub use open::{open_segment, remove_segment, view_segment};
pub use presence::Entered;
use presence::Presence;
use std::io;
use std::path::{Path, PathBuf};

/// A mapped segment that has passed all checks.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    /// None for what is not a file.
    inode: Option<Inode>,
    mapping: Mapping,
    design: Design,
    plan: Plan,
    timing: Timing,
    clock: SegmentClock,
    seed: Seed,
    is_of_this_boot: bool,
    presence: Presence,
}

impl Segment {
    fn new(path: PathBuf, inode: Option<Inode>, mapping: Mapping, facts: Facts) -> Self {
        let Facts {
            plan,
            design,
            timing,
            seed,
            is_of_this_boot,
        } = facts;
        let clock = SegmentClock::new(timing, &mapping);
        Self {
            path,
            inode,
            mapping,
            design,
            plan,
            timing,
            clock,
            seed,
            is_of_this_boot,
            presence: Presence::default(),
        }
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which file it is.
    pub fn inode(&self) -> Option<Inode> {
        self.inode
    }

    /// The rates that were in force when it was opened, and its other numbers.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// The same as its buckets take it.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its time.
    pub fn clock(&self) -> &SegmentClock {
        &self.clock
    }

    /// What its time is told by.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Its size and division.
    pub fn shape(&self) -> Shape {
        self.mapping.shape()
    }

    /// Counts for the callers of one handle on it.
    pub fn counts(&self) -> io::Result<Counts> {
        let site = match self.inode {
            Some(inode) => Site::File(inode, self.path.clone()),
            None => Site::Unlocked,
        };
        Counts::new(self.mapping.clone(), site)
    }

    /// Its header's words.
    pub fn header(&self) -> &Header {
        self.mapping.header()
    }

    /// Its words.
    #[inline]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Where the hashes of its keys begin.
    #[inline]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The version word as it is now.
    pub fn version(&self) -> Version {
        // Acquire: pairs with the Release in `mark_removed`, and of whoever changes rates.
        Version(self.header().gate.version.load(Ordering::Acquire))
    }

    /// Takes a lock on the segment through an open of its own; `None` if somebody else
    /// holds it. Not found if the name leads elsewhere by now. What is not a file has
    /// no locks: everybody holds them.
    pub fn lock(&self, role: Role) -> io::Result<Option<Lock>> {
        match self.inode {
            None => Ok(Some(Lock::none())),
            Some(inode) => Lock::try_take(inode.reopen(&self.path)?, role),
        }
    }

    /// Says that this process leads when the leak process ends; nothing, where there are no
    /// locks.
    pub fn stand_by(&self) -> io::Result<Lock> {
        match self.inode {
            None => Ok(Lock::none()),
            Some(inode) => lock::take_any(|| inode.reopen(&self.path), Role::Standby),
        }
    }

    /// Whether somebody has said so.
    pub fn has_standby(&self) -> io::Result<bool> {
        match self.inode {
            None => Ok(false),
            Some(inode) => lock::is_somebody_standing_by(&inode.reopen_to_read(&self.path)?),
        }
    }

    /// Whether the name still leads to this segment.
    fn is_named(&self) -> bool {
        self.inode.is_some_and(|inode| inode.is_named(&self.path))
    }

    /// Waits for the right to change what the name leads to; `None` if it leads
    /// elsewhere by now.
    fn name_lock(&self) -> Result<Option<Lock>, OpenError> {
        let path = &self.path;
        let Some(inode) = self.inode else {
            return Ok(None);
        };
        match Lock::take(|| inode.reopen(path), Role::Name) {
            Ok(Some(lock)) => Ok(Some(lock)),
            Ok(None) => Err(OpenError::Unsettled { path: path.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file::io_error("lock", path)(error)),
        }
    }

    /// Whether somebody holds that lock; never, where there are none. Not found if the name leads elsewhere by now.
    pub fn is_locked(&self, role: Role) -> io::Result<bool> {
        match self.inode {
            None => Ok(false),
            Some(inode) => Lock::is_held(&inode.reopen_to_read(&self.path)?, role),
        }
    }

    /// Puts other rates in force, for everybody.
    pub fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
        let Some(inode) = self.inode else {
            return Err(SetRatesError::Fixed);
        };
        let path = || self.path.clone();
        let lock = match Lock::take(|| inode.reopen(&self.path), Role::Rates) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Err(SetRatesError::Busy { path: path() }),
            // It was removed: whoever asks next will notice.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => {
                return Err(SetRatesError::Lock {
                    path: path(),
                    source,
                });
            }
        };
        let set = rates::set(&self.mapping, self.design.queue, rates);
        drop(lock);
        set
    }

    /// Stores which tick it is by the wall clock.
    pub fn note_time(&self) {
        header::note_time(self.header(), &self.clock);
    }

    fn mark_removed(&self) {
        // Release: pairs with the Acquire in `Ring::view`.
        self.header()
            .gate
            .version
            .fetch_or(Version::REMOVED, Ordering::Release);
    }
}
