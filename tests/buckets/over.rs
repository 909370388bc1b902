//! Limiters over buckets of any kind.

use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate::{
    AcquireError, AsyncBucket, Blocking, Bucket, BucketError, DebitError, Item, Leaker, Limiter,
    MemoryBucket, Offload, Outcome, Pass, Rate, RefundError, acquire_all, try_acquire_all,
};
use tokio::runtime::{Builder, Handle};

const HOUR: Duration = Duration::from_secs(3600);

fn bucket(limit: u64) -> MemoryBucket {
    let builder = Limiter::in_memory().rate(Rate::new(limit, HOUR));
    builder.keys(16).open_bucket().unwrap()
}

/// The same thing over a bucket, and over an async one.
fn both(limit: u64) -> [Limiter; 2] {
    let over_async = Limiter::over_async(Offload::new(bucket(limit)));
    [Limiter::over(bucket(limit)), over_async]
}

fn is_limited<T>(answer: Result<T, AcquireError>) -> bool {
    matches!(answer, Err(AcquireError::Limited { .. }))
}

#[test]
fn permits_are_taken_reserved_charged_and_given_back() {
    for limiter in both(5) {
        let mut permit = limiter.try_acquire_n("a", 3).unwrap();
        assert!(permit.at() <= limiter.now().unwrap());
        permit.refund_n(1).unwrap();
        let refused = permit.refund_n(3);
        assert!(matches!(
            refused,
            Err(RefundError::TooMuch { weight: 3, held: 2 })
        ));
        // What is left to a task is done before long.
        limiter.acquire_n("a", 2).unwrap();
        assert_eq!(limiter.usage("a").unwrap()[0].used, 4);
        let place = limiter.reserve("a", 5, HOUR * 2).unwrap();
        assert!(place.waiting() > HOUR / 2 && place.waiting() <= HOUR);
        assert!(place.ready_at() > limiter.now().unwrap());
        let kept = place.keep();
        assert!(is_limited(limiter.try_acquire("a")));
        kept.refund();
        let begun = Instant::now();
        while limiter.usage("a").unwrap()[0].used != 4 {
            assert!(begun.elapsed() < HOUR / 60, "nothing was given back");
        }
        assert!(limiter.debit("a", 3).unwrap() > HOUR / 2);
        assert!(matches!(
            limiter.debit("a", 1 << 40),
            Err(DebitError::TooMuch { .. })
        ));
        assert_eq!(limiter.count().unwrap(), 7);
        assert!(limiter.dispose("a").unwrap());
        assert_eq!(limiter.count().unwrap(), 0);
        let handle = limiter.bucket("b");
        handle.try_acquire_n(5).unwrap();
        assert_eq!(
            (
                handle.count().unwrap(),
                handle.waiting(1).unwrap() > HOUR / 2
            ),
            (5, true)
        );
        handle.flush().unwrap();
        assert_eq!(handle.count().unwrap(), 0);
    }
}

#[test]
fn it_is_steered_and_tells_of_itself() {
    for limiter in both(5) {
        let end = limiter.pause("a", HOUR).unwrap();
        assert!(end > limiter.now().unwrap());
        assert!(is_limited(limiter.try_acquire("a")));
        limiter.try_acquire("b").unwrap();
        assert!(limiter.resume("a").unwrap() && !limiter.resume_all().unwrap());
        limiter.set_rates([Rate::new(2, HOUR)]).unwrap();
        assert_eq!(limiter.rates(), [Rate::new(2, HOUR)]);
        limiter.try_acquire_n("a", 2).unwrap();
        assert!(limiter.peek("a", 1).unwrap().is_some());
        assert_eq!(limiter.queued().unwrap(), 0);
        // At most what the pause has left behind.
        assert!(limiter.leak().unwrap() <= 1);
        let pass = Leaker::new(&limiter).pass().unwrap();
        assert!(matches!(pass, Pass::Led { leaked: 0, .. }));
        limiter.flush().unwrap();
        assert_eq!((limiter.count().unwrap(), limiter.keys()), (0, None));
    }
}

#[test]
fn functions_requests_and_dry_runs_go_over_any_bucket() {
    for limiter in both(3) {
        let double = limiter.wrap("a", 1, |number: u32| 2 * number).no_wait();
        assert_eq!(double.call(4).unwrap(), 8);
        let requests = [limiter.request("a", 1), limiter.request("b", 3)];
        assert_eq!(try_acquire_all(&requests).unwrap().len(), 2);
        assert_eq!(acquire_all(&requests, Duration::ZERO).unwrap_err().index, 1);
        assert_eq!(limiter.count().unwrap(), 5);
        let dry = limiter.clone().dry_run();
        for _ in 0..3 {
            dry.try_acquire("a").unwrap();
            assert_eq!(dry.acquire("b").unwrap().weight(), 0);
        }
        assert_eq!(
            (dry.would_have_refused(), limiter.would_have_refused()),
            (5, 0)
        );
    }
}

