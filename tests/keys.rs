//! Many keys in one segment.

use std::collections::BTreeSet;
use std::time::Duration;
use tidegate::{
    AcquireError, Builder, Leaker, Limiter, MAX_KEY, MemoryBucket, OpenError, Pass, Rate,
};

fn long() -> Builder<MemoryBucket> {
    Limiter::in_memory().rate(Rate::new(2, Duration::from_secs(3600)))
}

fn labels(limiter: &Limiter) -> BTreeSet<Vec<u8>> {
    limiter
        .buckets()
        .unwrap()
        .map(|bucket| bucket.label)
        .collect()
}

#[test]
fn each_key_has_the_whole_of_the_rates_to_itself() {
    let limiter = long().keys(10).open().unwrap();
    for key in ["a", "b", ""] {
        for _ in 0..2 {
            limiter.try_acquire(key).unwrap();
        }
        assert!(matches!(
            limiter.try_acquire(key),
            Err(AcquireError::Limited { .. })
        ));
        assert_eq!(limiter.bucket(key).count().unwrap(), 2);
    }
    assert_eq!(limiter.count().unwrap(), 6);
    assert_eq!(
        labels(&limiter),
        BTreeSet::from([vec![], b"a".to_vec(), b"b".to_vec()])
    );
}

#[test]
fn keys_are_any_bytes_up_to_the_longest_and_told_apart_by_their_last() {
    let limiter = long().keys(10).open().unwrap();
    let mut longest = vec![7; MAX_KEY];
    for last in [0, 1] {
        longest[MAX_KEY - 1] = last;
        limiter.try_acquire_n(&longest, 2).unwrap();
    }
    let labels: Vec<_> = limiter.buckets().unwrap().collect();
    assert_eq!(labels.len(), 2);
    assert!(
        labels
            .iter()
            .all(|bucket| bucket.label == [7; 71] && !bucket.is_whole)
    );
    longest.push(0);
    match limiter.try_acquire(&longest) {
        Err(AcquireError::KeyTooLong { length }) => assert_eq!(length, MAX_KEY + 1),
        other => panic!("{other:?}"),
    }
    assert!(limiter.bucket(&longest).try_acquire().is_err());
}

#[test]
fn a_full_directory_says_so_counts_it_and_leaves_those_in_it_alone() {
    let limiter = long().keys(3).open().unwrap();
    for key in ["a", "b", "c"] {
        limiter.try_acquire(key).unwrap();
    }
    for _ in 0..5 {
        match limiter.try_acquire("d") {
            Err(AcquireError::Full { keys }) => assert_eq!(keys, 3),
            other => panic!("{other:?}"),
        }
    }
    let keys = limiter.inspect().unwrap().keys.unwrap();
    assert_eq!((keys.limit, keys.used, keys.full_refusals), (3, 3, 5));
    for key in ["a", "b", "c"] {
        limiter.try_acquire(key).unwrap();
        assert!(limiter.try_acquire(key).is_err());
    }
    assert!(limiter.dispose("b").unwrap());
    assert!(!limiter.dispose("b").unwrap());
    limiter.try_acquire_n("d", 2).unwrap();
    assert!(matches!(
        limiter.try_acquire("b"),
        Err(AcquireError::Full { .. })
    ));
}

#[test]
fn a_key_that_is_idle_gives_its_bucket_to_one_that_needs_it() {
    let rate = Rate::new(1, Duration::from_millis(2));
    let limiter = Limiter::in_memory().rate(rate).keys(2).open().unwrap();
    let first = limiter.bucket("0");
    for round in 0..50 {
        let key = round.to_string();
        // Another way to be idle than to wait.
        limiter.flush().unwrap();
        limiter.try_acquire(&key).unwrap();
        assert!(limiter.try_acquire(&key).is_err());
    }
    limiter.flush().unwrap();
    first.try_acquire().unwrap();
    assert!(limiter.inspect().unwrap().keys.unwrap().evictions >= 48);
}

#[test]
fn a_handle_follows_its_key_through_evictions_and_disposals() {
    let limiter = long().keys(1).open().unwrap();
    let (a, b) = (limiter.bucket("a"), limiter.bucket("b"));
    for _ in 0..5000 {
        a.try_acquire_n(2).unwrap();
        assert!(a.try_acquire().is_err());
        assert!(matches!(b.try_acquire(), Err(AcquireError::Full { .. })));
        assert!(limiter.dispose("a").unwrap());
        b.try_acquire_n(2).unwrap();
        assert!(limiter.dispose("b").unwrap());
    }
    assert_eq!((a.count().unwrap(), b.count().unwrap()), (0, 0));
}

#[test]
fn a_handle_refuses_as_its_limiter_does_and_lets_pass_in_a_dry_run() {
    let limiter = long().keys(1).open().unwrap();
    let handle = limiter.bucket("a");
    handle.try_acquire_n(2).unwrap();
    let refused = [handle.try_acquire(), limiter.try_acquire("a")].map(|answer| match answer {
        Err(AcquireError::Limited { retry_after, rate }) => (retry_after, rate),
        answer => panic!("{answer:?}"),
    });
    assert!(refused[0].0 >= refused[1].0, "the second call was later");
    assert_eq!(refused[0].1, refused[1].1);

    let limiter = long().keys(1).dry_run().open().unwrap();
    let handle = limiter.bucket("a");
    handle.try_acquire_n(2).unwrap();
    assert_eq!(handle.try_acquire().unwrap().weight(), 0);
    assert_eq!(limiter.would_have_refused(), 1);
}

