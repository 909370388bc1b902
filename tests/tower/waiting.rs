//! Requests that wait for their turn.

use crate::stand::{HOUR, Hello, hourly, request};
use std::time::Duration;
use tidegate::tower::RateLimitLayer;
use tidegate::{Limiter, Rate};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::{Layer, ServiceExt};

#[tokio::test]
async fn requests_wait_for_their_turn_and_all_pass_under_the_limit() {
    let rate = Rate::new(2, Duration::from_millis(60));
    let limiter = Limiter::in_memory().rate(rate).open().unwrap();
    let inner = Hello::default();
    let service = RateLimitLayer::new(limiter.clone())
        .wait(HOUR)
        .layer(inner.clone());
    let start = limiter.now().unwrap();
    let mut requests = JoinSet::new();
    for _ in 0..7 {
        requests.spawn(service.clone().oneshot(request("")));
    }
    while let Some(answer) = requests.join_next().await {
        assert_eq!(answer.unwrap().unwrap().status(), 200);
    }
    // The seventh comes three whole intervals after the first.
    let took = limiter.now().unwrap().duration_since(start);
    assert!(took >= 3 * Duration::from_millis(60), "{took:?}");
    assert_eq!(inner.calls(), 7);
}

#[tokio::test]
async fn who_would_wait_too_long_is_refused_at_once() {
    let inner = Hello::default();
    let service = RateLimitLayer::new(hourly(1))
        .wait(HOUR / 2)
        .layer(inner.clone());
    let answers = [(); 2].map(|()| service.clone().oneshot(request("")));
    let [first, second] = answers;
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!(second.await.unwrap().status(), 429);
    assert_eq!(inner.calls(), 1);
}

#[tokio::test]
async fn a_client_that_goes_while_it_waits_gives_its_place_back() {
    let limiter = hourly(1);
    let inner = Hello::default();
    let service = RateLimitLayer::new(limiter.clone())
        .wait(2 * HOUR)
        .layer(inner.clone());
    let first = service.clone().oneshot(request("")).await.unwrap();
    assert_eq!(first.status(), 200);
    for _ in 0..3 {
        let waits = service.clone().oneshot(request(""));
        assert!(timeout(Duration::from_millis(5), waits).await.is_err());
    }
    let waits = tokio::spawn(service.oneshot(request("")));
    while limiter.queued().unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(limiter.queued().unwrap(), 1);
    // The next turn is an hour away, not five: those that left hold nothing.
    assert!(limiter.waiting("", 1).unwrap() <= 2 * HOUR);
    waits.abort();
    assert!(waits.await.unwrap_err().is_cancelled());
    assert_eq!((limiter.queued().unwrap(), inner.calls()), (0, 1));
    assert!(limiter.waiting("", 1).unwrap() <= HOUR);
}
