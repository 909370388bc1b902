//! What is taken, and what is refused.

use crate::bucket::Bucket;
use crate::conformance::scene::{LONG, SHORT, Scene, count, item, refused, take};
use crate::error::AcquireError;
use crate::rate::Rate;
use std::time::Duration;

pub fn a_weight_is_taken_whole_or_not_at_all(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(5, LONG)]);
    take(&bucket, 3);
    refused(&bucket, 3);
    assert_eq!(count(&bucket), 3, "a refusal takes nothing");
    take(&bucket, 2);
    refused(&bucket, 1);
    assert_eq!(count(&bucket), 5);
}

pub fn a_weight_of_nothing_is_granted_and_takes_nothing(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(1, LONG)]);
    take(&bucket, 0);
    take(&bucket, 1);
    let nothing = take(&bucket, 0);
    bucket.look(item(0)).expect("nothing is never refused");
    bucket
        .give_back(b"", &nothing, 0)
        .expect("nothing to give back");
    assert_eq!(count(&bucket), 1);
}

pub fn more_than_the_smallest_limit_can_never_be_granted(scene: &Scene<'_>) {
    let (small, large) = (Rate::new(3, SHORT), Rate::new(10, LONG));
    let bucket = scene.open(&[small, large]);
    for weight in [4, 10, 11, u64::MAX / 2, u64::MAX] {
        for max_wait in [Duration::ZERO, LONG, Duration::MAX] {
            let answers = [
                bucket.put(item(weight), max_wait).map(|_| ()),
                bucket.look(item(weight)),
                bucket.waiting(item(weight)).map(|_| ()),
            ];
            for answer in answers {
                assert!(
                    matches!(answer, Err(AcquireError::WeightTooLarge { weight: told, rate })
                        if told == weight && rate == small),
                    "{weight} are too many for {small}: {answer:?}"
                );
            }
        }
    }
    assert_eq!(count(&bucket), 0);
    take(&bucket, 3);
}

pub fn all_rates_hold_together_and_the_one_that_refuses_is_named(scene: &Scene<'_>) {
    let (narrow, wide) = (Rate::new(2, LONG), Rate::new(3, LONG * 24));
    let bucket = scene.open(&[narrow, wide]);
    assert_eq!(bucket.rates(), [narrow, wide]);
    take(&bucket, 1);
    take(&bucket, 1);
    let (retry_after, rate) = refused(&bucket, 1);
    assert_eq!(rate, narrow);
    assert!(retry_after <= LONG, "{retry_after:?}");
    // Another hour brings two more of the narrow rate, but only one of the wide.
    if scene.is_still() {
        scene.pass(LONG);
        take(&bucket, 1);
        let (retry_after, rate) = refused(&bucket, 1);
        assert_eq!(rate, wide);
        assert!(retry_after > LONG * 22, "{retry_after:?}");
    }
    let (brief, day) = (Rate::new(2, SHORT), Rate::new(3, LONG));
    let scene = scene.in_real_time();
    let bucket = scene.open(&[brief, day]);
    take(&bucket, 2);
    scene.pass(SHORT);
    take(&bucket, 1);
    assert_eq!(refused(&bucket, 1).1, day);
}

pub fn a_permit_counts_until_the_very_end_of_its_window(scene: &Scene<'_>) {
    if scene.is_still() {
        let tick = Duration::from_micros(1);
        let bucket = scene.open(&[Rate::new(2, SHORT)]);
        let first = take(&bucket, 1);
        scene.pass(tick * 10);
        take(&bucket, 1);
        scene.pass(SHORT - tick * 11);
        assert!(refused(&bucket, 1).0 <= tick * 3, "its window ends now");
        // A bucket may round up to the next instants.
        let mut passed = SHORT - tick;
        while bucket.look(item(1)).is_err() {
            assert!(passed < SHORT + tick * 2, "its window has ended");
            scene.pass(tick);
            passed += tick;
        }
        let next = take(&bucket, 1);
        assert!(next.at.duration_since(first.at) >= SHORT);
        // The other has not left yet.
        refused(&bucket, 1);
    }
    let scene = scene.in_real_time();
    let bucket = scene.open(&[Rate::new(1, SHORT)]);
    let mut last = take(&bucket, 1);
    for _ in 0..3 {
        if let Err(error) = bucket.look(item(1)) {
            let AcquireError::Limited { retry_after, .. } = error else {
                panic!("not limited: {error}");
            };
            assert!(
                retry_after <= SHORT + Duration::from_micros(2),
                "{retry_after:?}"
            );
            scene.pass(retry_after);
        }
        // Nobody else has asked: so what was told must be so.
        let next = take(&bucket, 1);
        assert!(
            next.at.duration_since(last.at) >= SHORT,
            "{last:?}, {next:?}"
        );
        last = next;
    }
}