#[test]
fn the_leak_process_evicts_keys_that_are_idle() {
    let rate = Rate::new(1, Duration::from_millis(1));
    let limiter = Limiter::in_memory().rate(rate).keys(2000).open().unwrap();
    for key in 0..2000_u32 {
        limiter.try_acquire(key.to_le_bytes()).unwrap();
    }
    std::thread::sleep(Duration::from_millis(5));
    let Pass::Led { evicted, .. } = Leaker::new(&limiter).pass().unwrap() else {
        panic!("nobody else leads");
    };
    // Those that were in the way of the last may have gone before.
    let keys = limiter.inspect().unwrap().keys.unwrap();
    assert_eq!((keys.used, keys.evictions), (0, 2000));
    assert!(evicted > 0 && labels(&limiter).is_empty());
}

#[test]
fn keys_must_fit_a_segment_and_agree_with_the_one_that_is_there() {
    for keys in [0, 1 << 31, u64::MAX] {
        let error = long().keys(keys).open().unwrap_err();
        assert!(matches!(error, OpenError::Keys { .. }), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = || {
        let path = folder.path().join("segment");
        Limiter::at(path).rate(Rate::per_hour(2))
    };
    at().keys(9).open().unwrap().try_acquire("a").unwrap();
    assert_eq!(at().keys(9).open().unwrap().bucket("a").count().unwrap(), 1);
    for other in [at(), at().keys(8)] {
        let error = other.open().unwrap_err();
        assert!(matches!(error, OpenError::OptionDiffers { .. }), "{error}");
    }
    assert_eq!(at().adopt().open().unwrap().bucket("a").count().unwrap(), 1);
}

#[test]
fn a_segment_takes_what_it_said_and_at_most_300_bytes_a_key_beside_the_permits() {
    for (limit, keys) in [(10, 1), (60, 1000), (1000, 4097), (10_000, 100)] {
        let builder = Limiter::in_memory()
            .rate(Rate::per_minute(limit))
            .keys(keys)
            .processes(0);
        let size = builder.segment_size().unwrap();
        let limiter = builder.open().unwrap();
        let slots = limiter.inspect().unwrap().capacity;
        assert!(
            size <= 4096 + 128 + 768 + keys * (300 + 8 * slots),
            "{limit} {keys}"
        );
        assert!(slots < 4 * limit.max(8));
    }
}

#[test]
fn a_weight_that_can_never_be_granted_is_told_of_a_new_key_as_of_a_known_one() {
    let limiter = Limiter::in_memory()
        .rate(Rate::per_hour(2))
        .keys(2)
        .open()
        .unwrap();
    limiter.try_acquire("known").unwrap();
    for key in ["known", "new"] {
        let told = limiter.waiting(key, 3);
        assert!(
            matches!(told, Err(AcquireError::WeightTooLarge { weight: 3, .. })),
            "{told:?}"
        );
    }
    assert_eq!(limiter.waiting("new", 2).unwrap(), Duration::ZERO);
}

#[test]
fn a_key_s_queue_is_as_long_as_its_limit_or_half_of_what_its_bucket_has_beside_it() {
    let hour = Duration::from_secs(3600);
    let open = |limit| Limiter::in_memory().rate(Rate::new(limit, hour)).keys(1);
    for (limit, queue, capacity) in [(1, 7, 16), (2, 7, 16), (4, 6, 16), (8, 8, 16), (9, 11, 32)] {
        let seen = open(limit).open().unwrap().inspect().unwrap();
        assert_eq!((seen.queue, seen.capacity), (queue, capacity));
    }
    let limiter = open(2).open().unwrap();
    let waits: Vec<_> = (0..9)
        .map(|_| limiter.reserve("a", 1, Duration::MAX).unwrap())
        .collect();
    match limiter.acquire("a") {
        Err(AcquireError::QueueFull { queue, .. }) => assert_eq!(queue, 7),
        other => panic!("{other:?}"),
    }
    drop(waits);
    let seen = open(2).capacity(64).open().unwrap().inspect().unwrap();
    assert_eq!((seen.queue, seen.capacity), (31, 64));
    assert!(open(40).capacity(64).open().is_err());
}

#[test]
fn a_handle_made_after_its_key_was_disposed_of_takes_nothing_of_the_closed_bucket() {
    let rate = Rate::new(3, Duration::from_secs(3600));
    let limiter = Limiter::in_memory().rate(rate).keys(2).open().unwrap();
    limiter.try_acquire("a").unwrap();
    assert!(limiter.dispose("a").unwrap());
    let handle = limiter.bucket("a");
    let by_handle = (0..9).filter(|_| handle.try_acquire().is_ok()).count();
    let by_name = (0..9).filter(|_| limiter.try_acquire("a").is_ok()).count();
    assert_eq!(by_handle + by_name, 3);
}
