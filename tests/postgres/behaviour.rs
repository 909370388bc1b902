//! What a bucket in PostgreSQL answers, and what that costs.

use super::common::{eventually, model};
use super::{HOUR, item, own_server, retry_after, stage, take};
use std::time::Duration;
use tidegate::{
    AcquireError, Bucket, Grant, Item, MAX_INTERVAL, MAX_KEY, PauseError, Rate, Timestamp,
};

#[test]
fn whatever_is_asked_it_answers_as_a_plain_list_of_permits_would() {
    let Some(stage) = stage(whatever_is_asked_it_answers_as_a_plain_list_of_permits_would) else {
        return;
    };
    let builder = stage.builder(&model::rates());
    model::compare(&builder.queue(model::QUEUE).open().unwrap(), 2_000);
}

#[test]
fn all_of_a_weight_is_taken_or_nothing_and_it_costs_one_row() {
    let Some(stage) = stage(all_of_a_weight_is_taken_or_nothing_and_it_costs_one_row) else {
        return;
    };
    let bucket = stage.bucket(&[Rate::new(10_000, HOUR)]);
    bucket.look(item(10_000)).unwrap();
    assert_eq!(bucket.count().unwrap(), 0, "a look takes nothing");
    let before = bucket.now().unwrap();
    let grant = take(&bucket, 9_000).unwrap();
    assert!(before <= grant.at && grant.at <= bucket.now().unwrap());
    assert_eq!((grant.wait, grant.paused), (Duration::ZERO, Duration::ZERO));
    retry_after(take(&bucket, 1_001));
    assert_eq!(bucket.count().unwrap(), 9_000);
    take(&bucket, 1_000).unwrap();
    let rows = stage.number("SELECT count(*) FROM tidegate.grants WHERE name IN MINE");
    assert_eq!(rows, 2);
    assert_eq!(take(&bucket, 0).unwrap().weight, 0);
    assert_eq!(bucket.count().unwrap(), 10_000);
    let (wait, rate) = retry_after(take(&bucket, 1));
    assert!(wait <= HOUR && wait > HOUR / 2, "{wait:?}");
    assert_eq!(rate, Rate::new(10_000, HOUR));
}

