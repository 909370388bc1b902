//! What a bucket promises, to the microsecond: its clock is moved by hand.

use super::support::{limited, micros, reserve, standing, take};
use std::fs;
use std::time::Duration;
use tidegate::{AcquireError, Bucket, Grant, Item, MAX_KEY, PauseError, Rate, Timestamp};

const FIVE: Rate = Rate::new(5, micros(100));
const NINE: Rate = Rate::new(9, micros(1000));

#[test]
fn a_window_is_half_open_and_retry_after_is_exact() {
    let (_place, clock, bucket) = standing(&[FIVE, NINE]);
    let first = take(&bucket, "", 3).unwrap();
    clock.advance(micros(40));
    let second = take(&bucket, "", 2).unwrap();
    assert_eq!(second.at.duration_since(first.at), micros(40));
    assert_eq!(limited(take(&bucket, "", 1)), (micros(60), FIVE));
    assert_eq!(limited(take(&bucket, "", 4)), (micros(100), FIVE));
    clock.advance(micros(59));
    assert_eq!(limited(take(&bucket, "", 1)), (micros(1), FIVE));
    clock.advance(micros(1));
    take(&bucket, "", 3).unwrap();
    clock.advance(micros(100));
    assert_eq!(limited(take(&bucket, "", 2)), (micros(800), NINE));
    take(&bucket, "", 1).unwrap();
    clock.advance(micros(800));
    take(&bucket, "", 3).unwrap();
}

#[test]
fn a_weight_is_taken_whole_or_not_at_all_and_too_much_is_told() {
    let (_place, _clock, bucket) = standing(&[FIVE, NINE]);
    take(&bucket, "", 2).unwrap();
    limited(take(&bucket, "", 4));
    assert_eq!(bucket.count().unwrap(), 2);
    take(&bucket, "", 3).unwrap();
    let error = take(&bucket, "", 6).unwrap_err();
    assert!(
        matches!(error, AcquireError::WeightTooLarge { weight: 6, rate } if rate == FIVE),
        "{error}"
    );
    take(&bucket, "", u64::MAX).unwrap_err();
    let none = take(&bucket, "", 0).unwrap();
    assert_eq!((none.weight, none.wait), (0, Duration::ZERO));
    assert_eq!(bucket.count().unwrap(), 5);
}

#[test]
fn those_who_wait_come_one_after_the_other_and_nobody_overtakes_them() {
    let (_place, clock, bucket) = standing(&[FIVE]);
    let first = take(&bucket, "", 4).unwrap();
    let heavy = reserve(&bucket, "", 5, micros(100)).unwrap();
    assert_eq!((heavy.wait, heavy.at), (micros(100), at(first, 100)));
    // One permit is free, and is no newcomer's.
    assert_eq!(limited(take(&bucket, "", 1)), (micros(200), FIVE));
    let light = reserve(&bucket, "", 1, micros(200)).unwrap();
    assert_eq!(light.at, at(first, 200));
    assert_eq!((bucket.queued().unwrap(), bucket.count().unwrap()), (6, 10));
    clock.advance(micros(100));
    assert_eq!(bucket.queued().unwrap(), 1);
    limited(reserve(&bucket, "", 1, micros(99)));
    assert_eq!(
        reserve(&bucket, "", 1, Duration::MAX).unwrap().wait,
        micros(100)
    );
}

#[test]
fn a_full_queue_is_told_with_when_there_is_room() {
    let (place, clock, bucket) = standing(&[FIVE]);
    drop(bucket);
    let bucket = place.bucket().rate(FIVE).queue(3).override_rates();
    let bucket = bucket.clock(clock.clone()).open().unwrap();
    assert_eq!(bucket.queue(), 3);
    take(&bucket, "", 5).unwrap();
    clock.advance(micros(10));
    reserve(&bucket, "", 1, Duration::MAX).unwrap();
    reserve(&bucket, "", 2, Duration::MAX).unwrap();
    for (weight, room) in [(1, 90), (3, 90), (4, 190)] {
        match reserve(&bucket, "", weight, Duration::MAX) {
            Err(AcquireError::QueueFull {
                weight: told,
                queue: 3,
                retry_after,
            }) => {
                assert_eq!((told, retry_after), (weight, micros(room)));
            }
            other => panic!("{other:?}"),
        }
    }
    clock.advance(micros(90));
    reserve(&bucket, "", 3, Duration::MAX).unwrap();
}

