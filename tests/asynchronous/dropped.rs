//! Futures that are dropped on the way: they give their places back.

use crate::common::scene::ms;
use crate::stand::{HOUR, eventually_async, hourly, one_thread, poll_once};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tidegate::{Limiter, Reservation};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// A future that is ready at the `polls`th time that it is polled.
fn ready_after(polls: u64) -> impl Future<Output = ()> {
    let mut left = polls;
    poll_fn(move |_| {
        left = left.saturating_sub(1);
        match left {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
}

#[test]
fn a_future_that_is_dropped_at_any_await_point_gives_its_place_back() {
    let mut lengths = Vec::new();
    for drop_at in 1_u64.. {
        let limiter = hourly(1);
        limiter.pause("", HOUR).unwrap();
        let mut other = Some(limiter.reserve("", 1, 3 * HOUR).unwrap());
        let mut is_over = false;
        {
            // Each sleep is polled twice, and is over before its time.
            let mut wait = pin!(limiter.acquire_with("", 1, 3 * HOUR, |_| ready_after(2)));
            for poll in 1..=drop_at {
                // It waits behind the pause; then, without a place, for what is left of it to
                // go; and then it is its turn.
                match poll {
                    4 => assert!(limiter.resume("").unwrap()),
                    7 => drop(other.take()),
                    _ => {}
                }
                if let Poll::Ready(granted) = poll_once(wait.as_mut()) {
                    assert_eq!(granted.unwrap().weight(), 1);
                    is_over = true;
                    break;
                }
                let places = [(1..=3, 2), (4..=6, 1)];
                let expected = places.iter().find(|(polls, _)| polls.contains(&poll));
                let queued = limiter.queued().unwrap();
                assert_eq!(Some(queued), expected.map(|(_, places)| *places), "{poll}");
            }
        }
        drop(other);
        assert_eq!(limiter.queued().unwrap(), 0);
        assert_eq!(
            limiter.count().unwrap(),
            u64::from(is_over),
            "dropped at {drop_at}"
        );
        lengths.push(drop_at);
        if is_over {
            break;
        }
    }
    assert_eq!(lengths.len(), 7, "of its await points");
}

#[test]
fn each_way_to_wait_without_a_thread_gives_its_place_back_when_dropped() {
    async fn polled<F: Future>(times: u64, future: F) {
        let mut future = pin!(future);
        for _ in 0..times {
            poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await;
        }
    }
    let limiter = hourly(1);
    limiter.try_acquire("").unwrap();
    one_thread().block_on(async {
        for times in 0..3 {
            polled(times, limiter.acquire_async("")).await;
            polled(times, limiter.acquire_timeout_async("", 1, HOUR)).await;
            let place = limiter.reserve("", 1, HOUR).unwrap();
            polled(times, place.wait_async()).await;
            let timer = smol::Timer::after;
            polled(times, limiter.acquire_with("", 1, HOUR, timer)).await;
            assert_eq!(limiter.queued().unwrap(), 0);
        }
    });
    // Those who were polled had one; and those who had reserved before.
    assert_eq!(limiter.inspect().unwrap().reserved, 1 + 2 * 3 + 3);
}

#[test]
fn ten_thousand_tasks_that_all_time_out_leave_the_limiter_as_if_they_had_never_come() {
    let (limiter, twin) = (hourly(7), hourly(7));
    limiter.try_acquire_n("", 7).unwrap();
    twin.try_acquire_n("", 7).unwrap();
    one_thread().block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..10_000 {
            let limiter = limiter.clone();
            tasks.spawn(async move {
                let wait = timeout(ms(300), limiter.acquire_async(""));
                assert!(wait.await.is_err(), "it cannot be granted");
            });
        }
        tokio::task::yield_now().await;
        eventually_async("them to queue", || limiter.queued().unwrap() > 0).await;
        while let Some(end) = tasks.join_next().await {
            end.unwrap();
        }
    });
    assert_eq!(limiter.inspect().unwrap().reserved, 7 + 10_000);
    assert_eq!(
        (limiter.queued().unwrap(), limiter.count().unwrap()),
        (0, 7)
    );
    let turns = |limiter: &Limiter| -> Vec<Duration> {
        let start = limiter.peek("", 0).unwrap().unwrap();
        let places: Vec<_> = (0..30)
            .map(|_| limiter.reserve("", 1, 100 * HOUR).unwrap())
            .collect();
        let turn = |place: &Reservation<'_>| place.ready_at().duration_since(start);
        places.iter().map(turn).collect()
    };
    assert_eq!(turns(&limiter), turns(&twin));
}

#[test]
fn what_select_and_abort_drop_is_given_back() {
    let limiter = hourly(2);
    limiter.try_acquire_n("", 2).unwrap();
    one_thread().block_on(async {
        tokio::select! {
            granted = limiter.acquire_async("") => panic!("{granted:?}"),
            () = sleep(ms(5)) => {}
        }
        assert_eq!(limiter.queued().unwrap(), 0);
        let mut kept = pin!(limiter.acquire_async(""));
        for _ in 0..3 {
            // Borrowed, it keeps its place over the rounds.
            tokio::select! {
                biased;
                granted = kept.as_mut() => panic!("{granted:?}"),
                () = sleep(ms(1)) => {}
            }
            assert_eq!(limiter.queued().unwrap(), 1);
        }
        let waiting = limiter.clone();
        let task = tokio::spawn(async move { waiting.acquire_async("").await.map(drop) });
        eventually_async("its place", || limiter.queued().unwrap() == 2).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(limiter.queued().unwrap(), 1);
    });
    assert_eq!(
        limiter.inspect().unwrap().queued,
        0,
        "the pinned one is gone"
    );
}