#[test]
fn what_can_never_be_granted_says_so() {
    let Some(stage) = stage(what_can_never_be_granted_says_so) else {
        return;
    };
    let bucket = stage.bucket(&[Rate::new(2, Duration::from_secs(1)), Rate::new(9, HOUR)]);
    for weight in [3, u64::MAX] {
        match bucket.put(item(weight), Duration::MAX) {
            Err(AcquireError::WeightTooLarge { weight: told, rate }) => {
                assert_eq!((told, rate.limit()), (weight, 2));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_rate_that_holds_back_most_is_named_and_the_wait_is_its() {
    let Some(stage) = stage(the_rate_that_holds_back_most_is_named_and_the_wait_is_its) else {
        return;
    };
    let (narrow, wide) = (Rate::new(2, Duration::from_secs(600)), Rate::new(3, HOUR));
    let bucket = stage.bucket(&[narrow, wide]);
    take(&bucket, 2).unwrap();
    let (wait, rate) = retry_after(take(&bucket, 1));
    assert!(wait <= narrow.interval() && rate == narrow);
    // With two more, the wide one would hold one too many.
    let (wait, rate) = retry_after(take(&bucket, 2));
    assert!(wait > narrow.interval() && wait <= HOUR && rate == wide);
}

#[test]
fn permits_are_given_back_once_and_by_nobody_else() {
    let Some(stage) = stage(permits_are_given_back_once_and_by_nobody_else) else {
        return;
    };
    let bucket = stage.bucket(&[Rate::new(10, HOUR)]);
    let grant = take(&bucket, 6).unwrap();
    let other = take(&bucket, 4).unwrap();
    for left in [8, 6, 4, 4, 4] {
        bucket.give_back(b"", &grant, 2).unwrap();
        assert_eq!(bucket.count().unwrap(), left);
    }
    for stranger in [
        Grant::new(1, 4, other.at, Duration::ZERO).in_place(other.place),
        Grant::new(other.id, 4, other.at, Duration::ZERO).in_place(other.place + 1),
        Grant::new(u64::MAX, 4, other.at, Duration::ZERO).in_place(u64::MAX),
    ] {
        bucket.give_back(b"", &stranger, 4).unwrap();
        assert_eq!(bucket.count().unwrap(), 4);
    }
    bucket.flush().unwrap();
    take(&bucket, 10).unwrap();
    bucket.give_back(b"", &other, 4).unwrap();
    retry_after(take(&bucket, 1));
}

#[test]
fn names_are_apart_and_are_counted_flushed_and_disposed_of() {
    let Some(stage) = stage(names_are_apart_and_are_counted_flushed_and_disposed_of) else {
        return;
    };
    let bucket = stage.keyed(&[Rate::new(2, HOUR)]);
    let (long, longer) = (vec![b'x'; MAX_KEY], vec![b'x'; MAX_KEY - 1]);
    let names: [&[u8]; 5] = [b"", b"a", b"\xff\x00{}\r\n", &long, &longer];
    let put = |name, weight| bucket.put(Item { name, weight }, Duration::ZERO);
    for name in names {
        put(name, 2).unwrap();
        retry_after(put(name, 1));
    }
    assert_eq!(bucket.count().unwrap(), 10);
    assert!(bucket.dispose(b"a").unwrap());
    assert!(!bucket.dispose(b"a").unwrap());
    assert_eq!(bucket.count().unwrap(), 8);
    put(b"a", 1).unwrap();
    bucket.flush().unwrap();
    assert_eq!((bucket.count().unwrap(), bucket.queued().unwrap()), (0, 0));
    for name in names {
        assert_eq!(bucket.peek(name, 0).unwrap(), None);
        put(name, 2).unwrap();
    }
    let too_long = vec![b'x'; MAX_KEY + 1];
    let refused = put(&too_long, 1).unwrap_err();
    assert!(
        matches!(refused, AcquireError::KeyTooLong { .. }),
        "{refused}"
    );
}

#[test]
fn a_pause_holds_a_name_or_all_until_it_ends_or_is_ended() {
    let Some(stage) = stage(a_pause_holds_a_name_or_all_until_it_ends_or_is_ended) else {
        return;
    };
    let bucket = stage.keyed(&[Rate::new(9, HOUR)]);
    let put = |name, wait| bucket.put(Item { name, weight: 1 }, wait);
    let until = bucket.now().unwrap().saturating_add(HOUR);
    bucket.pause(Some(b"a"), until).unwrap();
    // A shorter one does not end a longer one.
    let soon = bucket.now().unwrap().saturating_add(HOUR / 2);
    bucket.pause(Some(b"a"), soon).unwrap();
    retry_after(put(b"a", Duration::ZERO));
    put(b"b", Duration::ZERO).unwrap();
    let grant = put(b"a", HOUR).unwrap();
    assert_eq!(grant.at, until);
    assert!(grant.paused > HOUR / 2 && grant.paused == grant.wait);
    assert!(bucket.paused(b"a").unwrap() > HOUR / 2);
    assert_eq!(bucket.paused(b"b").unwrap(), Duration::ZERO);
    // Nor does a flush.
    bucket.flush().unwrap();
    retry_after(put(b"a", Duration::ZERO));
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
        match bucket.pause(name, far).unwrap_err() {
            PauseError::TooLong { longest, .. } => assert_eq!(longest, MAX_INTERVAL),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn rows_that_do_not_count_go_as_others_come() {
    let Some(stage) = stage(rows_that_do_not_count_go_as_others_come) else {
        return;
    };
    let bucket = stage.bucket(&[Rate::new(1_000_000, Duration::from_millis(20))]);
    let mut given_back = None;
    for _ in 0..600 {
        let grant = take(&bucket, 1).unwrap();
        let old = given_back.replace(grant);
        if let Some(old) = old {
            bucket.give_back(b"", &old, 1).unwrap();
        }
    }
    let rows = "SELECT count(*) FROM tidegate.grants WHERE name IN MINE";
    let gaps = "SELECT count(*) FROM tidegate.gaps WHERE name IN MINE";
    assert!(stage.number(rows) < 200, "{}", stage.number(rows));
    assert!(stage.number(gaps) < 200, "{}", stage.number(gaps));
}

#[test]
fn leaking_forgets_what_does_not_count_and_names_that_are_idle() {
    let Some(stage) = stage(leaking_forgets_what_does_not_count_and_names_that_are_idle) else {
        return;
    };
    let bucket = stage.keyed(&[Rate::new(5, Duration::from_millis(300))]);
    for name in 0..40_u8 {
        for weight in [2, 1] {
            bucket
                .put(
                    Item {
                        name: &[name],
                        weight,
                    },
                    Duration::ZERO,
                )
                .unwrap();
        }
    }
    let grant = bucket
        .put(
            Item {
                name: b"x",
                weight: 4,
            },
            Duration::ZERO,
        )
        .unwrap();
    bucket.give_back(b"x", &grant, 1).unwrap();
    let until = bucket.now().unwrap().saturating_add(HOUR);
    bucket.pause(Some(b"paused"), until).unwrap();
    let mut leaked = 0;
    eventually("all to be forgotten", || {
        leaked += bucket.leak().unwrap();
        stage.number("SELECT count(*) FROM tidegate.names WHERE id IN MINE") == 1
    });
    assert_eq!(leaked, 40 * 3 + 3);
    let rows = "SELECT count(*) FROM tidegate.grants WHERE name IN MINE";
    assert_eq!(stage.number(rows), 0);
    assert!(bucket.paused(b"paused").unwrap() > HOUR / 2);
}

#[test]
fn idle_names_go_as_others_come() {
    let Some(stage) = stage(idle_names_go_as_others_come) else {
        return;
    };
    let bucket = stage.keyed(&[Rate::new(1, Duration::from_millis(2))]);
    for name in 0..500_u32 {
        let name = &name.to_be_bytes();
        bucket
            .put(Item { name, weight: 1 }, Duration::ZERO)
            .unwrap();
    }
    let names = stage.number("SELECT count(*) FROM tidegate.names WHERE id IN MINE");
    assert!(names < 200, "{names}");
}

#[test]
fn a_put_reads_as_few_rows_of_many_as_of_few() {
    let Some(stage) = own_server(a_put_reads_as_few_rows_of_many_as_of_few, &[]) else {
        return;
    };
    const PUTS: u64 = 50;
    let rates = [Rate::new(1_000_000, HOUR), Rate::new(1_500_000, 2 * HOUR)];
    take(&stage.bucket(&rates), 5).unwrap();
    // As if 200,000 had come after it, of whose five permits each had given one back.
    stage.tell(
        "INSERT INTO tidegate.grants
             SELECT g.name, 5 * i, g.at, g.decided, 0, 5, 1
             FROM tidegate.grants g, generate_series(2, 200000) i WHERE g.name IN MINE;
         INSERT INTO tidegate.gaps
             SELECT n.id, 5 * i - 1, 4 * i, i - 1
             FROM tidegate.names n, generate_series(2, 200000) i WHERE n.id IN MINE;
         UPDATE tidegate.names SET voided = 1000000 WHERE id IN MINE",
    );
    let bucket = stage.bucket(&rates);
    assert_eq!(bucket.count().unwrap(), 800_001);
    bucket.close().unwrap();
    let read = || {
        eventually("the bucket's connections to be gone", || {
            let theirs =
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tidegate'";
            stage.number(theirs) == 0
        });
        stage.number(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
             FROM pg_stat_user_tables WHERE schemaname = 'tidegate'",
        )
    };
    let before = read();
    let bucket = stage.bucket(&rates);
    for _ in 0..PUTS {
        let grant = take(&bucket, 100).unwrap();
        retry_after(take(&bucket, 250_000));
        bucket.give_back(b"", &grant, 1).unwrap();
        bucket.usage(b"").unwrap();
    }
    bucket.close().unwrap();
    let rows = read() - before;
    assert!(rows < PUTS * 500, "{} rows for each", rows / PUTS);
}
