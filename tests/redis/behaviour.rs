//! What a bucket in Redis answers.

use super::{HOUR, bucket, item, keyed, retry_after, server, take};
use std::time::Duration;
use tidegate::{AcquireError, Bucket, Item, MAX_KEY, PauseError, Rate, Timestamp};

#[test]
fn a_window_holds_its_limit_and_not_one_more() {
    let Some(server) = server(a_window_holds_its_limit_and_not_one_more) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(5, HOUR)]);
    for _ in 0..5 {
        let before = bucket.now().unwrap();
        let grant = take(&bucket, 1).unwrap();
        assert!(before <= grant.at && grant.at <= bucket.now().unwrap());
        assert_eq!((grant.wait, grant.paused), (Duration::ZERO, Duration::ZERO));
    }
    let (wait, rate) = retry_after(take(&bucket, 1));
    assert!(wait <= HOUR && wait > HOUR / 2, "{wait:?}");
    assert_eq!(rate, Rate::new(5, HOUR));
    assert_eq!(retry_after(bucket.look(item(1))).1, rate);
    assert!(bucket.waiting(item(1)).unwrap() > HOUR / 2);
    assert_eq!(bucket.count().unwrap(), 5);
}

#[test]
fn all_of_a_weight_is_taken_or_nothing_and_it_costs_one_member() {
    let Some(server) = server(all_of_a_weight_is_taken_or_nothing_and_it_costs_one_member) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(10_000, HOUR)]);
    bucket.look(item(10_000)).unwrap();
    assert_eq!(bucket.count().unwrap(), 0, "a look takes nothing");
    take(&bucket, 9_000).unwrap();
    retry_after(take(&bucket, 1_001));
    assert_eq!(bucket.count().unwrap(), 9_000);
    take(&bucket, 1_000).unwrap();
    assert_eq!(server.tell::<u64>(&["ZCARD", "{tidegate:test}:log"]), 2);
    assert_eq!(take(&bucket, 0).unwrap().weight, 0);
    assert_eq!(bucket.count().unwrap(), 10_000);
}

#[test]
fn the_rate_that_holds_back_most_is_named_and_the_wait_is_its() {
    let Some(server) = server(the_rate_that_holds_back_most_is_named_and_the_wait_is_its) else {
        return;
    };
    let (narrow, wide) = (Rate::new(2, Duration::from_secs(600)), Rate::new(3, HOUR));
    let bucket = bucket(&server, &[narrow, wide]);
    take(&bucket, 2).unwrap();
    let (wait, rate) = retry_after(take(&bucket, 1));
    assert!(wait <= narrow.interval() && rate == narrow);
    // Two more would be one too many for the wide one.
    let (wait, rate) = retry_after(take(&bucket, 2));
    assert!(wait > narrow.interval() && wait <= HOUR && rate == wide);
}

#[test]
fn those_who_wait_queue_in_order_until_the_queue_is_full() {
    let Some(server) = server(those_who_wait_queue_in_order_until_the_queue_is_full) else {
        return;
    };
    let builder = tidegate::RedisBucket::at(server.address(), "test").rate(Rate::new(2, HOUR));
    let bucket = builder.queue(3).open().unwrap();
    let first = take(&bucket, 2).unwrap();
    let second = bucket.put(item(2), 2 * HOUR).unwrap();
    assert_eq!(second.at, first.at.saturating_add(HOUR));
    assert!(second.wait > HOUR / 2 && second.wait <= HOUR);
    let third = bucket.put(item(1), Duration::MAX).unwrap();
    assert_eq!(third.at, second.at.saturating_add(HOUR));
    assert_eq!(bucket.queued().unwrap(), 3);
    match bucket.put(item(1), Duration::MAX) {
        Err(AcquireError::QueueFull {
            weight: 1,
            queue: 3,
            retry_after,
        }) => {
            assert!(
                retry_after <= HOUR && retry_after > HOUR / 2,
                "{retry_after:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    // Who leaves makes room, at the place that becomes free.
    bucket.give_back(b"", &third, 1).unwrap();
    let another = bucket.put(item(1), Duration::MAX).unwrap();
    assert_eq!(another.at, third.at);
}

#[test]
fn what_is_given_back_is_as_if_it_had_never_been_taken_however_often_that_is_said() {
    let Some(server) =
        server(what_is_given_back_is_as_if_it_had_never_been_taken_however_often_that_is_said)
    else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(10, HOUR)]);
    let mut grant = take(&bucket, 6).unwrap();
    let other = take(&bucket, 4).unwrap();
    for _ in 0..3 {
        bucket.give_back(b"", &grant, 2).unwrap();
        assert_eq!(bucket.count().unwrap(), 8);
    }
    grant.weight -= 2;
    retry_after(take(&bucket, 3));
    bucket.give_back(b"", &grant, 4).unwrap();
    bucket.give_back(b"", &grant, 4).unwrap();
    assert_eq!(bucket.count().unwrap(), 4);
    // The two voids have become one.
    assert_eq!(server.tell::<u64>(&["ZCARD", "{tidegate:test}:voids"]), 1);
    take(&bucket, 6).unwrap();
    bucket.give_back(b"", &other, 4).unwrap();
    bucket.give_back(b"", &other, 4).unwrap();
    take(&bucket, 4).unwrap();
    retry_after(take(&bucket, 1));
    let stranger = tidegate::Grant::new(1, 4, other.at, Duration::ZERO);
    bucket.give_back(b"", &stranger, 4).unwrap();
    assert_eq!(bucket.count().unwrap(), 10);
}

#[test]
fn the_voids_of_a_busy_user_who_takes_nothing_are_one() {
    let Some(server) = server(the_voids_of_a_busy_user_who_takes_nothing_are_one) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(2, HOUR)]);
    take(&bucket, 1).unwrap();
    for _ in 0..100 {
        let grant = take(&bucket, 1).unwrap();
        bucket.give_back(b"", &grant, 1).unwrap();
    }
    assert_eq!(server.tell::<u64>(&["ZCARD", "{tidegate:test}:voids"]), 1);
    assert_eq!(server.tell::<u64>(&["ZCARD", "{tidegate:test}:log"]), 1);
    assert_eq!(bucket.count().unwrap(), 1);
    take(&bucket, 1).unwrap();
    retry_after(take(&bucket, 1));
}

