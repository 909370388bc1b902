//! The same bucket, asked by async code.

use super::{HOUR, RedisServer, item, keyed, server};
use crate::common::steered::{alone, steer};
use crate::servers::Proxy;
use nix::sys::signal::Signal;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use tidegate::{
    AcquireError, AsyncBucket, Bucket, BucketError, Grant, Item, OpenError, Outcome, Rate,
    RedisAsyncBucket, RedisBucket,
};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    Runtime::new().unwrap()
}

async fn bucket(server: &RedisServer, rate: Rate) -> RedisAsyncBucket {
    let builder = RedisBucket::at(server.address(), "test").rate(rate);
    builder.open_async().await.unwrap()
}

async fn take(bucket: &RedisAsyncBucket, weight: u64) -> Result<Grant, AcquireError> {
    bucket.put(item(weight), Duration::ZERO).await
}

fn is_limited(result: Result<Grant, AcquireError>) -> bool {
    match result {
        Err(AcquireError::Limited { .. }) => true,
        Ok(_) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn many_tasks_share_a_connection_and_get_the_limit_and_not_one_more() {
    let test = many_tasks_share_a_connection_and_get_the_limit_and_not_one_more;
    let Some(server) = server(test) else { return };
    runtime().block_on(async {
        let bucket = Arc::new(bucket(&server, Rate::new(500, HOUR)).await);
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let bucket = bucket.clone();
                tokio::spawn(async move {
                    let mut granted = 0;
                    for _ in 0..10 {
                        granted += u64::from(!is_limited(take(&bucket, 1).await));
                    }
                    granted
                })
            })
            .collect();
        let mut granted = 0;
        for task in tasks {
            granted += task.await.unwrap();
        }
        assert_eq!((granted, bucket.count().await.unwrap()), (500, 500));
        let clients: String = server.tell(&["CLIENT", "LIST"]);
        assert_eq!(clients.lines().count(), 2, "{clients}");
    });
}

#[test]
fn it_is_the_bucket_that_those_who_block_ask() {
    let Some(server) = server(it_is_the_bucket_that_those_who_block_ask) else {
        return;
    };
    let rate = Rate::new(4, HOUR);
    let blocking = keyed(&server, &[rate]);
    runtime().block_on(async {
        let at = || RedisBucket::at(server.address(), "test");
        let error = at()
            .rate(Rate::new(5, HOUR))
            .keyed()
            .open_async()
            .await
            .unwrap_err();
        assert!(matches!(error, OpenError::OtherRates { .. }), "{error}");
        let bucket = at().adopt().open_async().await.unwrap();
        assert_eq!((bucket.rates(), bucket.queue()), (vec![rate], 1024));
        let named = |weight| Item { name: b"a", weight };
        let grant = bucket.put(named(3), Duration::ZERO).await.unwrap();
        assert_eq!(blocking.count().unwrap(), 3);
        bucket.look(named(1)).await.unwrap();
        assert!(bucket.waiting(named(2)).await.unwrap() > HOUR / 2);
        bucket.give_back(b"a", &grant, 2).await.unwrap();
        assert_eq!(bucket.peek(b"a", 0).await.unwrap(), Some(grant.at));
        assert_eq!(bucket.usage(b"a").await.unwrap()[0].used, 1);
        let ahead = bucket.put(named(4), HOUR).await.unwrap();
        assert_eq!(ahead.at, grant.at.saturating_add(HOUR));
        assert_eq!(bucket.queued().await.unwrap(), 4);
        assert!(bucket.dispose(b"a").await.unwrap());
        let until = bucket.now().await.unwrap().saturating_add(HOUR);
        bucket.pause(Some(b"a"), until).await.unwrap();
        assert!(blocking.paused(b"a").unwrap() > HOUR / 2);
        assert!(bucket.resume(Some(b"a")).await.unwrap());
        bucket.pause(None, until).await.unwrap();
        assert!(bucket.paused(b"b").await.unwrap() > HOUR / 2);
        assert!(bucket.resume(None).await.unwrap());
        bucket.set_rates(&[Rate::new(6, HOUR)]).await.unwrap();
        bucket.put(named(6), Duration::ZERO).await.unwrap();
        bucket.flush().await.unwrap();
        assert_eq!(bucket.count().await.unwrap(), 0);
        assert_eq!(bucket.leak().await.unwrap(), 0);
        bucket.remove().await.unwrap();
        assert_eq!(server.tell::<u64>(&["DBSIZE"]), 0);
        bucket.close().await.unwrap();
        let closed = bucket.look(named(1)).await.unwrap_err();
        assert!(matches!(closed, AcquireError::Bucket(BucketError::Closed)));
    });
}

#[test]
fn it_comes_back_after_a_restart_and_tells_what_is_unknown() {
    let Some(mut server) = server(it_comes_back_after_a_restart_and_tells_what_is_unknown) else {
        return;
    };
    let proxy = Proxy::before(server.socket());
    runtime().block_on(async {
        let builder = RedisBucket::at(proxy.redis_address(), "test").rate(Rate::new(3, HOUR));
        let bucket = builder.open_async().await.unwrap();
        take(&bucket, 1).await.unwrap();
        server.tell::<String>(&["SCRIPT", "FLUSH"]);
        take(&bucket, 1).await.unwrap();
        proxy.drop_next_answer();
        let lost = take(&bucket, 1).await.unwrap_err();
        assert_eq!(lost.outcome(), Outcome::Unknown, "{lost}");
        assert!(is_limited(take(&bucket, 1).await), "it was taken");

        server.end(Signal::SIGKILL);
        take(&bucket, 1).await.unwrap_err();
        let nobody = take(&bucket, 1).await.unwrap_err();
        assert_eq!(nobody.outcome(), Outcome::Undone, "{nobody}");
        server.start_again();
        // It has forgotten all, and is told again.
        take(&bucket, 3).await.unwrap();
        assert!(is_limited(take(&bucket, 1).await));
        server.tell::<String>(&["CONFIG", "SET", "maxmemory", "1"]);
        bucket.flush().await.unwrap_err();
        assert!(is_limited(take(&bucket, 1).await), "nothing was changed");
    });
}

#[test]
fn another_runtime_finds_its_way_when_the_first_has_ended() {
    let test = another_runtime_finds_its_way_when_the_first_has_ended;
    let Some(server) = server(test) else { return };
    let bucket = runtime().block_on(async {
        let bucket = bucket(&server, Rate::new(3, HOUR)).await;
        take(&bucket, 1).await.unwrap();
        bucket
    });
    let other = runtime();
    other.block_on(async {
        take(&bucket, 1).await.unwrap();
        // Two that are asked in turn keep a connection each.
        for _ in 0..3 {
            let here = thread::scope(|scope| {
                let asked = scope.spawn(|| runtime().block_on(bucket.count()));
                asked.join().unwrap()
            });
            assert_eq!(here.unwrap(), 2);
            assert_eq!(bucket.count().await.unwrap(), 2);
        }
    });
    let asked = bucket.count();
    let outside = at_once(asked).unwrap_err();
    assert!(
        outside.to_string().contains("ask it in a task"),
        "{outside}"
    );
}

/// Polls a future that needs no waiting, outside of any runtime.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits for something"),
    }
}

#[test]
fn it_is_steered_without_blocking_a_thread() {
    let Some(server) = server(it_is_steered_without_blocking_a_thread) else {
        return;
    };
    alone().block_on(async {
        let builder = RedisBucket::at(server.address(), "test").rate(Rate::new(5, HOUR));
        steer(builder.keyed().open_async().await.unwrap()).await;
    });
}
