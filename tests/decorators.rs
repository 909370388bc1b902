//! Functions that take permits before each call: by the attribute macro, and wrapped.
//! What is refused is never called.
#![cfg(target_os = "linux")]
// What the macro writes must not set off a lint that its user has asked for.
#![deny(warnings, clippy::pedantic)]

#[allow(clippy::pedantic, reason = "no macro is in it")]
mod common;

use common::{Process, Scene};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Rate, rate_limited};

const HOUR: Duration = Duration::from_secs(3600);

fn hourly(limit: u64) -> Limiter {
    let rate = Rate::new(limit, HOUR);
    Limiter::in_memory().rate(rate).keys(16).open().unwrap()
}

/// One whose permits are back in a moment: so its callers wait.
fn brisk() -> Limiter {
    let rate = Rate::new(1, Duration::from_millis(30));
    let limiter = Limiter::in_memory().rate(rate).lateness(HOUR);
    limiter.open().unwrap()
}

/// An error of the caller's own.
#[derive(Debug)]
enum Failed {
    Limited(AcquireError),
    Itself,
}

impl From<AcquireError> for Failed {
    fn from(error: AcquireError) -> Self {
        Self::Limited(error)
    }
}

fn is_limited<T>(outcome: Result<T, AcquireError>) -> bool {
    match outcome {
        Ok(_) => false,
        Err(AcquireError::Limited { .. }) => true,
        Err(other) => panic!("{other}"),
    }
}

#[rate_limited(limiter = limiter, no_wait)]
fn counted(limiter: &Limiter, calls: &Cell<u64>) -> Result<u64, Failed> {
    calls.set(calls.get() + 1);
    Ok(calls.get())
}

#[test]
fn a_refused_call_does_not_run_the_body_and_says_why() {
    let (limiter, calls) = (hourly(2), Cell::new(0));
    for call in 1..=2 {
        assert_eq!(counted(&limiter, &calls).unwrap(), call);
    }
    for _ in 0..5 {
        match counted(&limiter, &calls) {
            Err(Failed::Limited(AcquireError::Limited { rate, .. })) => {
                assert_eq!(rate, Rate::new(2, HOUR));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(calls.get(), 2);
}

#[test]
fn the_name_is_the_functions_own_unless_another_is_given() {
    #[rate_limited(limiter = limiter, no_wait)]
    fn r#loop(limiter: &Limiter) -> Result<(), AcquireError> {
        Ok(())
    }
    #[rate_limited(limiter = limiter, name = "another", no_wait)]
    fn named(limiter: &Limiter) -> Result<(), AcquireError> {
        Ok(())
    }
    let limiter = hourly(9);
    r#loop(&limiter).unwrap();
    named(&limiter).unwrap();
    named(&limiter).unwrap();
    assert_eq!(limiter.bucket("loop").count().unwrap(), 1);
    assert_eq!(limiter.bucket("another").count().unwrap(), 2);
    assert_eq!(limiter.count().unwrap(), 3);
}

#[test]
fn name_and_weight_may_depend_on_the_arguments_which_the_body_still_has() {
    #[rate_limited(
        limiter = limiter,
        name = format!("{host}:{}", parts.len()),
        weight = parts.iter().sum(),
        no_wait
    )]
    fn send(limiter: Limiter, host: String, parts: Vec<u64>) -> Result<String, AcquireError> {
        drop(limiter);
        Ok(host + &"+".repeat(parts.len()))
    }
    #[rate_limited(limiter = limiter, name = host, no_wait)]
    fn by_value(limiter: &Limiter, host: String) -> Result<String, AcquireError> {
        Ok(host)
    }
    let limiter = hourly(10);
    let send = |host: &str, parts| send(limiter.clone(), host.to_owned(), parts);
    assert_eq!(send("a", vec![1, 3]).unwrap(), "a++");
    assert_eq!(send("b", vec![9, 1]).unwrap(), "b++");
    assert!(is_limited(send("b", vec![1, 0])));
    assert!(matches!(
        send("a", vec![6, 5]),
        Err(AcquireError::WeightTooLarge { weight: 11, .. })
    ));
    assert_eq!(by_value(&limiter, "c".to_owned()).unwrap(), "c");
    for (key, count) in [("a:2", 4), ("b:2", 10), ("c", 1)] {
        assert_eq!(limiter.bucket(key).count().unwrap(), count, "{key}");
    }
}

#[test]
fn a_name_that_cannot_be_made_is_an_error_and_takes_nothing() {
    #[rate_limited(limiter = limiter, name = host.ok_or(Failed::Itself)?, no_wait)]
    fn send(limiter: &Limiter, host: Option<&str>, calls: &Cell<u64>) -> Result<(), Failed> {
        calls.set(calls.get() + 1);
        Ok(())
    }
    let (limiter, calls) = (hourly(9), Cell::new(0));
    assert!(matches!(send(&limiter, None, &calls), Err(Failed::Itself)));
    assert_eq!((limiter.count().unwrap(), calls.get()), (0, 0));
    send(&limiter, Some("a"), &calls).unwrap();
    assert_eq!((limiter.count().unwrap(), calls.get()), (1, 1));
}