#[test]
fn a_peek_goes_back_permit_by_permit() {
    let Some(server) = server(a_peek_goes_back_permit_by_permit) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(5, HOUR)]);
    let (old, gone) = (take(&bucket, 2).unwrap(), take(&bucket, 1).unwrap());
    let new = take(&bucket, 2).unwrap();
    bucket.give_back(b"", &gone, 1).unwrap();
    let seen: Vec<_> = (0..5).map(|nth| bucket.peek(b"", nth).unwrap()).collect();
    let (old, new) = (Some(old.at), Some(new.at));
    assert_eq!(seen, [new, new, old, old, None]);
    assert_eq!(bucket.peek(b"", u64::MAX).unwrap(), None);
}

#[test]
fn usage_counts_each_window_by_itself() {
    let Some(server) = server(usage_counts_each_window_by_itself) else {
        return;
    };
    let rates = [Rate::new(3, Duration::from_millis(1)), Rate::new(50, HOUR)];
    let bucket = bucket(&server, &rates);
    for _ in 0..9 {
        while take(&bucket, 3).is_err() {}
    }
    std::thread::sleep(Duration::from_millis(2));
    let usage = bucket.usage(b"").unwrap();
    assert_eq!([usage[0].used, usage[1].used], [0, 27]);
    assert_eq!(usage[0].resets_in, Duration::ZERO);
    assert!(usage[1].resets_in > HOUR / 2 && usage[1].resets_in <= HOUR);
    assert_eq!(bucket.leak().unwrap(), 0, "they count in the wider window");
}

#[test]
fn names_are_apart_and_are_counted_flushed_and_disposed_of() {
    let Some(server) = server(names_are_apart_and_are_counted_flushed_and_disposed_of) else {
        return;
    };
    let bucket = keyed(&server, &[Rate::new(2, HOUR)]);
    let names: [&[u8]; 4] = [b"", b"a", b"\xff\x00{}\r\n", &[b'x'; MAX_KEY]];
    let put = |name, weight| bucket.put(Item { name, weight }, Duration::ZERO);
    for name in names {
        put(name, 2).unwrap();
        retry_after(put(name, 1));
    }
    assert_eq!(bucket.count().unwrap(), 8);
    assert!(bucket.dispose(b"a").unwrap());
    assert!(!bucket.dispose(b"a").unwrap());
    assert!(!bucket.dispose(b"never").unwrap());
    assert_eq!(bucket.count().unwrap(), 6);
    put(b"a", 1).unwrap();
    bucket.flush().unwrap();
    assert_eq!((bucket.count().unwrap(), bucket.queued().unwrap()), (0, 0));
    for name in names {
        assert_eq!(bucket.peek(name, 0).unwrap(), None);
        put(name, 2).unwrap();
    }
    let long = [b'x'; MAX_KEY + 1];
    assert!(matches!(
        put(&long, 1),
        Err(AcquireError::KeyTooLong { .. })
    ));
}

#[test]
fn what_was_given_before_a_flush_is_not_given_back_after_it() {
    let Some(server) = server(what_was_given_before_a_flush_is_not_given_back_after_it) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(2, HOUR)]);
    let before = take(&bucket, 2).unwrap();
    bucket.flush().unwrap();
    take(&bucket, 2).unwrap();
    bucket.give_back(b"", &before, 2).unwrap();
    retry_after(take(&bucket, 1));
}

