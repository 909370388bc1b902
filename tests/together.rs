//! Requests that must pass several limits, and factories that choose among them.

use std::time::{Duration, Instant};
use tidegate::{
    AcquireError, BucketFactory, Limiter, Rate, RefusedTogether, Request, Router, acquire_all,
    try_acquire_all,
};

fn limiter(limit: u64, interval: Duration) -> Limiter {
    let builder = Limiter::in_memory().rate(Rate::new(limit, interval));
    builder.keys(100).open().unwrap()
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_host_that_always_refuses_costs_the_global_limit_nothing() {
    let (hosts, all) = (limiter(1, HOUR), limiter(5, HOUR));
    let ask = |host: &'static str| try_acquire_all(&[all.request("", 1), hosts.request(host, 1)]);
    ask("busy").unwrap();
    for _ in 0..1000 {
        let RefusedTogether { index, error } = ask("busy").unwrap_err();
        assert_eq!(index, 1);
        assert!(matches!(error, AcquireError::Limited { .. }), "{error}");
    }
    assert_eq!(all.count().unwrap(), 1);
    for host in ["a", "b", "c", "d"] {
        ask(host).unwrap();
    }
    assert_eq!(ask("e").unwrap_err().index, 0);
    assert_eq!(
        hosts.bucket("e").count().unwrap(),
        0,
        "nothing was taken of the host"
    );
}

#[test]
fn all_or_none_under_contention_and_no_window_is_ever_over() {
    let (tokens, requests) = (limiter(64, HOUR), limiter(1000, HOUR));
    let granted: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (tokens, requests) = (&tokens, &requests);
                scope.spawn(move || {
                    // Each other one asks in the other order.
                    let both = |weight| {
                        let (a, b) = (tokens.request("", weight), requests.request("", 1));
                        if thread % 2 == 0 { [a, b] } else { [b, a] }
                    };
                    (0..500)
                        .map(|turn| 1 + turn % 3)
                        .filter(|&weight| try_acquire_all(&both(weight)).is_ok())
                        .sum::<u64>()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert!(granted <= 64);
    assert_eq!(tokens.count().unwrap(), granted);
    // What was given back is as if it had never been taken: the rest is to be had.
    for _ in granted..64 {
        try_acquire_all(&[tokens.request("", 1), requests.request("", 1)]).unwrap();
    }
    assert!(tokens.try_acquire("").is_err());
}

#[test]
fn all_that_wait_together_go_when_the_slowest_is_ready() {
    let (slow, fast) = (
        limiter(1, Duration::from_millis(30)),
        limiter(1, Duration::from_millis(10)),
    );
    let mut stamps = Vec::new();
    for _ in 0..4 {
        let both = [fast.request("", 1), slow.request("", 1)];
        let permits = acquire_all(&both, Duration::from_secs(30)).unwrap();
        stamps.push((permits[0].at(), permits[1].at()));
    }
    for pair in stamps.windows(2) {
        assert!(pair[1].0.duration_since(pair[0].0) >= Duration::from_millis(10));
        assert!(pair[1].1.duration_since(pair[0].1) >= Duration::from_millis(30));
    }
    assert!(slow.queued().unwrap() == 0 && fast.queued().unwrap() == 0);
}

#[test]
fn who_would_wait_too_long_for_one_of_them_fails_at_once_and_takes_nothing() {
    let (hour, second) = (limiter(1, HOUR), limiter(3, Duration::from_secs(1)));
    hour.try_acquire("").unwrap();
    let started = Instant::now();
    let both = [second.request("", 1), hour.request("", 1)];
    let refused = acquire_all(&both, Duration::from_secs(1000)).unwrap_err();
    assert_eq!(refused.index, 1);
    assert!(started.elapsed() < Duration::from_secs(900));
    assert_eq!(second.count().unwrap(), 0);
    let too_heavy = try_acquire_all(&[second.request("", 1), second.request("new", 4)]);
    assert!(matches!(
        too_heavy,
        Err(RefusedTogether {
            index: 1,
            error: AcquireError::WeightTooLarge { .. }
        })
    ));
    assert_eq!(second.count().unwrap(), 0);
    assert!(try_acquire_all(&[]).unwrap().is_empty());
}

#[test]
fn one_limit_may_be_asked_twice_for_two_keys_or_for_one() {
    let hosts = limiter(2, HOUR);
    let ask = |requests: &[Request<'_, '_>]| try_acquire_all(requests).map(drop);
    ask(&[hosts.request("a", 1), hosts.request("b", 1)]).unwrap();
    ask(&[hosts.request("c", 1), hosts.request("c", 1)]).unwrap();
    // Each alone would pass, both together not: the first is given back.
    assert_eq!(
        ask(&[hosts.request("a", 1), hosts.request("a", 1)])
            .unwrap_err()
            .index,
        1
    );
    assert_eq!(hosts.bucket("a").count().unwrap(), 1);
    hosts.bucket("a").try_acquire().unwrap();
}

#[test]
fn several_that_ask_one_bucket_wait_until_it_holds_all_of_them_or_fail_at_once() {
    // However late it wakes, it goes: who queues again gives a place back.
    let builder = Limiter::in_memory().rate(Rate::new(3, Duration::from_millis(50)));
    let hosts = builder.keys(100).lateness(HOUR).open().unwrap();
    hosts.try_acquire("a").unwrap();
    // Alone each could go now.
    let requests = [
        hosts.request("a", 1),
        hosts.request("b", 1),
        hosts.request("a", 2),
    ];
    let permits = acquire_all(&requests, Duration::MAX).unwrap();
    let weights: Vec<_> = permits.iter().map(tidegate::Permit::weight).collect();
    assert_eq!(weights, [1, 1, 2]);
    let taken = hosts.inspect().unwrap().reserved;
    assert_eq!(taken, 1 + 4, "it took nothing that it gave back");
    let [first, _, last] = <[_; 3]>::try_from(permits).unwrap();
    assert!(first.at() <= last.at());

    // What each could have, and no window holds together.
    let requests = [hosts.request("c", 2), hosts.request("c", 2)];
    for refused in [
        try_acquire_all(&requests).unwrap_err(),
        acquire_all(&requests, Duration::MAX).unwrap_err(),
    ] {
        assert_eq!(refused.index, 1);
        let reason = refused.error;
        assert!(
            matches!(reason, AcquireError::WeightTooLarge { weight: 4, .. }),
            "{reason}"
        );
    }
}

#[test]
fn each_of_several_that_ask_one_bucket_gets_permits_of_its_own_to_give_back() {
    let hour = Limiter::in_memory().rate(Rate::new(6, HOUR));
    let hour = hour.open().unwrap();
    // Without keys, all names are one.
    let requests = [
        hour.request("a", 1),
        hour.request("b", 2),
        hour.request("c", 3),
    ];
    let mut permits = try_acquire_all(&requests).unwrap();
    assert!(hour.try_acquire("").is_err());
    permits.remove(1).refund();
    assert_eq!(hour.count().unwrap(), 4);
    permits.remove(0).refund();
    permits.remove(0).refund();
    assert_eq!(hour.count().unwrap(), 0);
}

#[test]
fn a_dry_run_beside_a_strict_request_of_the_same_bucket_neither_refuses_it_nor_lets_it_pass() {
    let strict = Limiter::in_memory().rate(Rate::new(1, HOUR));
    let strict = strict.open().unwrap();
    let dry = strict.clone().dry_run();
    let requests = [strict.request("", 1), dry.request("", 1)];
    let permits = acquire_all(&requests, Duration::ZERO).unwrap();
    let weights: Vec<u64> = permits.iter().map(|permit| permit.weight()).collect();
    assert_eq!((weights, dry.would_have_refused()), (vec![1, 0], 1));
    strict.flush().unwrap();
    // Whichever is first: the strict one has what there is.
    let permits = acquire_all(&[dry.request("", 1), strict.request("", 1)], HOUR).unwrap();
    let weights: Vec<u64> = permits.iter().map(|permit| permit.weight()).collect();
    assert_eq!((weights, dry.would_have_refused()), (vec![0, 1], 2));
    let refused = try_acquire_all(&[dry.request("", 1), strict.request("", 1)]);
    assert_eq!(refused.unwrap_err().index, 1);
}

#[test]
fn two_limiters_of_one_segment_are_asked_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("segment");
    let open = || {
        Limiter::at(&at)
            .rate(Rate::new(2, HOUR))
            .keys(4)
            .open()
            .unwrap()
    };
    let (one, other) = (open(), open());
    try_acquire_all(&[one.request("a", 1), other.request("a", 1)]).unwrap();
    let refused = try_acquire_all(&[one.request("b", 1), other.request("b", 2)]).unwrap_err();
    let sum = matches!(
        refused.error,
        AcquireError::WeightTooLarge { weight: 3, .. }
    );
    assert!(sum && refused.index == 1, "{refused}");
    // Of two keys, each has its own.
    try_acquire_all(&[one.request("c", 2), other.request("d", 2)]).unwrap();
}

#[test]
fn a_router_sends_each_name_to_its_limiter_and_the_rest_to_the_default() {
    let router = Router::new(
        limiter(1, HOUR),
        [limiter(2, HOUR), limiter(3, HOUR)],
        |name| match name {
            [b'a', ..] => Some(0),
            [b'b', ..] => Some(1),
            [b'x', ..] => Some(99),
            _ => None,
        },
    );
    for (name, limit) in [("apple", 2), ("berry", 3), ("cherry", 1), ("xylitol", 1)] {
        for _ in 0..limit {
            router.try_acquire(name).unwrap();
        }
        assert!(router.try_acquire(name).is_err(), "{name}");
    }
}
