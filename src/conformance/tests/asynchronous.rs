//! Tasks that wait, by a limiter over an async bucket.

use crate::bucket::{Blocking, Bucket, Offload};
use crate::conformance::log::Log;
use crate::conformance::scene::{LONG, NAME, SHORT, Scene, count, queue, take};
use crate::limiter::Limiter;
use crate::rate::Rate;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// A limiter over it as an async bucket, whatever it was.
fn over(bucket: &Arc<dyn Bucket>) -> Limiter {
    Blocking::new(Offload::new(bucket.clone())).into()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(future)
}

/// Waits until a bucket holds so many: what is given back is so by another task.
#[track_caller]
fn holds_at_last(bucket: &dyn Bucket, permits: u64) {
    let begun = Instant::now();
    while count(bucket) != permits {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{} are held",
            count(bucket)
        );
        thread::sleep(Duration::from_millis(2));
    }
}

pub fn tasks_wait_and_never_exceed_a_window(scene: &Scene<'_>) {
    let rate = Rate::new(2, SHORT);
    let scene = scene.in_real_time();
    let limiter = over(&scene.open(&[rate]));
    let mut log = Log::default();
    run(async {
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move {
                    let permit = limiter.acquire_async(NAME).await.expect("a turn");
                    (permit.at().as_micros(), permit.weight())
                })
            })
            .collect();
        for task in tasks {
            let (at, weight) = task.await.expect("a task");
            log.add(at, weight);
        }
    });
    assert_eq!(log.permits(), 6);
    log.judge(rate);
}

pub fn a_wait_that_is_dropped_gives_its_place_back(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(1, LONG)]);
    let limiter = over(&bucket);
    take(&bucket, 1);
    run(async {
        let wait = limiter.acquire_timeout_async(NAME, 1, LONG * 2);
        let waited = tokio::time::timeout(SHORT, wait).await;
        assert!(waited.is_err(), "it waits for an hour: {waited:?}");
    });
    holds_at_last(&bucket, 1);
    let next = queue(&bucket, 1);
    assert!(next.wait <= LONG, "{next:?}");
}

pub fn a_question_that_is_dropped_takes_nothing(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(1000, LONG)]);
    let limiter = over(&bucket);
    for polls in 1..20 {
        run(async {
            let mut asking = pin!(limiter.try_acquire_async(NAME));
            for _ in 0..polls {
                let answer = poll_fn(|context| Poll::Ready(asking.as_mut().poll(context))).await;
                if let Poll::Ready(answer) = answer {
                    answer.expect("a permit").refund();
                    break;
                }
                tokio::task::yield_now().await;
            }
        });
    }
    take(&bucket, 1);
    holds_at_last(&bucket, 1);
}
