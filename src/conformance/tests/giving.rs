//! What is given back, and what is forgotten.

use crate::bucket::Bucket;
use crate::conformance::scene::{
    LONG, NAME, SHORT, Scene, count, give_back, is_exactly, queue, refused, take,
};
use crate::rate::Rate;

pub fn what_is_given_back_is_free_again_once(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(5, LONG)]);
    let mut grant = take(&bucket, 3);
    let whole = grant;
    let mut other = take(&bucket, 2);
    refused(&bucket, 1);
    give_back(&bucket, &mut grant, 1);
    assert_eq!(count(&bucket), 4);
    take(&bucket, 1);
    refused(&bucket, 1);
    give_back(&bucket, &mut grant, 2);
    assert_eq!(count(&bucket), 3);
    // Nothing is left of it: whoever gives it back all the same does no harm to others.
    bucket.give_back(NAME, &whole, 3).expect("it is no error");
    assert_eq!(count(&bucket), 3);
    give_back(&bucket, &mut other, 2);
    take(&bucket, 4);
    refused(&bucket, 1);
}

pub fn a_place_that_is_given_back_is_no_burden_to_those_who_come_later(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(2, LONG)]);
    let first = take(&bucket, 2);
    let mut place = queue(&bucket, 2);
    let mut behind = queue(&bucket, 1);
    is_exactly(place.at, first.at, LONG);
    is_exactly(behind.at, place.at, LONG);
    give_back(&bucket, &mut place, 2);
    give_back(&bucket, &mut behind, 1);
    assert_eq!(count(&bucket), 2);
    let next = queue(&bucket, 2);
    is_exactly(next.at, first.at, LONG);
}

pub fn a_flush_forgets_everything_and_what_was_given_before_stays_forgotten(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(3, LONG)]);
    let before = take(&bucket, 3);
    let mut waiting = queue(&bucket, 1);
    bucket.flush().expect("a flush");
    assert_eq!(count(&bucket), 0);
    take(&bucket, 3);
    bucket.give_back(NAME, &before, 3).expect("it is no error");
    give_back(&bucket, &mut waiting, 1);
    assert_eq!(count(&bucket), 3, "what was flushed is not given back");
    refused(&bucket, 1);
}

pub fn a_leak_forgets_only_what_counts_no_more(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(3, LONG)]);
    take(&bucket, 2);
    assert_eq!(bucket.leak().expect("a leak"), 0, "all of it counts");
    assert_eq!(count(&bucket), 2);
    take(&bucket, 1);
    refused(&bucket, 1);

    let scene = scene.in_real_time();
    let bucket = scene.open(&[Rate::new(3, SHORT)]);
    take(&bucket, 3);
    scene.pass(SHORT);
    assert!(bucket.leak().expect("a leak") <= 3);
    assert_eq!(
        bucket.leak().expect("a leak"),
        0,
        "they are forgotten already"
    );
    assert_eq!(count(&bucket), 0);
    take(&bucket, 3);
}
