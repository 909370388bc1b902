//! Pauses and rates that change, seen by other processes at once.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Process, Scene, eventually};
use std::time::{Duration, Instant};
use tidegate::{AcquireError, Limiter, OpenError, PauseError, Rate, SetRatesError, Timestamp};

const HOUR: Duration = Duration::from_secs(3600);

fn is_limited(limiter: &Limiter, name: &str) -> bool {
    matches!(limiter.try_acquire(name), Err(AcquireError::Limited { .. }))
}

#[test]
fn a_pause_of_one_key_holds_for_every_process_and_for_that_key_alone() {
    let Some(scene) =
        Scene::alone(a_pause_of_one_key_holds_for_every_process_and_for_that_key_alone)
    else {
        return;
    };
    let open = || {
        let builder = scene.limiter().rate(Rate::new(5, HOUR)).keys(10);
        builder.open().unwrap()
    };
    let limiter = open();
    Process::fork(|| {
        open().pause("a", HOUR).unwrap();
    })
    .join();
    assert!(is_limited(&limiter, "a"));
    limiter.try_acquire("b").unwrap();
    assert!(limiter.waiting("a", 1).unwrap() > HOUR - ms(60_000));
    assert!(limiter.resume("a").unwrap());
    assert!(!limiter.resume("a").unwrap());
    limiter.try_acquire("a").unwrap();
}

#[test]
fn a_pause_of_all_holds_for_keys_that_are_new_as_well() {
    let Some(scene) = Scene::alone(a_pause_of_all_holds_for_keys_that_are_new_as_well) else {
        return;
    };
    let limiter = scene
        .limiter()
        .rate(Rate::new(5, HOUR))
        .keys(10)
        .open()
        .unwrap();
    limiter.pause_all(HOUR).unwrap();
    assert!(limiter.waiting("never asked before", 1).unwrap() > HOUR - ms(60_000));
    assert!(limiter.waiting("never asked before", 0).unwrap().is_zero());
    assert!(limiter.inspect().unwrap().waiting > HOUR - ms(60_000));
    assert!(is_limited(&limiter, "new"));
    assert!(limiter.inspect().unwrap().paused > Duration::ZERO);
    assert!(limiter.resume_all().unwrap());
    assert!(!limiter.resume_all().unwrap());
    limiter.try_acquire("new").unwrap();
}

#[test]
fn who_wakes_in_a_pause_waits_for_its_end_and_a_resume_reaches_it() {
    let Some(scene) = Scene::alone(who_wakes_in_a_pause_waits_for_its_end_and_a_resume_reaches_it)
    else {
        return;
    };
    let limiter = scene.limiter().rate(Rate::new(1, ms(100))).open().unwrap();
    limiter.try_acquire("").unwrap();
    let waiter = Process::fork(|| {
        let permit = limiter.acquire("").unwrap();
        assert!(permit.sleeps() >= 2, "{permit:?}");
    });
    eventually("its place", || limiter.queued().unwrap() == 1);
    limiter.pause("", HOUR).unwrap();
    // It is at the end of the pause now.
    eventually("its new place", || {
        limiter
            .peek("", 0)
            .unwrap()
            .is_some_and(|at| at.duration_since(limiter.now().unwrap()) > ms(60_000))
    });
    limiter.resume("").unwrap();
    waiter.join();
}

#[test]
fn a_pause_longer_than_can_be_is_an_error_that_says_what_can() {
    let limiter = Limiter::in_memory()
        .rate(Rate::per_second(1))
        .open()
        .unwrap();
    let longest = limiter.longest_pause();
    match limiter.pause("", Duration::MAX) {
        Err(PauseError::TooLong {
            asked,
            longest: said,
        }) => {
            assert!(asked > longest && said == longest);
        }
        other => panic!("{other:?}"),
    }
    assert!(limiter.try_acquire("").is_ok());
    limiter.pause("", longest - ms(60_000)).unwrap();
    assert!(is_limited(&limiter, ""));
}

#[test]
fn new_rates_bind_every_process_from_its_next_call_on() {
    let Some(scene) = Scene::alone(new_rates_bind_every_process_from_its_next_call_on) else {
        return;
    };
    let open = || scene.limiter().rate(Rate::new(2, HOUR)).open().unwrap();
    let (limiter, other) = (open(), open());
    limiter.try_acquire_n("", 2).unwrap();
    assert!(is_limited(&limiter, ""));
    let more = [Rate::new(3, HOUR), Rate::new(5, 2 * HOUR)];
    Process::fork(|| other.set_rates(more).unwrap()).join();
    limiter.try_acquire("").unwrap();
    assert_eq!(limiter.rates(), more);
    match other.try_acquire("") {
        Err(AcquireError::Limited { rate, .. }) => assert_eq!(rate, more[0]),
        answer => panic!("{answer:?}"),
    }
    for limit in 6..60 {
        limiter.set_rates([Rate::new(limit, HOUR)]).unwrap();
        assert_eq!(other.waiting("", limit - 3).unwrap(), Duration::ZERO);
        assert!(other.waiting("", limit - 2).unwrap() > Duration::ZERO);
    }
}