#[test]
fn a_pause_holds_a_name_or_all_until_it_ends_or_is_ended() {
    let Some(server) = server(a_pause_holds_a_name_or_all_until_it_ends_or_is_ended) else {
        return;
    };
    let bucket = keyed(&server, &[Rate::new(9, HOUR)]);
    let put = |name, wait| bucket.put(Item { name, weight: 1 }, wait);
    let until = bucket.now().unwrap().saturating_add(HOUR);
    bucket.pause(Some(b"a"), until).unwrap();
    // A shorter one does not end a longer one.
    bucket.pause(Some(b"a"), bucket.now().unwrap()).unwrap();
    retry_after(put(b"a", Duration::ZERO));
    put(b"b", Duration::ZERO).unwrap();
    let grant = put(b"a", HOUR).unwrap();
    assert_eq!(grant.at, until);
    assert!(grant.paused > HOUR / 2 && grant.paused == grant.wait);
    assert!(bucket.paused(b"a").unwrap() > HOUR / 2);
    assert_eq!(bucket.paused(b"b").unwrap(), Duration::ZERO);
    assert!(bucket.resume(Some(b"a")).unwrap());
    assert!(!bucket.resume(Some(b"a")).unwrap());
    bucket.give_back(b"a", &grant, 1).unwrap();
    put(b"a", Duration::ZERO).unwrap();

    bucket.pause(None, until).unwrap();
    retry_after(put(b"b", Duration::ZERO));
    assert!(bucket.paused(b"new").unwrap() > HOUR / 2);
    assert!(bucket.resume(None).unwrap());
    assert!(!bucket.resume(None).unwrap());
    put(b"b", Duration::ZERO).unwrap();

    for name in [None, Some(b"a".as_slice())] {
        let far = Timestamp::from_micros(u64::MAX);
        let refused = bucket.pause(name, far).unwrap_err();
        assert!(matches!(refused, PauseError::TooLong { .. }), "{refused}");
    }
}

#[test]
fn a_log_forgets_what_does_not_count_and_expires_with_all_else_but_the_rates() {
    let Some(server) =
        server(a_log_forgets_what_does_not_count_and_expires_with_all_else_but_the_rates)
    else {
        return;
    };
    let bucket = keyed(&server, &[Rate::new(1_000_000, Duration::from_millis(20))]);
    let put = |name| {
        bucket
            .put(Item { name, weight: 1 }, Duration::ZERO)
            .unwrap()
    };
    let mut longest = 0;
    let mut fastest = 0;
    for _ in 0..40 {
        let (started, mut puts) = (bucket.now().unwrap(), 0);
        while bucket.now().unwrap().duration_since(started) < Duration::from_millis(20) {
            put(b"a");
            puts += 1;
        }
        fastest = fastest.max(puts);
        longest = longest.max(server.tell::<u64>(&["ZCARD", "{tidegate:test}:log:a"]));
    }
    assert!(
        longest <= 3 * fastest + 50,
        "{longest} members, {fastest} in a window"
    );
    let given = put(b"b");
    put(b"b");
    bucket.give_back(b"b", &given, 1).unwrap();
    super::common::eventually("all but the rates to expire", || {
        server.tell::<Vec<String>>(&["KEYS", "*"]) == ["{tidegate:test}:terms"]
    });
    assert_eq!(bucket.count().unwrap(), 0);
    bucket.remove().unwrap();
    assert_eq!(server.tell::<Vec<String>>(&["KEYS", "*"]), [""; 0]);
}

#[test]
fn leaking_forgets_what_does_not_count_at_once() {
    let Some(server) = server(leaking_forgets_what_does_not_count_at_once) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(5_000, Duration::from_millis(400))]);
    for _ in 0..10 {
        take(&bucket, 3).unwrap();
    }
    super::common::eventually("the permits to count no more", || {
        bucket.count().unwrap() == 0
    });
    let kept = server.tell::<u64>(&["ZCARD", "{tidegate:test}:log"]);
    assert_eq!(bucket.leak().unwrap(), 3 * kept);
    assert_eq!(bucket.leak().unwrap(), 0);
}

#[test]
fn what_can_never_be_granted_says_so() {
    let Some(server) = server(what_can_never_be_granted_says_so) else {
        return;
    };
    let bucket = bucket(
        &server,
        &[Rate::new(2, Duration::from_secs(1)), Rate::new(9, HOUR)],
    );
    for weight in [3, u64::MAX] {
        match bucket.put(item(weight), Duration::MAX) {
            Err(AcquireError::WeightTooLarge { weight: told, rate }) => {
                assert_eq!((told, rate.limit()), (weight, 2));
            }
            other => panic!("{other:?}"),
        }
    }
}
