//! The buckets of one rate plan, and all it takes to ask them: their words, rates, clock.

mod as_bucket;
pub mod attached;
pub mod bucket;
pub mod buckets;
pub mod denied;
pub mod janitor;
pub mod terms;

use crate::directory::{Directory, Key, Place, Seed};
use crate::error::{BucketError, OpenError, SetRatesError};
use crate::rate::Rate;
use crate::ring::word::Version;
use crate::ring::{Gate, KeyHash, Plan, Refusal};
use crate::segment::counts::{Counts, Site};
use crate::segment::{Entered, Latest, Mapping, Segment, SegmentClock, Timing, rates};
use crate::spec::{Design, Spec};
use crate::sync::Ordering;
use crate::zone::bucket::{Spot, ZoneBucket};
use crate::zone::denied::Denied;
use crate::zone::terms::Terms;
use std::io;
use std::sync::Mutex;

/// One bucket for all names, or one for each key.
#[derive(Debug)]
pub struct Zone {
    mapping: Mapping,
    home: Home,
    seed: Seed,
    clock: SegmentClock,
    design: Design,
    terms: Latest<Terms>,
    counts: Counts,
}

/// Where the mapping comes from.
#[derive(Debug)]
enum Home {
    /// Memory of this process alone.
    Memory {
        /// Held by who changes the rates.
        rates: Mutex<()>,
    },
    Segment(Box<Segment>),
}

/// The directory of keys at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct KeysSnapshot {
    /// For how many keys there are buckets.
    pub limit: u64,
    /// Keys that have one.
    pub used: u64,
    /// Buckets that were taken from idle keys.
    pub evictions: u64,
    /// Requests that found no bucket for their key.
    pub full_refusals: u64,
}

impl Zone {
    /// Buckets of this process alone.
    pub fn in_memory(spec: &Spec) -> Result<Self, OpenError> {
        let design = spec.design()?;
        let plan = design.plan(Version(0)).ok_or_else(|| design.misfit())?;
        let shape = design.shape().ok_or_else(|| design.misfit())?;
        let failed = |doing| {
            move |source| OpenError::Io {
                doing,
                path: "memory".into(),
                source,
            }
        };
        let timing = Timing::from_now(design.counter)
            .map_err(io::Error::from)
            .map_err(failed("read the clock for a limiter in"))?;
        let seed =
            Seed::random().map_err(failed("read the system's randomness for a limiter in"))?;
        let mapping = Mapping::anonymous(shape).map_err(|_| OpenError::NoMemory {
            needed: shape.size(),
        })?;
        timing.write(&mapping.header().time);
        let clock = SegmentClock::new(timing, &mapping);
        rates::of(&mapping).write_first(&design.windows, design.horizon);
        if shape.keys().is_none() {
            mapping.ring(0).open_for([0; 2]);
        }
        let home = Home::Memory {
            rates: Mutex::new(()),
        };
        let counts = Counts::new(mapping.clone(), Site::Memory)
            .map_err(failed("get a page for the counts of a limiter in"))?;
        Ok(Self {
            counts,
            mapping,
            home,
            seed,
            clock,
            design,
            terms: Latest::new(Terms::new(plan)),
        })
    }

    /// The buckets of a segment.
    ///
    /// # Errors
    ///
    /// The system has no page for its counts.
    pub fn of_segment(segment: Segment) -> Result<Self, OpenError> {
        let counts = segment.counts().map_err(|source| OpenError::Io {
            doing: "get a page for the counts of",
            path: segment.path().to_owned(),
            source,
        })?;
        Ok(Self {
            counts,
            mapping: segment.mapping().clone(),
            seed: segment.seed(),
            clock: SegmentClock::new(segment.timing(), segment.mapping()),
            design: segment.design().clone(),
            terms: Latest::new(Terms::new(segment.plan().clone())),
            home: Home::Segment(segment.into()),
        })
    }

    /// The segment that they are in, if they are in one.
    pub fn segment(&self) -> Option<&Segment> {
        match &self.home {
            Home::Memory { .. } => None,
            Home::Segment(segment) => Some(segment),
        }
    }

    /// The numbers that it was made with.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// The rates that this handle knows.
    #[inline]
    pub fn terms(&self) -> &Terms {
        self.terms.get()
    }

    /// The same as users see them.
    pub fn rates(&self) -> &[Rate] {
        self.terms().rates()
    }

    /// The same as the ring takes them.
    #[inline]
    pub fn plan(&self) -> &Plan {
        &self.terms().plan
    }

    /// Whether its segment was removed.
    pub fn is_removed(&self) -> bool {
        // Acquire: pairs with the Release of who removes it.
        Version(self.gate().version.load(Ordering::Acquire)).is_removed()
    }

    /// Learns the rates in force, after they have changed.
    pub fn catch_up(&self) -> Result<(), BucketError> {
        let plan = rates::read(&self.mapping, self.design.queue).ok_or(BucketError::Rates)?;
        if plan.version != self.plan().version {
            self.terms.push(Terms::new(plan));
        }
        Ok(())
    }

