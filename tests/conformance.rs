//! What every kind of limiter does, wherever its bucket lives. Each kind runs the same
//! tests.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;
use tidegate::{
    AcquireError, Builder, Leaker, Limiter, MemoryBucket, Pass, Permit, Rate, SharedBucket,
    Timestamp,
};

/// Longer than any test takes, however slow the machine.
const LONG: Duration = Duration::from_secs(3600);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(40);

/// A limiter that others can open again, removed when dropped.
struct Site<B = SharedBucket> {
    open: Box<dyn Fn() -> Builder<B>>,
    remove: Box<dyn Fn()>,
}

impl<B> Drop for Site<B> {
    fn drop(&mut self) {
        (self.remove)();
    }
}

fn unique(kind: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "test-{kind}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

fn in_memory() -> Site<MemoryBucket> {
    Site {
        open: Box::new(Limiter::in_memory),
        remove: Box::new(|| ()),
    }
}

fn shared() -> Site {
    let name = unique("shared");
    let removed = name.clone();
    Site {
        open: Box::new(move || Limiter::shared(name.as_str())),
        remove: Box::new(move || drop(tidegate::remove(&removed))),
    }
}

fn at() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("segment");
    Site {
        open: Box::new(move || Limiter::at(&path)),
        remove: Box::new(move || assert!(folder.path().is_dir())),
    }
}

#[cfg(feature = "portable")]
fn portable() -> Site {
    let name = unique("portable");
    let removed = name.clone();
    Site {
        open: Box::new(move || Limiter::portable(name.as_str())),
        remove: Box::new(move || drop(tidegate::remove_portable(&removed))),
    }
}

fn retry_after(result: Result<Permit<'_>, AcquireError>) -> Duration {
    match result {
        Err(AcquireError::Limited { retry_after, .. }) => retry_after,
        other => panic!("not limited: {other:?}"),
    }
}

fn a_window_holds_its_limit_and_not_one_more<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(5, LONG)).open().unwrap();
    for _ in 0..5 {
        let before = limiter.now().unwrap();
        let permit = limiter.try_acquire("x").unwrap();
        assert!(before <= permit.at() && permit.at() <= limiter.now().unwrap());
    }
    let wait = retry_after(limiter.try_acquire("x"));
    assert!(
        wait <= LONG + Duration::from_micros(2) && wait > LONG / 2,
        "{wait:?}"
    );
    assert_eq!(limiter.count().unwrap(), 5);
}

fn a_weight_is_taken_whole_or_not_at_all<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(5, LONG)).open().unwrap();
    assert_eq!(limiter.try_acquire_n("x", 3).unwrap().weight(), 3);
    retry_after(limiter.try_acquire_n("x", 3));
    assert_eq!(limiter.count().unwrap(), 3);
    assert_eq!(limiter.try_acquire_n("x", 0).unwrap().weight(), 0);
    limiter.try_acquire_n("x", 2).unwrap();
    assert!(matches!(
        limiter.try_acquire_n("x", 6),
        Err(AcquireError::WeightTooLarge { weight: 6, rate }) if rate.limit() == 5
    ));
    assert!(matches!(
        limiter.waiting("", u64::MAX),
        Err(AcquireError::WeightTooLarge { .. })
    ));
}

fn the_rate_that_refuses_is_named<B>(site: Site<B>) {
    let narrow = Rate::new(2, Duration::from_millis(1));
    let wide = Rate::new(3, LONG);
    let limiter = (site.open)().rates([narrow, wide]).open().unwrap();
    for _ in 0..3 {
        limiter.acquire("x").unwrap();
    }
    match limiter.try_acquire("x") {
        Err(AcquireError::Limited { rate, .. }) => assert_eq!(rate, wide),
        other => panic!("not limited: {other:?}"),
    }
    assert_eq!(limiter.rates(), [narrow, wide]);
}

fn waiting_is_what_retry_after_says_and_takes_nothing<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(1, LONG)).open().unwrap();
    assert_eq!(limiter.waiting("", 1).unwrap(), Duration::ZERO);
    assert_eq!(limiter.count().unwrap(), 0);
    limiter.try_acquire("x").unwrap();
    let first = limiter.waiting("", 1).unwrap();
    let second = retry_after(limiter.try_acquire("x"));
    assert!(second <= first && first <= LONG + Duration::from_micros(2));
}

