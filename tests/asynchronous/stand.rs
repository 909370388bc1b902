//! What the tests of waiting tasks share: runtimes, limiters, and a judge.

use crate::common::by_the_book;
use crate::common::scene::ms;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tidegate::{Limiter, Rate};
use tidegate_judge::{Grant, judge};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

pub const HOUR: Duration = Duration::from_secs(3600);

/// All tasks on this thread.
pub fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

pub fn several_threads() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(3).enable_time().build().unwrap()
}

/// Nobody queues again because a busy machine woke it late.
pub fn limiter(rate: Rate, queue: u64) -> Arc<Limiter> {
    let builder = Limiter::in_memory().rate(rate).lateness(HOUR);
    Arc::new(builder.queue(queue).open().unwrap())
}

/// Room for as many who wait and cancel as the tests have.
pub fn hourly(limit: u64) -> Arc<Limiter> {
    let builder = Limiter::in_memory()
        .rate(Rate::new(limit, HOUR))
        .lateness(HOUR);
    let builder = builder.queue(10_000).capacity(65_536);
    Arc::new(builder.open().unwrap())
}

/// Polls a future once.
pub fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits without blocking the thread.
pub async fn eventually_async(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if is_so() {
            return;
        }
        sleep(ms(1)).await;
    }
    panic!("waited in vain: {what}");
}

/// Fails unless all grants keep to the rate, and none was acted upon before its instant.
pub fn check(grants: &[Grant], rate: Rate) {
    assert!(grants.iter().all(Grant::is_in_order));
    let verdict = judge(grants, &by_the_book(&[rate]));
    assert!(verdict.holds(), "{verdict}");
}
