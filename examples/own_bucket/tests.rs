//! What the suite says of it, and of two that are wrong.

use crate::bucket::FileBucket;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use tidegate::conformance::{Place, Suite, bucket_suite};
use tidegate::{
    AcquireError, Boottime, Bucket, BucketError, Clock, Grant, Item, Manual, Rate, Timestamp,
};

fn make(place: &Place, rates: &[Rate]) -> FileBucket<Box<dyn Clock>> {
    let clock: Box<dyn Clock> = match place.clock() {
        Some(manual) => Box::new(manual),
        None => Box::new(Boottime),
    };
    let path = place.folder().join("log");
    FileBucket::new(&path, rates.iter().copied(), clock).unwrap()
}

bucket_suite!(make, shared, manual);

/// Counts from the hour, or from whatever: twice the limit passes around its end.
struct FixedWindow {
    rate: Rate,
    clock: Manual,
    /// Which window it is, and how many permits were taken in it.
    used: Mutex<(u64, Vec<Timestamp>)>,
}

impl FixedWindow {
    fn turn(&self, item: Item<'_>, takes: bool) -> Result<Grant, AcquireError> {
        let now = self.clock.now()?;
        let interval = self.rate.interval().as_micros() as u64;
        let window = now.as_micros() / interval;
        let mut used = self.used.lock().unwrap();
        if used.0 != window {
            *used = (window, Vec::new());
        }
        if used.1.len() as u64 + item.weight > self.rate.limit() {
            let end = Timestamp::from_micros((window + 1) * interval);
            return Err(AcquireError::Limited {
                retry_after: end.duration_since(now),
                rate: self.rate,
            });
        }
        if takes {
            used.1.extend((0..item.weight).map(|_| now));
        }
        Ok(Grant::new(0, item.weight, now, Duration::ZERO))
    }
}

impl Bucket for FixedWindow {
    fn put(&self, item: Item<'_>, _: Duration) -> Result<Grant, AcquireError> {
        self.turn(item, true)
    }

    fn give_back(&self, _: &[u8], _: &Grant, weight: u64) -> Result<(), BucketError> {
        let mut used = self.used.lock().unwrap();
        let left = used.1.len().saturating_sub(weight as usize);
        used.1.truncate(left);
        Ok(())
    }

    fn look(&self, item: Item<'_>) -> Result<(), AcquireError> {
        self.turn(item, false).map(|_| ())
    }

    fn peek(&self, _: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
        let used = self.used.lock().unwrap();
        Ok(used.1.iter().rev().nth(nth as usize).copied())
    }

    fn count(&self) -> Result<u64, BucketError> {
        Ok(self.used.lock().unwrap().1.len() as u64)
    }

    fn flush(&self) -> Result<(), BucketError> {
        self.used.lock().unwrap().1.clear();
        Ok(())
    }

    fn rates(&self) -> Vec<Rate> {
        vec![self.rate]
    }

    fn now(&self) -> Result<Timestamp, BucketError> {
        Ok(self.clock.now()?)
    }
}

/// Looks first, and takes then, whatever has come in between.
struct Hasty(FileBucket<Box<dyn Clock>>);

impl Bucket for Hasty {
    fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        if max_wait.is_zero() {
            self.0.look(item)?;
            thread::sleep(Duration::from_millis(1));
            // Its turn has come: so now is when it goes.
            let mut grant = self.0.put(item, Duration::MAX)?;
            (grant.at, grant.wait) = (self.0.now()?, Duration::ZERO);
            return Ok(grant);
        }
        self.0.put(item, max_wait)
    }

    fn give_back(&self, name: &[u8], grant: &Grant, weight: u64) -> Result<(), BucketError> {
        self.0.give_back(name, grant, weight)
    }

    fn look(&self, item: Item<'_>) -> Result<(), AcquireError> {
        self.0.look(item)
    }

    fn peek(&self, name: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
        self.0.peek(name, nth)
    }

    fn count(&self) -> Result<u64, BucketError> {
        self.0.count()
    }

    fn flush(&self) -> Result<(), BucketError> {
        self.0.flush()
    }

    fn rates(&self) -> Vec<Rate> {
        self.0.rates()
    }

    fn now(&self) -> Result<Timestamp, BucketError> {
        self.0.now()
    }
}

/// The tests that a bucket does not pass.
fn failures(suite: Suite) -> Vec<&'static str> {
    let failures = suite.failures();
    failures.iter().map(|failure| failure.test).collect()
}

#[test]
fn the_suite_has_nothing_against_a_bucket_that_keeps_its_promises() {
    assert_eq!(failures(Suite::new(make).manual()), [""; 0]);
}

#[test]
fn fixed_windows_do_not_pass() {
    let make = |place: &Place, rates: &[Rate]| FixedWindow {
        rate: rates[0],
        clock: place.clock().unwrap_or_default(),
        used: Mutex::default(),
    };
    let failures = failures(Suite::new(make).manual());
    for test in [
        "a_permit_counts_until_the_very_end_of_its_window",
        "a_turn_comes_exactly_when_the_window_has_room",
        "nobody_overtakes_those_who_wait",
        "all_rates_hold_together_and_the_one_that_refuses_is_named",
    ] {
        assert!(failures.contains(&test), "{test}: {failures:?}");
    }
}

#[test]
fn to_look_first_and_to_take_then_does_not_pass() {
    let failures = failures(Suite::new(|place, rates| Hasty(make(place, rates))));
    let test = "threads_together_never_exceed_a_window";
    assert!(failures.contains(&test), "{failures:?}");
    assert!(!failures.contains(&"a_weight_is_taken_whole_or_not_at_all"));
}