#[test]
fn rates_that_do_not_fit_change_nothing() {
    let limiter = Limiter::in_memory()
        .rate(Rate::per_second(3))
        .queue(10)
        .capacity(16)
        .open()
        .unwrap();
    let too_large = limiter.set_rates([Rate::per_second(7)]);
    let Err(SetRatesError::TooLarge {
        limit: 7,
        queue: 10,
        capacity: 16,
    }) = too_large
    else {
        panic!("{too_large:?}")
    };
    let none = limiter.set_rates([]);
    assert!(matches!(none, Err(SetRatesError::Rates(_))), "{none:?}");
    assert_eq!(limiter.rates(), [Rate::per_second(3)]);
    limiter.set_rates([Rate::per_second(6)]).unwrap();
}

#[test]
fn who_overrides_the_rates_changes_them_for_all_and_who_does_not_is_refused() {
    let Some(scene) =
        Scene::alone(who_overrides_the_rates_changes_them_for_all_and_who_does_not_is_refused)
    else {
        return;
    };
    let old = scene.limiter().rate(Rate::new(2, HOUR)).open().unwrap();
    let asked = || scene.limiter().rate(Rate::new(4, HOUR));
    assert!(matches!(asked().open(), Err(OpenError::RatesDiffer { .. })));
    let new = asked().override_rates().open().unwrap();
    assert_eq!(new.rates(), [Rate::new(4, HOUR)]);
    old.try_acquire_n("", 4).unwrap();
    asked().override_rates().open().unwrap();
    asked().open().unwrap();
    let far = scene
        .limiter()
        .rate(Rate::new(1 << 30, HOUR))
        .override_rates();
    let refused = far.open().map(drop);
    assert!(
        matches!(refused, Err(OpenError::Override(_))),
        "{refused:?}"
    );
}

#[test]
fn a_removed_segment_is_made_anew_before_its_rates_are_set() {
    let Some(scene) = Scene::alone(a_removed_segment_is_made_anew_before_its_rates_are_set) else {
        return;
    };
    let limiter = scene.limiter().rate(Rate::new(2, HOUR)).open().unwrap();
    tidegate::remove(scene.segment()).unwrap();
    limiter.set_rates([Rate::new(3, HOUR)]).unwrap();
    limiter.try_acquire_n("", 3).unwrap();
    assert_eq!(limiter.count().unwrap(), 3);
}

#[test]
fn a_pause_of_a_segment_that_was_made_anew_is_counted_on_its_own_clock() {
    let Some(scene) =
        Scene::alone(a_pause_of_a_segment_that_was_made_anew_is_counted_on_its_own_clock)
    else {
        return;
    };
    let limiter = scene.limiter().rate(Rate::new(1, HOUR)).open().unwrap();
    let pauses: [fn(&Limiter) -> Timestamp; 2] = [
        |limiter| limiter.pause("", ms(50)).unwrap(),
        |limiter| limiter.pause_all(ms(50)).unwrap(),
    ];
    for pause in pauses {
        // The new segment's clock begins anew.
        eventually("a while", || limiter.now().unwrap().as_micros() > 300_000);
        tidegate::remove(scene.segment()).unwrap();
        let until = pause(&limiter);
        assert!(
            until.duration_since(limiter.now().unwrap()) <= ms(50),
            "{until}"
        );
    }
}

#[test]
fn who_waits_behind_a_pause_of_a_segment_that_is_removed_goes_on_in_the_next() {
    let Some(scene) =
        Scene::alone(who_waits_behind_a_pause_of_a_segment_that_is_removed_goes_on_in_the_next)
    else {
        return;
    };
    let limiter = scene.limiter().rate(Rate::new(1, HOUR)).open().unwrap();
    limiter.pause_all(HOUR).unwrap();
    let waiter = Process::fork(|| drop(limiter.acquire("").map(Some)));
    eventually("its place", || limiter.queued().unwrap() == 1);
    // Nobody can end that pause any more.
    tidegate::remove(scene.segment()).unwrap();
    waiter.join();
    assert_eq!(limiter.count().unwrap(), 1);
}

#[test]
fn a_short_pause_after_a_long_one_that_was_ended_holds_nobody_up_until_the_long_one_s_end() {
    const LONG: Duration = Duration::from_secs(60);
    type Pausing = fn(&Limiter, Duration);
    type Resuming = fn(&Limiter) -> bool;
    let ways: [(Pausing, Resuming); 2] = [
        (
            |l, time| _ = l.pause("a", time).unwrap(),
            |l| l.resume("a").unwrap(),
        ),
        (
            |l, time| _ = l.pause_all(time).unwrap(),
            |l| l.resume_all().unwrap(),
        ),
    ];
    for (pause, resume) in ways {
        let limiter = Limiter::in_memory().rate(Rate::new(1, ms(10))).keys(4);
        let limiter = limiter.open().unwrap();
        pause(&limiter, LONG);
        let first = limiter.reserve("a", 1, 2 * LONG).unwrap();
        assert!(resume(&limiter));
        pause(&limiter, ms(50));
        let second = limiter.reserve("a", 1, 2 * LONG).unwrap();
        assert!(second.waiting() > LONG / 2, "behind the first");
        drop(first);
        let asked = Instant::now();
        second.wait().unwrap();
        assert!(asked.elapsed() < LONG / 2);
    }
}
