//! What a test has at hand: a place, buckets there, and time.

use super::place::Place;
use super::{Kind, Make};
use crate::bucket::{Bucket, Grant, Item};
use crate::clock::Manual;
use crate::error::AcquireError;
use crate::rate::Rate;
use crate::timestamp::Timestamp;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Longer than any test takes, however slow the machine.
pub const LONG: Duration = Duration::from_secs(3600);
/// Longer than any wait.
pub const FOR_EVER: Duration = Duration::MAX;
/// Short enough to wait for.
pub const SHORT: Duration = Duration::from_millis(200);
/// How much later than exact an instant may be: a bucket rounds.
pub const ROUNDING: Duration = Duration::from_micros(2);
/// Where any name will do.
pub const NAME: &[u8] = b"example.com";

/// One test's.
#[doc(hidden)]
#[derive(Debug)]
pub struct Scene<'s> {
    make: Maker<'s>,
    kind: Kind,
    /// The test's name as the harness knows it.
    path: Option<String>,
    place: Place,
}

struct Maker<'s>(&'s Make);

impl std::fmt::Debug for Maker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Maker")
    }
}

impl<'s> Scene<'s> {
    pub(super) fn new(make: &'s Make, kind: Kind, path: Option<String>) -> Self {
        Self {
            make: Maker(make),
            kind,
            path,
            place: Place::new(kind.is_manual.then(Manual::new)),
        }
    }

    /// The same with a bucket somewhere else, which tells real time. Its place goes with it.
    #[must_use = "its place goes with it"]
    pub fn in_real_time(&self) -> Scene<'s> {
        self.at(Place::new(None))
    }

    pub(super) fn at(&self, place: Place) -> Scene<'s> {
        Scene {
            make: Maker(self.make.0),
            kind: self.kind,
            path: self.path.clone(),
            place,
        }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    pub fn is_shared(&self) -> bool {
        self.kind.is_shared
    }

    pub fn is_keyed(&self) -> bool {
        self.kind.is_keyed
    }

    /// Whether time stands still unless the test lets it pass.
    pub fn is_still(&self) -> bool {
        self.place.clock().is_some()
    }

    /// Makes the bucket, or opens it again.
    pub fn open(&self, rates: &[Rate]) -> Arc<dyn Bucket> {
        (self.make.0)(&self.place, rates)
    }

    /// Lets so much time pass, or more.
    pub fn pass(&self, time: Duration) {
        match self.place.clock() {
            Some(clock) => clock.advance(time),
            // Another clock than this one may be a little slower.
            None => thread::sleep(time + time / 1000 + Duration::from_millis(1)),
        }
    }
}

pub fn item(weight: u64) -> Item<'static> {
    Item { name: NAME, weight }
}

/// Takes permits, now.
#[track_caller]
pub fn take(bucket: &dyn Bucket, weight: u64) -> Grant {
    let grant = bucket.put(item(weight), Duration::ZERO);
    let grant = grant.unwrap_or_else(|error| panic!("{weight} were not granted: {error}"));
    assert_eq!(grant.weight, weight);
    assert_eq!(grant.wait, Duration::ZERO, "{grant:?} needs no wait");
    grant
}

/// Reserves permits, however long the wait.
#[track_caller]
pub fn queue(bucket: &dyn Bucket, weight: u64) -> Grant {
    let grant = bucket.put(item(weight), FOR_EVER);
    grant.unwrap_or_else(|error| panic!("{weight} were not reserved: {error}"))
}

/// Sees permits refused by a rate, by one who asks for them and by one who looks. Says
/// how long they are to wait, and for which rate.
#[track_caller]
pub fn refused(bucket: &dyn Bucket, weight: u64) -> (Duration, Rate) {
    let limited = |answer| match answer {
        Err(AcquireError::Limited { retry_after, rate }) => (retry_after, rate),
        other => panic!("{weight} more are to be limited: {other:?}"),
    };
    let looked = limited(bucket.look(item(weight)));
    let asked = limited(bucket.put(item(weight), Duration::ZERO).map(|_| ()));
    assert!(asked.0 > Duration::ZERO, "a refusal says when to try again");
    assert!(
        asked.0 <= looked.0,
        "time passes, and the wait grows from {:?} to {:?}",
        looked.0,
        asked.0
    );
    assert_eq!(asked.1, looked.1);
    asked
}

#[track_caller]
pub fn count(bucket: &dyn Bucket) -> u64 {
    bucket.count().expect("a count")
}

#[track_caller]
pub fn give_back(bucket: &dyn Bucket, grant: &mut Grant, weight: u64) {
    let given = bucket.give_back(NAME, grant, weight);
    given.unwrap_or_else(|error| panic!("{weight} of {grant:?} were not taken back: {error}"));
    grant.weight -= weight;
}

/// Sees an instant that is exact, but for rounding.
#[track_caller]
pub fn is_exactly(found: Timestamp, since: Timestamp, after: Duration) {
    let found = found.duration_since(since);
    assert!(
        (after..=after + ROUNDING).contains(&found),
        "{found:?} later, and {after:?} is exact"
    );
}