#[test]
fn requests_together_of_one_name_are_one_to_the_bucket_and_each_gives_its_own_part_back() {
    for newer_first in [true, false] {
        let limiter = Limiter::over(bucket(5));
        let asked = [limiter.request("a", 3), limiter.request("a", 2)];
        let mut taken = try_acquire_all(&asked).unwrap();
        assert!(is_limited(limiter.try_acquire("a")));
        assert_eq!(taken.iter().map(|permit| permit.weight()).sum::<u64>(), 5);
        if newer_first {
            taken.reverse();
        }
        let mut left = 5;
        for permit in taken {
            left -= permit.weight();
            permit.refund();
            assert_eq!(limiter.count().unwrap(), left);
        }
    }
}

#[test]
fn what_only_rings_can_tell_is_an_error_that_says_so() {
    for limiter in both(3) {
        let error = limiter.inspect().unwrap_err();
        assert!(matches!(error, BucketError::Unsupported { .. }), "{error}");
        let error = limiter.buckets().map(|_| ()).unwrap_err();
        assert!(matches!(error, BucketError::Unsupported { .. }), "{error}");
    }
}

#[test]
fn a_bucket_may_be_boxed_or_shared() {
    let shared = Arc::new(bucket(2));
    let limiters = [
        Limiter::over(shared.clone()),
        Limiter::over(Box::new(shared.clone()) as Box<dyn Bucket>),
    ];
    limiters[0].try_acquire("a").unwrap();
    limiters[1].try_acquire("a").unwrap();
    assert!(
        limiters
            .iter()
            .all(|limiter| is_limited(limiter.try_acquire("a")))
    );
    let item = Item {
        name: b"a",
        weight: 1,
    };
    assert!(is_limited(shared.put(item, Duration::ZERO)));
}

#[test]
fn a_bucket_takes_back_nothing_that_it_has_not_given() {
    let (one, other) = (bucket(5), bucket(5));
    let item = Item {
        name: b"a",
        weight: 2,
    };
    let put = |bucket: &MemoryBucket| bucket.put(item, Duration::ZERO).unwrap();
    let (grant, _) = (put(&one), put(&other));
    for place in [1, 1 << 20, 1 << 32, u64::MAX] {
        one.give_back(b"a", &grant.in_place(place), 2).unwrap();
    }
    for id in [0, grant.id + 1, u64::MAX] {
        let mut wrong = grant;
        wrong.id = id;
        one.give_back(b"a", &wrong, 2).unwrap();
        wrong.weight = u64::MAX;
        one.give_back(b"a", &wrong, u64::MAX).unwrap();
    }
    assert_eq!(one.count().unwrap(), 2);
    one.give_back(b"a", &grant, u64::MAX).unwrap();
    assert_eq!(one.count().unwrap(), 0);
}

/// Asks it by blocking methods.
fn ask(limiter: &Limiter) {
    limiter.try_acquire("a").unwrap();
    limiter.acquire_timeout("a", 1, HOUR).unwrap();
    drop(limiter.reserve("a", 1, HOUR).unwrap());
    assert!(limiter.count().unwrap() >= 2);
}

#[test]
fn an_async_bucket_can_be_asked_inside_runtimes_by_those_who_block() {
    let limiter = Limiter::over_async(Offload::new(bucket(100)));
    ask(&limiter);
    let single = Builder::new_current_thread().build().unwrap();
    single.block_on(async { ask(&limiter) });
    let tasks = tokio::task::LocalSet::new();
    single.block_on(tasks.run_until(async { ask(&limiter) }));
    let several = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    several.block_on(async {
        let limiter = limiter.clone();
        tokio::spawn(async move { ask(&limiter) }).await.unwrap();
    });
}

#[test]
fn an_async_bucket_is_asked_on_a_runtime_of_the_users() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let on = Blocking::on(Offload::new(bucket(100)), runtime.handle());
    let limiter = Limiter::from(on);
    ask(&limiter);
    runtime.block_on(async {
        ask(&limiter);
        limiter.acquire_async("a").await.unwrap();
        let limiter = limiter.clone();
        tokio::spawn(async move { ask(&limiter) }).await.unwrap();
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
    let error = limiter.try_acquire("a").unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    assert!(error.to_string().contains("shut down"), "{error}");
}

#[test]
fn the_only_thread_of_a_runtime_is_not_left_waiting_for_itself() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let on = Blocking::on(Offload::new(bucket(100)), &Handle::current());
        let limiter = Limiter::from(on);
        let error = limiter.try_acquire("a").unwrap_err();
        assert!(error.to_string().contains("async methods"), "{error}");
        assert_eq!(error.outcome(), Outcome::Undone);
        limiter.try_acquire_async("a").await.unwrap();
        drop(limiter.reserve_async("a", 1, HOUR).await.unwrap());
        assert!(limiter.usage_async("a").await.unwrap()[0].used >= 1);
    });
}

#[test]
fn an_offloaded_bucket_outside_a_runtime_is_an_error() {
    let offloaded = Offload::new(bucket(1));
    let error = smol::block_on(offloaded.count()).unwrap_err();
    assert!(error.to_string().contains("tokio"), "{error}");
}