#[test]
fn what_is_given_back_counts_no_more_for_those_who_come_later() {
    let (_place, clock, bucket) = standing(&[FIVE]);
    let a = take(&bucket, "", 2).unwrap();
    clock.advance(micros(10));
    let b = take(&bucket, "", 3).unwrap();
    let c = reserve(&bucket, "", 2, Duration::MAX).unwrap();
    assert_eq!(c.wait, micros(90));
    bucket.give_back(b"", &b, 2).unwrap();
    assert_eq!(bucket.count().unwrap(), 5);
    // One is left of B, and C keeps its time: only when that is given back is there room.
    limited(take(&bucket, "", 1));
    bucket.give_back(b"", &c, 2).unwrap();
    take(&bucket, "", 2).unwrap();
    limited(take(&bucket, "", 1));
    // The rest of B, and no more than that.
    let rest = Grant::new(b.id, 1, b.at, b.wait);
    bucket.give_back(b"", &rest, 9).unwrap();
    take(&bucket, "", 1).unwrap();
    assert_eq!(limited(take(&bucket, "", 1)).0, micros(90));
    // What no longer counts is no error, and changes nothing.
    clock.advance(micros(90));
    bucket.give_back(b"", &a, 2).unwrap();
    assert_eq!(bucket.count().unwrap(), 3);
}

#[test]
fn giving_back_twice_or_what_was_never_taken_changes_nothing() {
    let (_place, _clock, bucket) = standing(&[FIVE]);
    let a = take(&bucket, "", 2).unwrap();
    take(&bucket, "", 2).unwrap();
    bucket.give_back(b"", &a, 2).unwrap();
    bucket.give_back(b"", &a, 2).unwrap();
    for forged in [
        Grant::new(a.id + 1, 1, a.at, a.wait),
        Grant::new(u64::MAX, 1, a.at, a.wait),
        Grant::new(2, 3, a.at, a.wait),
        Grant::new(2, 2, at(a, 1), a.wait),
    ] {
        bucket.give_back(b"", &forged, 1).unwrap();
    }
    assert_eq!(bucket.count().unwrap(), 2);
}

#[test]
fn peeks_and_usage_tell_what_counts() {
    let (_place, clock, bucket) = standing(&[FIVE, NINE]);
    let a = take(&bucket, "", 2).unwrap();
    clock.advance(micros(70));
    let b = take(&bucket, "", 3).unwrap();
    let c = reserve(&bucket, "", 1, Duration::MAX).unwrap();
    bucket.give_back(b"", &b, 1).unwrap();
    let peeked = |nth| bucket.peek(b"", nth).unwrap();
    let all = [c.at, b.at, b.at, a.at, a.at];
    assert_eq!([0, 1, 2, 3, 4].map(peeked), all.map(Some));
    assert_eq!([5, u64::MAX].map(peeked), [None; 2]);
    let usage = |bucket: &dyn Bucket| {
        let usage = bucket.usage(b"").unwrap();
        usage
            .iter()
            .map(|u| (u.used, u.resets_in))
            .collect::<Vec<_>>()
    };
    assert_eq!(usage(&bucket), [(5, micros(30)), (5, micros(930))]);
    clock.advance(micros(30));
    assert_eq!(usage(&bucket), [(3, micros(70)), (5, micros(900))]);
    clock.advance(micros(1000));
    assert_eq!(usage(&bucket), [(0, Duration::ZERO), (0, Duration::ZERO)]);
    assert_eq!(peeked(0), None);
}

#[test]
fn a_look_answers_as_a_put_would_and_takes_nothing() {
    let (_place, clock, bucket) = standing(&[FIVE]);
    let item = |weight| Item { name: b"", weight };
    bucket.look(item(5)).unwrap();
    take(&bucket, "", 5).unwrap();
    assert_eq!(limited(bucket.look(item(1))), (micros(100), FIVE));
    assert_eq!(bucket.waiting(item(1)).unwrap(), micros(100));
    bucket.look(item(6)).unwrap_err();
    bucket.look(item(0)).unwrap();
    clock.advance(micros(100));
    assert_eq!(bucket.waiting(item(5)).unwrap(), Duration::ZERO);
    assert_eq!(bucket.count().unwrap(), 0);
}