fn a_waiter_goes_when_the_window_has_room<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(2, SHORT)).open().unwrap();
    let permits: Vec<_> = (0..6).map(|_| limiter.acquire("x").unwrap()).collect();
    for pair in permits.windows(3) {
        assert!(pair[2].at().duration_since(pair[0].at()) >= SHORT);
    }
    assert!(limiter.now().unwrap() >= permits[5].at());
    assert!(permits.iter().any(|permit| permit.sleeps() > 0));
}

fn a_turn_that_comes_too_late_fails_at_once_and_takes_nothing<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(1, LONG)).open().unwrap();
    limiter.try_acquire("x").unwrap();
    let before = limiter.now().unwrap();
    retry_after(limiter.acquire_timeout("x", 1, LONG / 2));
    assert!(limiter.now().unwrap().duration_since(before) < LONG / 4);
    assert_eq!(limiter.queued().unwrap(), 0);
    assert_eq!(limiter.count().unwrap(), 1);
}

fn a_full_queue_is_an_error_of_its_own<B>(site: Site<B>) {
    let limiter = (site.open)()
        .rate(Rate::new(1, LONG))
        .queue(0)
        .open()
        .unwrap();
    limiter.acquire("x").unwrap();
    match limiter.acquire_timeout("x", 1, 2 * LONG) {
        Err(AcquireError::QueueFull {
            weight: 1,
            queue: 0,
            retry_after,
        }) => assert!(retry_after > LONG / 2),
        other => panic!("not full: {other:?}"),
    }
}

fn a_flush_empties_the_bucket<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(3, LONG)).open().unwrap();
    limiter.try_acquire_n("x", 3).unwrap();
    limiter.flush().unwrap();
    assert_eq!(limiter.count().unwrap(), 0);
    limiter.try_acquire_n("x", 3).unwrap();
    retry_after(limiter.try_acquire("x"));
}

fn a_leak_forgets_only_what_counts_no_more<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(3, SHORT)).open().unwrap();
    let old = limiter.try_acquire_n("x", 2).unwrap();
    while limiter.now().unwrap().duration_since(old.at()) <= SHORT + Duration::from_micros(1) {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(limiter.leak().unwrap(), 2);
    assert_eq!(limiter.leak().unwrap(), 0);
    assert_eq!(limiter.count().unwrap(), 0);
}

fn permits_are_peeked_newest_first<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(3, LONG)).open().unwrap();
    let taken: Vec<Timestamp> = (0..3)
        .map(|_| limiter.try_acquire("x").unwrap().at())
        .collect();
    for (nth, at) in taken.iter().rev().enumerate() {
        let peeked = limiter.peek("", nth as u64).unwrap().unwrap();
        assert!(
            *at <= peeked && peeked.duration_since(*at) <= Duration::from_millis(100),
            "{at} {peeked}"
        );
    }
    assert_eq!(limiter.peek("", 3).unwrap(), None);
    assert_eq!(limiter.peek("", u64::MAX).unwrap(), None);
}

