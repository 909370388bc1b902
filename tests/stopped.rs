//! Processes that are stopped, for as long as you like, and go on: nobody waits for them,
//! and they do not all go at once when they wake.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Chance, Process, Scene, eventually, logged};
use tidegate::{AcquireError, Limiter, Rate};
use tidegate_judge::Log;

/// Takes what it can get.
fn take(limiter: &Limiter, log: &mut Log, worker: u64, chance: &mut Chance) {
    let weight = 1 + chance.below(32);
    let waits = chance.below(16) == 0;
    match logged(limiter, log, worker, |limiter| match waits {
        true => limiter.acquire_timeout("", weight, ms(2)),
        false => limiter.try_acquire_n("", weight),
    }) {
        Ok(_) | Err(AcquireError::Limited { .. } | AcquireError::QueueFull { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn processes_stopped_at_random_moments_hold_up_nobody_and_exceed_nothing() {
    const STOPS: u64 = 600;
    let rates = [Rate::new(32, ms(2)), Rate::new(256, ms(20))];
    let Some(scene) =
        Scene::alone(processes_stopped_at_random_moments_hold_up_nobody_and_exceed_nothing)
    else {
        return;
    };
    let limiter = scene.limiter().rates(rates).queue(64).open().unwrap();
    let worker = |n| {
        let (mut log, mut chance) = (scene.log(n), Chance::new());
        while !scene.heard("the end") {
            take(&limiter, &mut log, n, &mut chance);
        }
    };
    let (mut log, mut chance) = (scene.log("own"), Chance::new());
    let mut crowd: Vec<(Process, bool)> = (1..9)
        .map(|n| (Process::fork(|| worker(n)), false))
        .collect();
    let mut served = 0;
    for _ in 0..STOPS {
        let (process, is_stopped) = &mut crowd[chance.below(8) as usize];
        if *is_stopped {
            process.go_on()
        } else {
            process.stop()
        }
        *is_stopped = !*is_stopped;
        chance.pause(1_000);
        // With each of them wherever it is, others are served.
        let before = limiter.inspect().unwrap().reserved;
        take(&limiter, &mut log, 0, &mut chance);
        served += u64::from(limiter.inspect().unwrap().reserved > before);
    }
    // When all are stopped, whatever they have goes within an interval.
    for (process, is_stopped) in &mut crowd {
        if !*is_stopped {
            process.stop();
        }
    }
    eventually("an empty bucket", || limiter.count().unwrap() == 0);
    for _ in 0..256 / 32 {
        logged(&limiter, &mut log, 0, |limiter| limiter.acquire_n("", 32)).unwrap();
    }
    scene.announce("the end");
    crowd.iter().for_each(|(process, _)| process.go_on());
    crowd.into_iter().for_each(|(process, _)| process.join());
    let verdict = scene.judge(&rates);
    assert!(
        served > 0 && verdict.workers.len() == 9,
        "{served} served; {verdict}"
    );
}

#[test]
fn waiters_that_were_stopped_over_their_times_queue_again_and_do_not_go_in_a_burst() {
    const CROWD: u64 = 16;
    let interval = ms(300);
    let rate = Rate::new(4, interval);
    let Some(scene) = Scene::alone(
        waiters_that_were_stopped_over_their_times_queue_again_and_do_not_go_in_a_burst,
    ) else {
        return;
    };
    let limiter = scene.limiter().rate(rate).open().unwrap();
    let mut log = scene.log("first");
    logged(&limiter, &mut log, CROWD, |limiter| {
        limiter.try_acquire_n("", 4)
    })
    .unwrap();
    let waiter = |n| {
        let mut log = scene.log(n);
        logged(&limiter, &mut log, n, |limiter| limiter.acquire("")).unwrap();
    };
    let crowd: Vec<Process> = (0..CROWD).map(|n| Process::fork(|| waiter(n))).collect();
    eventually("the waiters", || {
        limiter.inspect().unwrap().reserved >= 4 + CROWD
    });
    crowd.iter().for_each(Process::stop);
    // A busy machine may have served the first of them by now: they are no burst.
    let served = scene.grants().len() as u64 - 1;
    assert!(served < CROWD);

    // All are as late as a tenth of the interval, and as much again.
    let last = limiter.peek("", 0).unwrap().unwrap().as_micros();
    let late = last + 2 * interval.as_micros() as u64 / 10;
    eventually("them to be late", || {
        limiter.now().unwrap().as_micros() > late
    });
    let resumed = limiter.now().unwrap().as_micros();
    crowd.iter().for_each(Process::go_on);
    crowd.into_iter().for_each(Process::join);
    let verdict = scene.judge(&[rate]);
    assert_eq!(verdict.total.weight, u128::from(4 + CROWD));
    let afresh = scene
        .grants()
        .iter()
        .filter(|grant| grant.at >= resumed)
        .count() as u64;
    assert_eq!(afresh, CROWD - served, "some went on a time that was over");
}

#[test]
fn a_stopped_waiter_s_deadline_holds_when_it_queues_again() {
    let rate = Rate::new(1, ms(500));
    let Some(scene) = Scene::alone(a_stopped_waiter_s_deadline_holds_when_it_queues_again) else {
        return;
    };
    let limiter = scene.limiter().rate(rate).open().unwrap();
    assert!(limiter.try_acquire("").is_ok());
    let waiter = Process::fork(|| {
        let outcome = limiter.acquire_timeout("", 1, ms(600));
        assert!(
            matches!(outcome, Err(AcquireError::Limited { .. })),
            "{outcome:?}"
        );
    });
    let reserved = || limiter.inspect().unwrap().reserved;
    eventually("the waiter", || reserved() == 2);
    waiter.stop();
    let stopped = limiter.now().unwrap();
    eventually("its deadline", || {
        limiter.now().unwrap().duration_since(stopped) > ms(700)
    });
    // When it wakes, it is too late, and others are before it.
    let others = || drop(limiter.acquire("").map(Some));
    let _others: Vec<Process> = (0..4).map(|_| Process::fork(others)).collect();
    eventually("the others", || reserved() == 6);
    waiter.go_on();
    waiter.join();
    assert_eq!(reserved(), 6, "it took something");
}