#[test]
fn a_flush_forgets_all_and_those_who_wait_keep_their_times() {
    let (_place, clock, bucket) = standing(&[FIVE]);
    take(&bucket, "", 5).unwrap();
    let waits = reserve(&bucket, "", 2, Duration::MAX).unwrap();
    bucket.flush().unwrap();
    assert_eq!((bucket.count().unwrap(), bucket.queued().unwrap()), (0, 0));
    let new = take(&bucket, "", 5).unwrap();
    // Its number is nobody else's.
    assert!(new.id > waits.id);
    bucket.give_back(b"", &waits, 2).unwrap();
    assert_eq!(bucket.count().unwrap(), 5);
    clock.advance(micros(100));
    assert_eq!(bucket.leak().unwrap(), 5);
    bucket.flush().unwrap();
}

#[test]
fn names_are_kept_apart_if_that_is_asked_for() {
    let (place, clock, common) = standing(&[FIVE]);
    take(&common, "x", 5).unwrap();
    limited(take(&common, "y", 1));
    assert!(!common.dispose(b"x").unwrap());
    let keyed = place.bucket().table("keyed").keyed().rate(FIVE);
    let keyed = keyed.clock(clock.clone()).open().unwrap();
    for name in ["x", "y", "", "\0\u{1F512}"] {
        take(&keyed, name, 5).unwrap();
        limited(take(&keyed, name, 1));
    }
    assert_eq!(keyed.count().unwrap(), 20);
    assert!(keyed.dispose(b"x").unwrap());
    assert!(!keyed.dispose(b"x").unwrap());
    assert_eq!(keyed.count().unwrap(), 15);
    take(&keyed, "x", 1).unwrap();
    assert_eq!(keyed.peek(b"nobody", 0).unwrap(), None);
    assert_eq!(keyed.usage(b"nobody").unwrap()[0].used, 0);
    let name = vec![7; MAX_KEY + 1];
    keyed
        .put(
            Item {
                name: &name[1..],
                weight: 1,
            },
            Duration::ZERO,
        )
        .unwrap();
    let error = keyed
        .put(
            Item {
                name: &name,
                weight: 1,
            },
            Duration::ZERO,
        )
        .unwrap_err();
    assert!(matches!(error, AcquireError::KeyTooLong { length } if length == MAX_KEY + 1));
    clock.advance(micros(100));
    assert_eq!(keyed.leak().unwrap(), 17);
    assert!(!keyed.dispose(b"y").unwrap(), "idle names go with a leak");
}

#[test]
fn a_grant_of_a_forgotten_name_cannot_be_given_back_to_its_successor() {
    let (place, clock, _common) = standing(&[FIVE]);
    let keyed = place.bucket().table("keyed").keyed().rate(FIVE);
    let keyed = keyed.clock(clock.clone()).open().unwrap();
    let old = take(&keyed, "x", 2).unwrap();
    assert!(keyed.dispose(b"x").unwrap());
    // At the same instant, and the first of its name.
    let new = take(&keyed, "x", 2).unwrap();
    assert_eq!(old.at, new.at);
    keyed.give_back(b"x", &old, 2).unwrap();
    assert_eq!(keyed.count().unwrap(), 2);
    keyed.give_back(b"x", &new, 2).unwrap();
    assert_eq!(keyed.count().unwrap(), 0);
}

