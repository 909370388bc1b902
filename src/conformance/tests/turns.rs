//! Turns that are ahead.

use crate::bucket::Bucket;
use crate::conformance::scene::{
    FOR_EVER, LONG, ROUNDING, Scene, count, is_exactly, item, queue, refused, take,
};
use crate::error::AcquireError;
use crate::rate::Rate;
use std::time::Duration;

pub fn a_turn_comes_exactly_when_the_window_has_room(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(2, LONG)]);
    let first = take(&bucket, 1);
    let second = take(&bucket, 1);
    let waiting = bucket.waiting(item(1)).expect("how long to wait");
    let third = queue(&bucket, 1);
    is_exactly(third.at, first.at, LONG);
    assert!(
        third.wait > Duration::ZERO && third.wait <= waiting,
        "{third:?}, {waiting:?}"
    );
    assert!(
        third.at.duration_since(first.at) + ROUNDING >= third.wait,
        "it waits no longer than the window is"
    );
    let fourth = queue(&bucket, 2);
    is_exactly(fourth.at, third.at, LONG);
    assert!(fourth.at.duration_since(second.at) >= LONG);
    assert_eq!(count(&bucket), 5, "what is waited for counts");
}

pub fn a_turn_that_comes_too_late_takes_nothing(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(1, LONG)]);
    take(&bucket, 1);
    for max_wait in [Duration::ZERO, Duration::from_micros(1), LONG / 2] {
        match bucket.put(item(1), max_wait) {
            Err(AcquireError::Limited { retry_after, rate }) => {
                assert!(retry_after > max_wait, "{retry_after:?}");
                assert_eq!(rate.limit(), 1);
            }
            other => panic!("its turn comes after {max_wait:?}: {other:?}"),
        }
    }
    assert_eq!(count(&bucket), 1);
    bucket
        .put(item(1), LONG * 2)
        .expect("its turn comes in time");
    assert_eq!(count(&bucket), 2);
}

pub fn nobody_overtakes_those_who_wait(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(3, LONG)]);
    take(&bucket, 2);
    let heavy = queue(&bucket, 3);
    assert!(heavy.wait > Duration::ZERO);
    // One permit is free now, and one who is lighter would fit: but he came later.
    let (retry_after, _) = refused(&bucket, 1);
    assert!(retry_after + ROUNDING >= heavy.wait / 2, "{retry_after:?}");
    let light = queue(&bucket, 1);
    assert!(light.at >= heavy.at, "{light:?} came after {heavy:?}");
    let mut last = light;
    for _ in 0..2 {
        let next = queue(&bucket, 1);
        assert!(next.at >= last.at, "{next:?} came after {last:?}");
        last = next;
    }
}

pub fn a_full_queue_is_an_error_of_its_own(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(100, LONG)]);
    let room = bucket.queue();
    assert!(room > 0, "somebody may wait");
    take(&bucket, 100);
    let mut left = room;
    while left > 0 {
        let weight = left.min(100);
        queue(&bucket, weight);
        left -= weight;
    }
    match bucket.put(item(1), FOR_EVER) {
        Err(AcquireError::QueueFull { weight, queue, .. }) => {
            assert_eq!((weight, queue), (1, room));
        }
        other => panic!("{room} wait already, and no more may: {other:?}"),
    }
    assert_eq!(count(&bucket), 100 + room);
    // Who would not wait is not told of a queue.
    refused(&bucket, 1);
}