#[test]
fn a_body_may_return_early_and_its_errors_are_its_own() {
    #[rate_limited(limiter = limiter, no_wait)]
    fn early(limiter: &Limiter, number: i32) -> Result<&'static str, Failed> {
        if number < 0 {
            return Err(Failed::Itself);
        }
        if number == 0 {
            return Ok("zero");
        }
        let number: i8 = number.try_into().map_err(|_| Failed::Itself)?;
        Ok(if number > 9 { "many" } else { "some" })
    }
    let limiter = hourly(5);
    assert!(matches!(early(&limiter, -1), Err(Failed::Itself)));
    assert_eq!(early(&limiter, 0).unwrap(), "zero");
    assert_eq!(early(&limiter, 7).unwrap(), "some");
    assert_eq!(early(&limiter, 77).unwrap(), "many");
    assert!(matches!(early(&limiter, 777), Err(Failed::Itself)));
    assert!(matches!(early(&limiter, 0), Err(Failed::Limited(_))));
    assert_eq!(limiter.count().unwrap(), 5);
}

#[test]
fn each_level_of_a_recursion_takes_its_permits() {
    #[rate_limited(limiter = limiter, weight = 2, no_wait)]
    fn down(limiter: &Limiter, depth: u64) -> Result<u64, AcquireError> {
        match depth {
            0 => Ok(0),
            _ => Ok(1 + down(limiter, depth - 1)?),
        }
    }
    let limiter = hourly(10);
    assert_eq!(down(&limiter, 3).unwrap(), 3);
    assert_eq!(limiter.count().unwrap(), 8);
    assert!(is_limited(down(&limiter, 1)));
    assert_eq!(limiter.count().unwrap(), 10);
}

/// Methods of all kinds.
struct Client<N> {
    limiter: Arc<Limiter>,
    names: Vec<N>,
}

trait Visits {
    fn visit(&mut self) -> Result<usize, AcquireError>;

    #[rate_limited(limiter = hourly(1), no_wait)]
    fn provided(&self) -> Result<u8, AcquireError> {
        Ok(1)
    }
}

impl<N: Display> Client<N> {
    #[rate_limited(limiter = self.limiter, name = self.names[nth].to_string(), no_wait)]
    fn name<'n>(&'n self, nth: usize) -> Result<&'n N, AcquireError>
    where
        N: 'n,
    {
        Ok(&self.names[nth])
    }

    #[rate_limited(limiter = self.limiter, no_wait)]
    fn into_names(self) -> Result<impl Iterator<Item = N>, AcquireError> {
        Ok(self.names.into_iter())
    }

    #[rate_limited(limiter = self.limiter, no_wait)]
    #[must_use = "it was asked for"]
    unsafe fn first(&self, or: impl FnOnce() -> N) -> Result<String, AcquireError> {
        Ok(self
            .names
            .first()
            .map_or_else(|| or().to_string(), N::to_string))
    }
}

impl<N> Visits for Client<N> {
    #[rate_limited(limiter = &self.limiter, no_wait)]
    fn visit(&mut self) -> Result<usize, AcquireError> {
        self.names.pop();
        Ok(self.names.len())
    }
}

#[test]
#[expect(
    unsafe_code,
    reason = "an unsafe function is called, which does nothing unsafe"
)]
fn methods_generic_unsafe_and_of_traits_are_limited_like_functions() {
    let limiter = Arc::new(hourly(1));
    let mut client = Client {
        limiter: Arc::clone(&limiter),
        names: vec![7, 8, 9],
    };
    assert_eq!(client.name(1).unwrap(), &8);
    assert_eq!(client.name(2).unwrap(), &9);
    assert!(is_limited(client.name(1)));
    // SAFETY: it asks nothing of its caller.
    assert_eq!(unsafe { client.first(|| 1) }.unwrap(), "7");
    // SAFETY: as above.
    assert!(is_limited(unsafe { client.first(|| 1) }));
    assert_eq!(client.visit().unwrap(), 2);
    assert!(is_limited(client.visit()));
    assert_eq!(client.provided().unwrap(), 1);
    assert_eq!(client.into_names().unwrap().sum::<i32>(), 15);
    let names = ["8", "9", "first", "visit", "into_names"];
    for name in names {
        assert_eq!(limiter.bucket(name).count().unwrap(), 1, "{name}");
    }
    assert_eq!(limiter.count().unwrap(), 5);
}

