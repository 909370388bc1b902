//! Pauses, and rates that change.

use crate::bucket::{Bucket, Item};
use crate::conformance::scene::{
    FOR_EVER, LONG, NAME, ROUNDING, SHORT, Scene, item, queue, refused, take,
};
use crate::error::{AcquireError, PauseError, SetRatesError};
use crate::rate::Rate;
use std::time::Duration;

/// Whether there are pauses. Where there are none, that is said.
fn can_pause(bucket: &dyn Bucket) -> bool {
    if !bucket.longest_pause().is_zero() {
        return true;
    }
    let now = bucket.now().expect("the time");
    let answer = bucket.pause(Some(NAME), now.saturating_add(SHORT));
    assert!(matches!(answer, Err(PauseError::Unsupported)), "{answer:?}");
    assert!(
        !bucket.resume(None).expect("an answer"),
        "there is no pause"
    );
    assert_eq!(bucket.paused(NAME).expect("an answer"), Duration::ZERO);
    take(bucket, 1);
    false
}

pub fn a_pause_holds_everybody_until_its_end(scene: &Scene<'_>) {
    for name in [None, Some(NAME)] {
        let scene = scene.in_real_time();
        let bucket = scene.open(&[Rate::new(3, SHORT)]);
        if !can_pause(&bucket) {
            return;
        }
        let until = bucket.now().expect("the time").saturating_add(LONG);
        bucket.pause(name, until).expect("a pause");
        let left = bucket.paused(NAME).expect("an answer");
        assert!(left > LONG / 2 && left <= LONG, "{left:?}");
        let (retry_after, _) = refused(&bucket, 1);
        assert!(
            retry_after > LONG / 2 && retry_after <= LONG + ROUNDING,
            "{retry_after:?}"
        );
        take(&bucket, 0);
        let behind = queue(&bucket, 1);
        assert!(behind.at >= until, "{behind:?} is in a pause until {until}");
        assert!(
            behind.at.duration_since(until) <= ROUNDING,
            "{behind:?}, {until}"
        );
        assert!(
            behind.paused > LONG / 2,
            "it is told that it waits behind a pause"
        );
        if scene.is_keyed() {
            let other = Item {
                name: b"example.org",
                weight: 1,
            };
            let answer = bucket.put(other, Duration::ZERO);
            assert_eq!(
                answer.is_ok(),
                name.is_some(),
                "only one name is paused: {answer:?}"
            );
        }

        // Its end comes by itself.
        let scene = scene.in_real_time();
        let bucket = scene.open(&[Rate::new(3, LONG)]);
        let until = bucket.now().expect("the time").saturating_add(SHORT);
        bucket.pause(name, until).expect("a pause");
        scene.pass(SHORT);
        assert_eq!(bucket.paused(NAME).expect("an answer"), Duration::ZERO);
        assert!(take(&bucket, 3).at >= until);
        let resumed = bucket.resume(name).expect("an answer");
        assert!(!resumed, "a pause that is over is none");
    }
}

pub fn a_longer_pause_stays_and_a_resume_ends_it(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(3, LONG)]);
    if !can_pause(&bucket) {
        return;
    }
    let now = bucket.now().expect("the time");
    for name in [None, Some(NAME)] {
        bucket
            .pause(name, now.saturating_add(LONG))
            .expect("a pause");
        bucket
            .pause(name, now.saturating_add(SHORT))
            .expect("it is no error");
        assert!(bucket.paused(NAME).expect("an answer") > LONG / 2);
        refused(&bucket, 1);
        assert!(bucket.resume(name).expect("an answer"), "there was a pause");
        assert!(
            !bucket.resume(name).expect("an answer"),
            "there is none any more"
        );
        take(&bucket, 1);
    }
    let longest = bucket.longest_pause();
    if let Some(longer) = longest.checked_add(LONG)
        && now.saturating_add(longer).duration_since(now) == longer
    {
        let answer = bucket.pause(None, now.saturating_add(longer));
        assert!(
            matches!(answer, Err(PauseError::TooLong { longest: told, .. }) if told == longest),
            "{answer:?}"
        );
        take(&bucket, 1);
    }
}

pub fn other_rates_bind_from_then_on_or_are_refused(scene: &Scene<'_>) {
    let (old, new) = (Rate::new(3, LONG), Rate::new(5, LONG));
    let bucket = scene.open(&[old]);
    take(&bucket, 3);
    match bucket.set_rates(&[new]) {
        Ok(()) => {
            assert_eq!(bucket.rates(), [new]);
            take(&bucket, 2);
            refused(&bucket, 1);
            bucket.set_rates(&[old]).expect("the old ones");
            let (_, rate) = refused(&bucket, 1);
            assert_eq!(rate, old);
            let answer = bucket.set_rates(&[]);
            assert!(matches!(answer, Err(SetRatesError::Rates(_))), "{answer:?}");
        }
        Err(error) => assert!(matches!(error, SetRatesError::Fixed), "{error}"),
    }
    assert_eq!(bucket.rates(), [old]);
    refused(&bucket, 1);
    let answer = bucket.put(item(4), FOR_EVER);
    assert!(
        matches!(answer, Err(AcquireError::WeightTooLarge { .. })),
        "{answer:?}"
    );
}
