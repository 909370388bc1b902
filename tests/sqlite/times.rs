//! Clocks that are set, or that fail.

use super::support::{Place, limited, micros, reserve, take};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::{AcquireError, Bucket, BucketError, Clock, ClockError, Rate, Timestamp};

const FIVE: Rate = Rate::new(5, micros(100));

/// A clock that is set at will, or has failed.
#[derive(Clone)]
struct Settable(Arc<Mutex<Option<u64>>>);

impl Settable {
    fn at(micros: u64) -> Self {
        Self(Arc::new(Mutex::new(Some(micros))))
    }

    fn set(&self, micros: Option<u64>) {
        *self.0.lock().unwrap() = micros;
    }
}

impl Clock for Settable {
    fn now(&self) -> Result<Timestamp, ClockError> {
        let now = *self.0.lock().unwrap();
        let now = now.ok_or_else(|| ClockError::new("settable", "it has stopped"))?;
        Ok(Timestamp::from_micros(now))
    }
}

#[test]
fn while_a_clock_that_was_set_back_catches_up_time_stands_still() {
    let (place, clock) = (Place::new(), Settable::at(10_000));
    let open = || {
        place
            .bucket()
            .rate(FIVE)
            .clock(clock.clone())
            .open()
            .unwrap()
    };
    let bucket = open();
    take(&bucket, "", 3).unwrap();
    clock.set(Some(4_000));
    // There is room, and none who waits: nothing needs to be refused.
    let second = take(&bucket, "", 2).unwrap();
    assert_eq!(
        (second.at.as_micros(), second.wait),
        (10_000, Duration::ZERO)
    );
    assert_eq!(bucket.now().unwrap().as_micros(), 10_000);
    // Nothing leaves the window before the clock has come there.
    let (retry_after, _) = limited(take(&bucket, "", 1));
    assert_eq!(retry_after, micros(6_100));
    limited(reserve(&bucket, "", 1, micros(6_099)));
    let waits = reserve(&bucket, "", 1, micros(6_100)).unwrap();
    assert_eq!((waits.at.as_micros(), waits.wait), (10_100, micros(6_100)));
    clock.set(Some(10_099));
    limited(take(&bucket, "", 1));
    clock.set(Some(10_100));
    take(&bucket, "", 4).unwrap();
    // Nor does it run back for one who only knows the file, or after all is forgotten.
    clock.set(Some(5_000));
    assert_eq!(
        take(&open(), "", 1).unwrap_err().outcome(),
        tidegate::Outcome::Undone
    );
    bucket.flush().unwrap();
    assert!(take(&open(), "", 1).unwrap().at.as_micros() >= 10_100);
}

#[test]
fn a_clock_that_fails_is_an_error_and_nothing_is_taken() {
    let (place, clock) = (Place::new(), Settable::at(10_000));
    let bucket = place
        .bucket()
        .rate(FIVE)
        .clock(clock.clone())
        .open()
        .unwrap();
    take(&bucket, "", 1).unwrap();
    clock.set(None);
    let error = take(&bucket, "", 1).unwrap_err();
    assert!(
        matches!(error, AcquireError::Bucket(BucketError::Clock(_))),
        "{error}"
    );
    assert!(bucket.now().is_err() && bucket.count().is_err());
    clock.set(Some(10_001));
    assert_eq!(bucket.count().unwrap(), 1);
}

#[test]
fn a_file_has_one_clock() {
    let place = Place::new();
    let own = place
        .bucket()
        .rate(FIVE)
        .clock(Settable::at(7))
        .open()
        .unwrap();
    let error = place.bucket().rate(FIVE).open().err().unwrap().to_string();
    assert!(error.contains("clock") && error.contains("own"), "{error}");
    drop(own);
}

#[test]
fn by_default_time_is_that_of_the_wall_and_runs_on_for_who_comes_later() {
    let place = Place::new();
    let one = place.bucket().rate(FIVE).open().unwrap();
    let wall = tidegate::Wall.now().unwrap();
    let now = one.now().unwrap();
    let apart = now.duration_since(wall) + wall.duration_since(now);
    assert!(apart < Duration::from_secs(60), "{apart:?}");
    let two = place.bucket().rate(FIVE).open().unwrap();
    let (a, b, c) = (one.now().unwrap(), two.now().unwrap(), one.now().unwrap());
    assert!(a <= b && b <= c);
}
