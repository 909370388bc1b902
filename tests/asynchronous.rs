//! Waiting without a thread: futures that are dropped give their places back, on tokio's timer
//! and on any other.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Rate};

const HOUR: Duration = Duration::from_secs(3600);

/// Nobody queues again because a busy machine woke it late.
fn limiter(limit: u64, interval: Duration) -> Limiter {
    Limiter::in_memory()
        .rate(Rate::new(limit, interval))
        .queue(16_384)
        .lateness(HOUR)
        .open()
        .unwrap()
}

/// One whose only permit is taken for an hour.
fn full() -> Limiter {
    let limiter = limiter(1, HOUR);
    limiter.try_acquire("").unwrap();
    limiter
}

/// Polls a future so many times, and drops it.
async fn poll_times<F: Future>(times: usize, future: F) {
    let mut future = pin!(future);
    for _ in 0..times {
        poll_fn(|context| {
            assert!(future.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_future_that_is_dropped_at_any_point_gives_its_place_back() {
    let limiter = full();
    for polls in 0..3 {
        poll_times(polls, limiter.acquire_async("")).await;
        poll_times(polls, limiter.acquire_timeout_async("", 1, HOUR)).await;
        let place = limiter.reserve("", 1, HOUR).unwrap();
        poll_times(polls, place.wait_async()).await;
        poll_times(polls, limiter.acquire_with("", 1, HOUR, smol::Timer::after)).await;
        assert_eq!(limiter.queued().unwrap(), 0);
    }
    let timer = Duration::from_millis(1);
    let late = tokio::time::timeout(timer, limiter.acquire_async("")).await;
    assert!(late.is_err());
    tokio::select! {
        _ = limiter.acquire_async("") => panic!("its turn is in an hour"),
        () = tokio::time::sleep(timer) => {}
    }
    assert_eq!(
        (limiter.queued().unwrap(), limiter.count().unwrap()),
        (0, 1)
    );
}

#[tokio::test]
async fn a_deadline_that_cannot_be_met_fails_at_once_and_takes_nothing() {
    let limiter = full();
    let refused = limiter.acquire_timeout_async("", 1, HOUR / 2).await;
    assert!(matches!(refused, Err(AcquireError::Limited { .. })));
    assert_eq!(limiter.queued().unwrap(), 0);
}

#[tokio::test]
async fn ten_thousand_tasks_that_time_out_leave_the_limiter_as_if_they_had_never_come() {
    let limiter = limiter(10, HOUR);
    limiter.try_acquire_n("", 10).unwrap();
    let before = (limiter.count().unwrap(), limiter.peek("", 0).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let limiter = limiter.clone();
        tasks.spawn(async move {
            let wait = limiter.acquire_async("");
            tokio::time::timeout(Duration::from_millis(5), wait)
                .await
                .is_err()
        });
    }
    while let Some(timed_out) = tasks.join_next().await {
        assert!(timed_out.unwrap());
    }
    let after = (limiter.count().unwrap(), limiter.peek("", 0).unwrap());
    assert_eq!((after, limiter.queued().unwrap()), (before, 0));
    let wait = limiter.waiting("", 10).unwrap();
    assert!(wait <= HOUR, "the next is served as if alone: {wait:?}");
}

#[tokio::test]
async fn tasks_are_served_in_the_order_in_which_they_asked_and_block_no_thread() {
    let limiter = limiter(1, Duration::from_millis(2));
    let order = Rc::new(RefCell::new(Vec::new()));
    let others = Rc::new(Cell::new(0_u64));
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let asides = others.clone();
            let aside = tokio::task::spawn_local(async move {
                loop {
                    asides.set(asides.get() + 1);
                    tokio::task::yield_now().await;
                }
            });
            let waits: Vec<_> = (0..50)
                .map(|n| {
                    let (limiter, order) = (limiter.clone(), order.clone());
                    tokio::task::spawn_local(async move {
                        let permit = limiter.acquire_async("").await.unwrap();
                        assert!(permit.at() <= limiter.now());
                        order.borrow_mut().push((permit.at(), n));
                    })
                })
                .collect();
            for wait in waits {
                wait.await.unwrap();
            }
            aside.abort();
        })
        .await;
    let mut order = order.take();
    order.sort_unstable();
    let order: Vec<_> = order.into_iter().map(|(_, n)| n).collect();
    assert_eq!(order, (0..50).collect::<Vec<_>>());
    assert!(others.get() > 50, "another task went on meanwhile");
}

#[tokio::test]
async fn a_timer_that_ends_early_is_asked_again_until_the_turn_has_come() {
    let limiter = limiter(1, Duration::from_millis(10));
    limiter.try_acquire("").unwrap();
    let naps = Cell::new(0);
    let permit = limiter
        .acquire_with("", 1, HOUR, |_| {
            naps.set(naps.get() + 1);
            tokio::task::yield_now()
        })
        .await
        .unwrap();
    assert!(permit.at() <= limiter.now());
    assert!(naps.get() > 1 && permit.sleeps() == naps.get());
}

#[test]
fn another_runtime_s_timer_will_do() {
    smol::block_on(async {
        let limiter = limiter(1, Duration::from_millis(10));
        for _ in 0..3 {
            let wait = limiter.acquire_with("", 1, HOUR, smol::Timer::after);
            let permit = wait.await.unwrap();
            assert!(permit.at() <= limiter.now());
        }
        poll_times(1, limiter.acquire_with("", 1, HOUR, smol::Timer::after)).await;
        assert_eq!(limiter.queued().unwrap(), 0);
    });
}

#[tokio::test]
async fn a_wrapped_function_is_called_only_with_a_permit() {
    let limiter = limiter(3, HOUR);
    let calls = Cell::new(0);
    let call = limiter.wrap("", 2, |by: u32| {
        calls.set(calls.get() + by);
        calls.get()
    });
    let call = call.no_wait();
    assert_eq!(call.call(5).unwrap(), 5);
    let refused = call.call(5);
    assert!(matches!(refused, Err(AcquireError::Limited { .. })));
    let again = limiter.wrap("", 2, async |by: u32| calls.set(calls.get() + by));
    assert!(again.no_wait().call_async(5).await.is_err());
    assert_eq!((calls.get(), limiter.count().unwrap()), (5, 2));
    let light = limiter.wrap("", 1, async |()| calls.set(100));
    light.call_async(()).await.unwrap();
    assert_eq!(calls.get(), 100);
}

#[test]
fn futures_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let limiter = full();
    is_send(&limiter.acquire_async("a"));
    is_send(&limiter.acquire_timeout_async("a", 1, HOUR));
    is_send(&limiter.reserve("", 1, HOUR).unwrap());
}
