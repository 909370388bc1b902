//! An async limiter, steered on a runtime of one thread: who blocked that would be told so.

use std::time::Duration;
use tidegate::{AcquireError, AsyncBucket, Blocking, DebitError, Limiter, PauseError, Rate};
use tokio::runtime::{Builder, Handle, Runtime};

const HOUR: Duration = Duration::from_secs(3600);

/// A runtime of one thread.
pub fn alone() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Does all that an async limiter can be asked for. Its bucket is empty, keyed, and allows five
/// permits in an hour.
pub async fn steer(bucket: impl AsyncBucket + 'static) {
    // It is asked on that one thread: whoever waited for it there would get an error.
    let limiter: Limiter = Blocking::on(bucket, &Handle::current()).into();
    assert!(limiter.count().is_err(), "that blocks");
    let is_limited = async || {
        let answer = limiter.try_acquire_async("a").await;
        matches!(answer, Err(AcquireError::Limited { .. }))
    };

    limiter.try_acquire_async("a").await.unwrap();
    assert_eq!(limiter.count_async().await.unwrap(), 1);
    assert!(limiter.peek_async("a", 0).await.unwrap().is_some());
    assert!(limiter.peek_async("a", 1).await.unwrap().is_none());
    assert!(limiter.waiting_async("a", 4).await.unwrap().is_zero());
    assert!(limiter.waiting_async("a", 5).await.unwrap() > HOUR / 2);

    // Two more than there are: paid by those who come in the next hour.
    assert_eq!(limiter.usage_async("a").await.unwrap()[0].used, 1);
    let owed = limiter.debit_async("a", 6).await.unwrap();
    assert!(limiter.queued_async().await.unwrap() >= 2);
    assert!(owed > HOUR / 2 && is_limited().await);
    let endless = limiter.debit_async("a", u64::MAX).await;
    assert!(matches!(endless, Err(DebitError::TooMuch { .. })));
    assert!(limiter.dispose_async("a").await.unwrap());
    limiter.try_acquire_async("a").await.unwrap();

    let end = limiter.pause_async("a", HOUR).await.unwrap();
    assert!(end > limiter.now_async().await.unwrap() && is_limited().await);
    limiter.try_acquire_async("b").await.unwrap();
    assert!(limiter.resume_async("a").await.unwrap());
    assert!(!limiter.resume_async("a").await.unwrap());
    limiter.pause_all_async(HOUR).await.unwrap();
    assert!(is_limited().await);
    assert!(limiter.resume_all_async().await.unwrap());
    limiter.pause_until_async("a", end).await.unwrap();
    assert!(is_limited().await && limiter.resume_async("a").await.unwrap());
    limiter.pause_all_until_async(end).await.unwrap();
    assert!(is_limited().await && limiter.resume_all_async().await.unwrap());
    let long = limiter.pause_async("a", limiter.longest_pause() * 2).await;
    assert!(matches!(long, Err(PauseError::TooLong { .. })), "{long:?}");
    limiter.try_acquire_async("a").await.unwrap();

    limiter.set_rates_async([Rate::new(2, HOUR)]).await.unwrap();
    assert!(is_limited().await);
    assert_eq!(limiter.rates(), [Rate::new(2, HOUR)]);
    assert_eq!(limiter.leak_async().await.unwrap(), 0);
    limiter.flush_async().await.unwrap();
    assert!(!is_limited().await);
}
