//! Who passes, and who does not.

use crate::stand::{HOUR, Hello, ask, hourly, hourly_keyed, key, request};
use std::sync::atomic::Ordering;
use tidegate::tower::RateLimitLayer;
use tidegate::{Limiter, Rate};
use tower::{Layer, Service, ServiceExt};

#[tokio::test]
async fn clones_for_each_connection_share_one_limit() {
    let inner = Hello::default();
    let service = RateLimitLayer::new(hourly(3)).layer(inner.clone());
    let mut passed = 0;
    for _ in 0..10 {
        let connection = service.clone();
        let response = connection.oneshot(request("")).await.unwrap();
        passed += u32::from(response.status() == 200);
    }
    assert_eq!((passed, inner.calls()), (3, 3));
}

#[tokio::test]
async fn layers_on_one_segment_share_its_limit() {
    let name = format!("test.tower.shared.{}", std::process::id());
    let open = || Limiter::shared(&name).rate(Rate::new(3, HOUR)).open();
    let layers = [(); 2].map(|()| RateLimitLayer::new(open().unwrap()));
    let inner = Hello::default();
    for turn in 0..10 {
        ask(&layers[turn % 2], &inner, "").await;
    }
    tidegate::remove(&name).unwrap();
    assert_eq!(inner.calls(), 3);
}

#[tokio::test]
async fn each_key_has_the_limit_to_itself_and_who_has_none_passes_and_takes_nothing() {
    let limiter = hourly_keyed(2, 100);
    let layer = RateLimitLayer::new(limiter.clone()).key(key);
    let inner = Hello::default();
    for client in ["a", "b", "a", "b", "a", "b"] {
        ask(&layer, &inner, client).await;
    }
    assert_eq!((inner.calls(), limiter.count().unwrap()), (4, 4));
    for _ in 0..5 {
        let exempt = layer.layer(inner.clone()).oneshot(Default::default());
        let response = exempt.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.body(), "hello 0");
        assert!(response.headers().is_empty());
    }
    assert_eq!(limiter.count().unwrap(), 4);
}

#[tokio::test]
async fn a_request_takes_as_many_permits_as_it_weighs() {
    let limiter = hourly(10);
    let by_key = |parts: &http::request::Parts| key(parts).map_or(1, |key| key.len() as u64);
    let layer = RateLimitLayer::new(limiter.clone()).weight(by_key);
    let inner = Hello::default();
    let answers = ["1234567", "1234", "123"].map(|key| ask(&layer, &inner, key));
    let [seven, four, three] = answers;
    assert_eq!(seven.await.body(), "hello 7");
    assert_eq!(four.await.status(), 429);
    assert_eq!(three.await.body(), "hello 3");
    assert_eq!((inner.calls(), limiter.count().unwrap()), (2, 10));
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_the_one_that_is_called() {
    let inner = Hello::default();
    let mut service = RateLimitLayer::new(hourly(10)).layer(inner.clone());
    for _ in 0..3 {
        let answer = service.ready().await.unwrap().call(request(""));
        assert_eq!(answer.await.unwrap().status(), 200);
    }
    assert_eq!(inner.calls(), 3);
}

#[tokio::test]
async fn a_call_that_is_never_awaited_takes_nothing() {
    let limiter = hourly(1);
    let mut service = RateLimitLayer::new(limiter.clone()).layer(Hello::default());
    drop(service.ready().await.unwrap().call(request("")));
    assert_eq!(limiter.count().unwrap(), 0);
}

#[tokio::test]
async fn a_limiter_that_is_gone_refuses_all_unless_told_to_let_all_pass() {
    let name = format!("test.tower.gone.{}", std::process::id());
    let rate = Rate::new(1, HOUR);
    Limiter::shared(&name).rate(rate).open().unwrap();
    let limiter = Limiter::shared(&name).attach_only().adopt().open().unwrap();
    tidegate::remove(&name).unwrap();
    let inner = Hello::default();
    let (closed, open) = (
        RateLimitLayer::new(limiter.clone()),
        RateLimitLayer::new(limiter).fail_open(),
    );
    let refused = ask(&closed, &inner, "").await;
    assert_eq!((refused.status().as_u16(), inner.calls()), (503, 0));
    assert!(refused.body().contains("cannot be checked"));
    for _ in 0..3 {
        assert_eq!(ask(&open, &inner, "").await.body(), "hello 0");
    }
    assert_eq!(inner.calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_new_key_that_finds_no_bucket_is_refused_unless_told_to_let_it_pass() {
    let layer = RateLimitLayer::new(hourly_keyed(5, 1)).key(key);
    let inner = Hello::default();
    assert_eq!(ask(&layer, &inner, "first").await.status(), 200);
    assert_eq!(ask(&layer, &inner, "second").await.status(), 503);
    let layer = layer.fail_open();
    assert_eq!(ask(&layer, &inner, "second").await.body(), "hello 0");
    assert_eq!(ask(&layer, &inner, "first").await.body(), "hello 1");
}
