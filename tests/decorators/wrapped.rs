//! Functions that a limiter has wrapped.

use crate::{HOUR, brisk, hourly, is_limited};
use std::cell::Cell;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::AcquireError;

#[test]
fn a_wrapped_function_is_called_only_with_its_permits() {
    let (limiter, calls) = (hourly(5), Cell::new(0));
    let add = |(a, b): (u32, u32)| {
        calls.set(calls.get() + 1);
        a + b
    };
    let add = limiter.wrap("sum", 2, add).no_wait();
    assert_eq!(add.call((1, 2)).unwrap(), 3);
    assert_eq!(add.clone().call((3, 4)).unwrap(), 7);
    assert!(is_limited(add.call((5, 6))));
    assert_eq!(calls.get(), 2);
    assert_eq!(limiter.bucket("sum").count().unwrap(), 4);
    let none = limiter.wrap("none", 6, |()| calls.set(9));
    assert!(matches!(
        none.call(()),
        Err(AcquireError::WeightTooLarge { weight: 6, .. })
    ));
    assert_eq!(calls.get(), 2);
    assert_eq!(
        format!("{add:?}"),
        r#"Wrapped { name: "sum", weight: 2, timeout: 0ns, .. }"#
    );
}

#[test]
fn a_wrapped_function_waits_its_turn_and_not_longer_than_its_timeout() {
    let limiter = brisk();
    let now = limiter.wrap("", 1, |()| limiter.now().unwrap());
    let start = limiter.now().unwrap();
    let instants: Vec<_> = (0..3).map(|_| now.call(()).unwrap()).collect();
    let waited = instants[2].duration_since(start);
    assert!(waited >= Duration::from_millis(2 * 30), "{waited:?}");

    let limiter = hourly(1);
    let once = limiter.wrap("", 1, |()| {}).timeout(HOUR / 2);
    once.call(()).unwrap();
    assert!(is_limited(once.call(())));
}

/// What is wrapped can be kept by those who know nothing of this function's names.
#[test]
fn a_wrapped_function_outlives_its_maker_and_takes_arguments_of_any_lifetime() {
    let fetch = hourly(2).wrap("", 1, |page: &str| page.len()).no_wait();
    let fetch = Arc::new(fetch);
    let of_thread = Arc::clone(&fetch);
    let length = std::thread::spawn(move || {
        let page = String::from("abc");
        of_thread.call(&page).unwrap()
    });
    assert_eq!(length.join().unwrap(), 3);
    let page = "de".to_owned();
    assert_eq!(fetch.call(&page).unwrap(), 2);
    drop(page);
    assert!(is_limited(fetch.call("static")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrapped_async_functions_are_called_only_with_their_permits_on_any_thread() {
    async fn double(number: u64) -> u64 {
        tokio::task::yield_now().await;
        2 * number
    }
    let limiter = hourly(2);
    let double = limiter.wrap("", 1, double).no_wait();
    let of_task = double.clone();
    let task = tokio::spawn(async move { of_task.call_async(4).await });
    assert_eq!(task.await.unwrap().unwrap(), 8);

    // One that lends what it has captured to its futures.
    let log = Mutex::new(Vec::new());
    let keep = async |word: &str| {
        let word = word.to_owned();
        ready(()).await;
        log.lock().unwrap().push(word);
    };
    let keep = limiter.wrap("", 1, keep).timeout(HOUR / 2);
    keep.call_async("kept").await.unwrap();
    let by_smol = keep.call_with("not kept", smol::Timer::after).await;
    assert!(is_limited(by_smol) && is_limited(double.call_async(1).await));
    assert_eq!(*log.lock().unwrap(), ["kept"]);
}
