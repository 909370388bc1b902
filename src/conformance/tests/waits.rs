//! Waiting, by a limiter over the bucket.

use crate::bucket::Bucket;
use crate::conformance::log::Log;
use crate::conformance::scene::{LONG, NAME, SHORT, Scene, count, queue, take};
use crate::limiter::Limiter;
use crate::rate::Rate;
use std::thread;
use std::time::Duration;

/// Longer than a test takes, and short enough to see it fail.
const MINUTE: Duration = Duration::from_secs(60);

pub fn who_waits_goes_when_the_turn_has_come(scene: &Scene<'_>) {
    let rate = Rate::new(2, SHORT);
    let scene = scene.in_real_time();
    let limiter = Limiter::over(scene.open(&[rate]));
    let mut log = Log::default();
    for _ in 0..6 {
        let permit = limiter.acquire(NAME).expect("a turn");
        let now = limiter.now().expect("the time");
        assert!(
            permit.at() <= now,
            "it went at {now}, and was to go at {}",
            permit.at()
        );
        log.add(permit.at().as_micros(), permit.weight());
    }
    log.judge(rate);
    let error = limiter
        .acquire_timeout(NAME, 3, LONG)
        .expect_err("too heavy");
    assert!(error.to_string().contains('3'), "{error}");
}

pub fn a_wait_that_meets_a_pause_goes_after_it(scene: &Scene<'_>) {
    let scene = scene.in_real_time();
    let bucket = scene.open(&[Rate::new(1, SHORT)]);
    if bucket.longest_pause().is_zero() {
        return;
    }
    let limiter = Limiter::over(bucket.clone());
    take(&bucket, 1);
    let place = limiter.reserve(NAME, 1, LONG).expect("a place");
    let until = bucket.now().expect("the time").saturating_add(SHORT * 2);
    bucket.pause(None, until).expect("a pause");
    let permit = place.wait().expect("a turn");
    assert!(
        permit.at() >= until,
        "it went at {}, in a pause until {until}",
        permit.at()
    );
    // One behind a pause that is ended early goes early.
    let until = bucket.now().expect("the time").saturating_add(MINUTE);
    bucket.pause(None, until).expect("a pause");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| limiter.acquire(NAME).map(|permit| permit.at()));
        while bucket
            .peek(NAME, 0)
            .expect("a peek")
            .is_none_or(|at| at < until)
        {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(bucket.resume(None).expect("an answer"), "there was a pause");
        let at = waiter.join().expect("a waiter").expect("a turn");
        assert!(at < until, "it was to wait until {until}, and went at {at}");
    });
}

pub fn a_wait_that_nobody_stands_in_gives_its_place_back(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(1, LONG)]);
    let limiter = Limiter::over(bucket.clone());
    let mut permit = limiter.try_acquire(NAME).expect("a permit");
    drop(limiter.reserve(NAME, 1, LONG * 2).expect("a place"));
    assert_eq!(count(&bucket), 1);
    let place = limiter.reserve(NAME, 1, LONG * 2).expect("the same place");
    assert!(
        place.waiting() <= LONG + Duration::from_millis(1),
        "{:?}",
        place.waiting()
    );
    let at = place.ready_at();
    place.cancel();
    assert!(queue(&bucket, 1).at <= at);
    permit.refund_n(1).expect("a refund");
    assert_eq!(count(&bucket), 1);
}