/// Functions whose parts other macros have made.
macro_rules! made {
    ($limiter:expr, $name:literal, $function:item, $answer:ty, $body:block) => {
        #[rate_limited(limiter = $limiter, name = $name, no_wait)]
        $function

        #[rate_limited(limiter = $limiter, name = $name, no_wait)]
        fn of_parts() -> $answer $body
    };
}

#[test]
fn functions_may_come_from_macros_and_what_they_use_may_be_named_as_it_likes() {
    static ERROR: LazyLock<Limiter> = LazyLock::new(|| hourly(2));
    made!(
        *ERROR,
        "made",
        fn of_one_piece() -> Result<u8, AcquireError> {
            Ok(1)
        },
        Result<u8, AcquireError>,
        {
            Ok(2)
        }
    );
    mod own {
        pub use ::tidegate as again;
    }
    /// Has names that the macro might think are its own.
    #[rate_limited(crate = own::again, limiter = error, name = refused, no_wait)]
    fn confusing(error: &Limiter, refused: &str) -> core::result::Result<usize, AcquireError> {
        struct Result(usize);
        let permit = error.count()?;
        let Result(length) = Result(refused.len());
        Ok(length + usize::try_from(permit).unwrap())
    }
    assert_eq!(of_one_piece().unwrap(), 1);
    assert_eq!(of_parts().unwrap(), 2);
    assert!(is_limited(of_parts()));
    assert_eq!(confusing(&ERROR, "own").unwrap(), 6);
}

#[test]
fn a_call_waits_its_turn_and_not_longer_than_its_timeout() {
    #[rate_limited(limiter = limiter)]
    fn patient(limiter: &Limiter) -> Result<(), AcquireError> {
        Ok(())
    }
    #[rate_limited(limiter = limiter, timeout = "59m59s")]
    fn impatient(limiter: &Limiter) -> Result<(), AcquireError> {
        Ok(())
    }
    #[rate_limited(limiter = limiter, timeout = 2 * longest)]
    fn as_told(limiter: &Limiter, longest: Duration) -> Result<(), AcquireError> {
        Ok(())
    }
    let limiter = brisk();
    let first = limiter.now();
    for _ in 0..3 {
        patient(&limiter).unwrap();
    }
    impatient(&limiter).unwrap();
    as_told(&limiter, HOUR).unwrap();
    let waited = limiter.now().duration_since(first);
    assert!(waited >= Duration::from_millis(4 * 30), "{waited:?}");

    let limiter = hourly(1);
    impatient(&limiter).unwrap();
    assert!(is_limited(impatient(&limiter)));
    as_told(&limiter, Duration::ZERO).unwrap();
    assert!(is_limited(as_told(&limiter, HOUR / 3)));
    assert_eq!(limiter.count().unwrap(), 2);
}

/// Async functions, on several runtimes.
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
        Ok(BRISK.now())
    }
    let start = BRISK.now();
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
        let start = limiter.now();
        for _ in 0..3 {
            patient(&limiter, &sleeps).await.unwrap();
        }
        let waited = limiter.now().duration_since(start);
        assert!(waited >= Duration::from_millis(2 * 30), "{waited:?}");
        let limiter = hourly(1);
        now(&limiter).await.unwrap();
        assert!(is_limited(now(&limiter).await));
    });
}

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
    let now = limiter.wrap("", 1, |()| limiter.now());
    let start = limiter.now();
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

/// Set before a fork: the processes have one function, and one limit.
static SHARED: OnceLock<Limiter> = OnceLock::new();

#[rate_limited(limiter = SHARED.get().unwrap(), weight = 2, no_wait)]
fn shared(log: &mut Vec<u64>, worker: u64) -> Result<(), AcquireError> {
    log.push(worker);
    Ok(())
}

#[test]
fn two_processes_with_one_decorated_function_share_its_limit() {
    let Some(scene) = Scene::alone(two_processes_with_one_decorated_function_share_its_limit)
    else {
        return;
    };
    let limiter = scene.limiter().rate(Rate::new(41, HOUR)).open().unwrap();
    SHARED.set(limiter.clone()).unwrap();
    let calls = |worker| {
        let mut log = Vec::new();
        while log.len() < 15 && shared(&mut log, worker).is_ok() {}
        std::fs::write(
            scene.file(&format!("calls of {worker}")),
            log.len().to_string(),
        )
        .unwrap();
        assert!(log.iter().all(|by| *by == worker));
    };
    let children: Vec<_> = (0..2).map(|n| Process::fork(|| calls(n))).collect();
    children.into_iter().for_each(Process::join);
    let counted: BTreeMap<u64, u64> = (0..2)
        .map(|n| {
            let file = scene.file(&format!("calls of {n}"));
            (n, std::fs::read_to_string(file).unwrap().parse().unwrap())
        })
        .collect();
    assert_eq!(counted.values().sum::<u64>(), 20, "{counted:?}");
    assert!(counted.values().all(|calls| *calls >= 5), "{counted:?}");
    assert_eq!(limiter.count().unwrap(), 40);
}