    /// Puts other rates in force, for everybody.
    pub fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
        match &self.home {
            Home::Memory { rates: lock } => {
                // Poisoned or not: nobody leaves anything half done under it.
                let _lock = lock.lock();
                rates::set(&self.mapping, self.design.queue, rates)
            }
            Home::Segment(segment) => segment.set_rates(rates),
        }
    }

    /// The words that hold for all buckets.
    pub fn gate(&self) -> &Gate {
        &self.mapping.header().gate
    }

    /// Its time.
    #[inline]
    pub fn clock(&self) -> &SegmentClock {
        &self.clock
    }

    /// What was granted, refused and waited for.
    #[inline(always)]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether each key has a bucket of its own.
    #[inline]
    pub fn has_keys(&self) -> bool {
        self.design.keys.is_some()
    }

    /// Whether the rates that this handle knows are in force.
    pub fn check(&self) -> Result<(), Refusal> {
        self.gate().check(self.plan())
    }

    /// The directory, where there are keys.
    #[inline]
    pub fn directory(&self) -> Directory<'_, Mapping> {
        Directory::new(&self.mapping)
    }

    /// To be held while a call may own a bucket.
    pub fn enter(&self) -> Option<Entered<'_>> {
        let segment = self.segment().filter(|_| self.mapping.may_write());
        segment.map(Segment::enter)
    }

    /// Whose bucket that index is, if it is in use.
    fn tenant(&self, index: u64) -> Option<(Place, KeyHash)> {
        match self.mapping.may_write() {
            true => self.directory().tenant(index),
            false => self.directory().glimpse(index),
        }
    }

    /// The bucket there, if it is still that key's.
    #[inline]
    pub fn bucket(&self, spot: Spot) -> ZoneBucket<'_> {
        let ring = self.directory().ring(spot.place, spot.key);
        ZoneBucket::new(self.terms(), &self.clock, spot, ring)
    }

    /// Where the bucket of that name is, if a mere look tells.
    #[inline(always)]
    pub fn spot(&self, name: &[u8]) -> Option<Spot> {
        let key = self.key(name).ok()?.hash;
        self.spot_of(key)
    }

    /// The same for a key that is hashed.
    #[inline]
    pub fn spot_of(&self, key: KeyHash) -> Option<Spot> {
        let place = self.directory().peek(key)?;
        Some(Spot {
            place,
            key: Some(key),
        })
    }

    /// Hashes a key.
    #[inline]
    pub fn key<'k>(&self, name: &'k [u8]) -> Result<Key<'k>, Denied> {
        Key::new(self.seed, name).ok_or(Denied::KeyTooLong(name.len()))
    }

    /// Asks the bucket of that name, which is made if there is none.
    pub fn ask<'z, T>(
        &'z self,
        name: &[u8],
        mut question: impl FnMut(ZoneBucket<'z>) -> Result<T, Refusal>,
    ) -> Result<T, Denied> {
        if !self.has_keys() {
            return Ok(question(self.bucket(Spot::ONLY))?);
        }
        let key = self.key(name)?;
        let _entered = self.enter();
        loop {
            self.check()?;
            let directory = self.directory();
            let place = directory.find_or_insert(&key, self.plan(), &self.clock)?;
            let spot = Spot {
                place,
                key: Some(key.hash),
            };
            match question(self.bucket(spot)) {
                // It was evicted, or disposed of: the key gets another.
                Err(Refusal::Closed) => {}
                answer => return Ok(answer?),
            }
        }
    }

    /// Asks the bucket of that name, if there is one.
    pub fn ask_if_there<'z, T>(
        &'z self,
        name: &[u8],
        mut question: impl FnMut(ZoneBucket<'z>) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Denied> {
        if !self.has_keys() {
            return Ok(Some(question(self.bucket(Spot::ONLY))?));
        }
        self.check()?;
        let key = self.key(name)?;
        let _entered = self.enter();
        while let Some(place) = self.directory().find(key.hash)? {
            let spot = Spot {
                place,
                key: Some(key.hash),
            };
            match question(self.bucket(spot)) {
                Err(Refusal::Closed) => {}
                answer => return Ok(Some(answer?)),
            }
        }
        Ok(None)
    }

    /// Asks all buckets that are somebody's, one after the other.
    pub fn ask_all<T>(
        &self,
        mut question: impl FnMut(ZoneBucket<'_>) -> Result<T, Refusal>,
        mut tell: impl FnMut(T),
    ) -> Result<(), Refusal> {
        for index in 0..self.used() {
            if let Some(answer) = self.ask_nth(index, &mut question)? {
                tell(answer);
            }
        }
        Ok(())
    }

    /// How many buckets were ever taken.
    pub fn used(&self) -> u64 {
        match self.has_keys() {
            true => self.directory().used(),
            false => 1,
        }
    }

    /// Asks the bucket of that index, if it is somebody's.
    pub fn ask_nth<T>(
        &self,
        index: u64,
        question: impl FnOnce(ZoneBucket<'_>) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        if !self.has_keys() {
            return question(self.bucket(Spot::ONLY)).map(Some);
        }
        self.check()?;
        let _entered = self.enter();
        let Some((place, key)) = self.tenant(index) else {
            return Ok(None);
        };
        let spot = Spot {
            place,
            key: Some(key),
        };
        match question(self.bucket(spot)) {
            // Gone meanwhile.
            Err(Refusal::Closed) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Takes the key's bucket from it. Whether it had one.
    pub fn dispose(&self, name: &[u8]) -> Result<bool, Denied> {
        self.check()?;
        if !self.has_keys() {
            return Ok(false);
        }
        let key = self.key(name)?;
        let _entered = self.enter();
        Ok(self.directory().dispose(key.hash)?)
    }

    /// What the directory shows of itself, where there are keys.
    pub fn keys(&self) -> Option<KeysSnapshot> {
        let limit = self.design.keys?;
        let _entered = self.enter();
        let directory = self.directory();
        let used = (0..directory.used()).filter(|&index| self.tenant(index).is_some());
        let stock = directory.stock();
        // Relaxed: statistics.
        Some(KeysSnapshot {
            limit,
            used: used.count() as u64,
            evictions: stock.evictions.load(Ordering::Relaxed),
            full_refusals: stock.full_refusals.load(Ordering::Relaxed),
        })
    }
}
