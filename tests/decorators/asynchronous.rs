//! Async functions below the attribute, on several runtimes.

use crate::{Failed, brisk, hourly, is_limited};
use std::cell::Cell;
use std::future::ready;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidegate::{AcquireError, Limiter, rate_limited};

static BRISK: LazyLock<Limiter> = LazyLock::new(brisk);

#[rate_limited(limiter = limiter, name = host, timeout = "1s")]
async fn fetched(limiter: &Limiter, host: String, calls: &AtomicU64) -> Result<String, Failed> {
    calls.fetch_add(1, Ordering::Relaxed);
    tokio::task::yield_now().await;
    Ok(host)
}

#[tokio::test]
async fn a_refused_async_call_does_not_run_the_body() {
    let (limiter, calls) = (hourly(1), AtomicU64::new(0));
    let fetch = |host: &str| fetched(&limiter, host.to_owned(), &calls);
    assert_eq!(fetch("a").await.unwrap(), "a");
    assert!(matches!(fetch("a").await, Err(Failed::Limited(_))));
    assert_eq!(fetch("b").await.unwrap(), "b");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn nothing_is_asked_for_a_future_that_is_not_polled_and_what_is_dropped_is_given_back() {
    #[rate_limited(limiter = limiter)]
    async fn slow(limiter: &Limiter, calls: &AtomicU64) -> Result<(), AcquireError> {
        calls.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
    let (limiter, calls) = (hourly(1), AtomicU64::new(0));
    drop(slow(&limiter, &calls));
    assert_eq!(limiter.count().unwrap(), 0);
    slow(&limiter, &calls).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(20), slow(&limiter, &calls));
    assert!(waits.await.is_err());
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!(
        (limiter.queued().unwrap(), limiter.count().unwrap()),
        (0, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_call_waits_its_turn_on_any_thread() {
    #[rate_limited(limiter = BRISK)]
    async fn instant() -> Result<tidegate::Timestamp, AcquireError> {
        Ok(BRISK.now().unwrap())
    }
    let start = BRISK.now().unwrap();
    let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(instant())).collect();
    let mut last = start;
    for task in tasks {
        last = last.max(task.await.unwrap().unwrap());
    }
    let waited = last.duration_since(start);
    assert!(waited >= Duration::from_millis(3 * 30), "{waited:?}");
}

#[test]
fn an_async_call_may_sleep_by_another_runtimes_timer_or_not_at_all() {
    #[rate_limited(limiter = limiter, sleep = |time| { sleeps.set(sleeps.get() + 1); smol::Timer::after(time) })]
    async fn patient(limiter: &Limiter, sleeps: &Cell<u64>) -> Result<(), AcquireError> {
        Ok(())
    }
    #[rate_limited(limiter = limiter, no_wait)]
    async fn now(limiter: &Limiter) -> Result<(), AcquireError> {
        ready(()).await;
        Ok(())
    }
    smol::block_on(async {
        let (limiter, sleeps) = (hourly(1), Cell::new(0));
        patient(&limiter, &sleeps).await.unwrap();
        assert_eq!(sleeps.get(), 0);
        let waits = smol::future::poll_once(patient(&limiter, &sleeps));
        assert!(waits.await.is_none());
        assert_eq!(sleeps.get(), 1);
        let limiter = brisk();
        let start = limiter.now().unwrap();
        for _ in 0..3 {
            patient(&limiter, &sleeps).await.unwrap();
        }
        let waited = limiter.now().unwrap().duration_since(start);
        assert!(waited >= Duration::from_millis(2 * 30), "{waited:?}");
        let limiter = hourly(1);
        now(&limiter).await.unwrap();
        assert!(is_limited(now(&limiter).await));
    });
}