fn threads_share_one_limit<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(100, LONG)).open().unwrap();
    let granted: usize = thread::scope(|scope| {
        let one = || {
            (0..100)
                .filter(|_| limiter.try_acquire("x").is_ok())
                .count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(granted, 100);
}

fn a_snapshot_shows_what_was_done<B>(site: Site<B>) {
    let limiter = (site.open)()
        .rate(Rate::new(3, LONG))
        .queue(5)
        .capacity(32)
        .open()
        .unwrap();
    limiter.try_acquire_n("x", 3).unwrap();
    let seen = limiter.inspect().unwrap();
    assert_eq!((seen.count, seen.reserved, seen.queued), (3, 3, 0));
    assert_eq!((seen.queue, seen.capacity), (5, 32));
    assert!(seen.waiting > LONG / 2);
}

fn a_leaker_leads_and_tells<B>(site: Site<B>) {
    let limiter = (site.open)().rate(Rate::new(3, LONG)).open().unwrap();
    let mut leaker = Leaker::new(&limiter).interval(Duration::from_secs(1));
    let mut passes = 0;
    leaker.run(
        |_| {
            passes += 1;
            passes < 3
        },
        |error| panic!("{error}"),
    );
    assert!(matches!(
        leaker.pass().unwrap(),
        Pass::Led { leaked: 0, .. }
    ));
    if let Some(segment) = limiter.inspect().unwrap().segment {
        let told = segment.leaker.unwrap();
        assert_eq!((told.passes, told.is_alive), (4, true));
    }
}

fn handles_of_one_segment_share_its_bucket(site: Site) {
    let rate = Rate::new(3, LONG);
    let one = (site.open)().rate(rate).create_only().open().unwrap();
    let two = (site.open)().rate(rate).attach_only().open().unwrap();
    one.try_acquire("x").unwrap();
    two.try_acquire_n("y", 2).unwrap();
    retry_after(one.try_acquire("x"));
    retry_after(two.try_acquire("x"));
    let now = [&one, &two, &one].map(|limiter| limiter.now().unwrap());
    assert!(now.is_sorted(), "{now:?}");
}

fn other_rates_are_refused_or_adopted(site: Site) {
    let rate = Rate::new(3, LONG);
    let _first = (site.open)().rate(rate).open().unwrap();
    let error = (site.open)()
        .rate(Rate::new(4, LONG))
        .open()
        .unwrap_err()
        .to_string();
    assert!(error.contains("3/h") && error.contains("4/h"), "{error}");
    let error = (site.open)()
        .rate(rate)
        .queue(7)
        .open()
        .unwrap_err()
        .to_string();
    assert!(error.contains("queue") && error.contains('7'), "{error}");
    assert_eq!(
        (site.open)()
            .rate(Rate::new(4, LONG))
            .adopt()
            .open()
            .unwrap()
            .rates(),
        [rate]
    );
    let error = (site.open)()
        .rate(rate)
        .create_only()
        .open()
        .unwrap_err()
        .to_string();
    assert!(error.contains("already"), "{error}");
}

fn what_is_not_there_cannot_be_attached_to(site: Site) {
    for wish in [
        (site.open)().rate(Rate::per_hour(1)).attach_only(),
        (site.open)().adopt(),
    ] {
        let error = wish.open().unwrap_err().to_string();
        assert!(error.contains("there is no segment"), "{error}");
    }
}

fn a_removed_segment_is_opened_anew_on_the_next_call(site: Site) {
    let rate = Rate::new(1, LONG);
    let limiter = (site.open)().rate(rate).open().unwrap();
    let follower = (site.open)().rate(rate).attach_only().open().unwrap();
    limiter.try_acquire("x").unwrap();
    (site.remove)();
    let error = follower.try_acquire("x").unwrap_err().to_string();
    assert!(error.contains("removed"), "{error}");
    limiter.try_acquire("x").unwrap();
    retry_after(follower.try_acquire("x"));
    retry_after(limiter.try_acquire("x"));
}

macro_rules! kinds {
    ($kinds:tt $(#[$attr:meta])* $($test:ident)*) => { $(kinds!(@ $kinds $test);)* };
    (@ [$($(#[$attr:meta])* $kind:ident),*] $test:ident) => {
        mod $test { $($(#[$attr])* #[test] fn $kind() { super::$test(super::$kind()); })* }
    };
}

kinds! {
    [in_memory, shared, at, #[cfg(feature = "portable")] portable]
    a_window_holds_its_limit_and_not_one_more
    a_weight_is_taken_whole_or_not_at_all
    the_rate_that_refuses_is_named
    waiting_is_what_retry_after_says_and_takes_nothing
    a_waiter_goes_when_the_window_has_room
    a_turn_that_comes_too_late_fails_at_once_and_takes_nothing
    a_full_queue_is_an_error_of_its_own
    a_flush_empties_the_bucket
    a_leak_forgets_only_what_counts_no_more
    permits_are_peeked_newest_first
    threads_share_one_limit
    a_snapshot_shows_what_was_done
    a_leaker_leads_and_tells
}

kinds! {
    [shared, at, #[cfg(feature = "portable")] portable]
    handles_of_one_segment_share_its_bucket
    other_rates_are_refused_or_adopted
    what_is_not_there_cannot_be_attached_to
}

kinds! {
    [shared, #[cfg(feature = "portable")] portable]
    a_removed_segment_is_opened_anew_on_the_next_call
}