#[test]
fn a_pause_holds_back_its_name_or_all_and_can_be_ended() {
    let (place, clock, common) = standing(&[FIVE]);
    let keyed = place.bucket().table("keyed").keyed().rate(FIVE);
    let keyed = keyed.clock(clock.clone()).open().unwrap();
    let soon = |time| keyed.now().unwrap().saturating_add(micros(time));
    keyed.pause(Some(b"x"), soon(500)).unwrap();
    keyed.pause(Some(b"x"), soon(300)).unwrap();
    assert_eq!(
        keyed.paused(b"x").unwrap(),
        micros(500),
        "the longer one is on"
    );
    assert_eq!(keyed.paused(b"y").unwrap(), Duration::ZERO);
    assert_eq!(limited(take(&keyed, "x", 1)).0, micros(500));
    take(&keyed, "y", 1).unwrap();
    let behind = reserve(&keyed, "x", 1, Duration::MAX).unwrap();
    assert_eq!((behind.wait, behind.paused), (micros(500), micros(500)));
    assert!(keyed.resume(Some(b"x")).unwrap());
    assert!(!keyed.resume(Some(b"x")).unwrap());
    assert!(!keyed.resume(Some(b"nobody")).unwrap());
    keyed.give_back(b"x", &behind, 1).unwrap();
    take(&keyed, "x", 1).unwrap();

    keyed.pause(None, soon(100)).unwrap();
    assert_eq!(limited(take(&keyed, "new", 1)).0, micros(100));
    assert_eq!(common.paused(b"").unwrap(), Duration::ZERO);
    clock.advance(micros(60));
    assert_eq!(keyed.paused(b"y").unwrap(), micros(40));
    assert!(keyed.resume(None).unwrap() && !keyed.resume(None).unwrap());
    take(&keyed, "new", 1).unwrap();

    common.pause(Some(b"x"), soon(50)).unwrap();
    assert_eq!(limited(take(&common, "y", 1)).0, micros(50));
    let error = common
        .pause(None, Timestamp::from_micros(u64::MAX))
        .unwrap_err();
    assert!(matches!(error, PauseError::TooLong { .. }), "{error}");
}

#[test]
fn other_rates_judge_what_was_granted_before_and_all_handles_obey_them() {
    let (place, clock, one) = standing(&[FIVE]);
    let two = place
        .bucket()
        .rate(FIVE)
        .clock(clock.clone())
        .open()
        .unwrap();
    take(&two, "", 4).unwrap();
    one.set_rates(&[Rate::new(2, micros(100)), NINE]).unwrap();
    clock.advance(micros(50));
    assert_eq!(limited(take(&two, "", 1)).0, micros(50));
    assert_eq!(two.rates(), one.rates());
    take(&two, "", 5).unwrap_err();
    two.set_rates(&[FIVE]).unwrap();
    take(&one, "", 1).unwrap();
    limited(take(&one, "", 1));
    one.set_rates(&[]).unwrap_err();
    assert_eq!(one.rates(), [FIVE]);
}

#[test]
fn a_grant_of_any_weight_is_one_row_and_old_rows_are_forgotten() {
    let rate = Rate::new(1 << 32, micros(1000));
    let (place, clock, bucket) = standing(&[rate]);
    let size = || {
        // Closing moves the journal into the file.
        fs::metadata(place.path()).unwrap().len()
    };
    for _ in 0..500 {
        take(&bucket, "", 1 << 20).unwrap();
    }
    assert_eq!(bucket.count().unwrap(), 500 << 20);
    for _ in 0..5000 {
        clock.advance(micros(10));
        take(&bucket, "", 1).unwrap();
    }
    assert_eq!(bucket.count().unwrap(), 100);
    bucket.close().unwrap();
    assert!(size() < 64 << 10, "{} bytes", size());
}

#[test]
fn names_that_are_idle_make_room_for_new_ones() {
    let (place, clock, _common) = standing(&[FIVE]);
    let keyed = place.bucket().table("keyed").keyed().rate(FIVE);
    let keyed = keyed.clock(clock.clone()).open().unwrap();
    for n in 0..3000 {
        clock.advance(micros(5));
        take(&keyed, &format!("a name of some length, number {n}"), 1).unwrap();
    }
    assert_eq!(keyed.count().unwrap(), 20);
    keyed.close().unwrap();
    let size = fs::metadata(place.path()).unwrap().len();
    assert!(size < 64 << 10, "{size} bytes");
}

#[test]
fn a_closed_bucket_says_so() {
    let (_place, _clock, bucket) = standing(&[FIVE]);
    bucket.close().unwrap();
    bucket.close().unwrap();
    let error = take(&bucket, "", 1).unwrap_err().to_string();
    assert!(error.contains("closed"), "{error}");
    assert_eq!(bucket.rates(), [FIVE]);
}

fn at(grant: Grant, later: u64) -> Timestamp {
    grant.at.saturating_add(micros(later))
}
