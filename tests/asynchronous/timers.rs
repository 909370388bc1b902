//! Other timers than tokio's, and such as cannot be relied upon.

use crate::common::scene::ms;
use crate::common::{Chance, grant};
use crate::stand::{HOUR, check, hourly, limiter, one_thread, poll_once};
use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::Rate;
use tidegate_judge::Grant;
use tokio::task::JoinSet;
use tokio::time::sleep;

#[test]
fn a_timer_that_ends_too_early_or_late_never_lets_anybody_go_before_its_turn() {
    const TASKS: u64 = 60;
    let rate = Rate::new(3, ms(10));
    let limiter = limiter(rate, 1_000);
    let early = Arc::new(AtomicU64::new(0));
    let mut grants = one_thread().block_on(async {
        let mut tasks = JoinSet::new();
        for n in 0..TASKS {
            let (limiter, early) = (limiter.clone(), early.clone());
            tasks.spawn(async move {
                let before = limiter.now().unwrap().as_micros();
                let mut chance = Chance::seeded(n);
                // At once, and many times; before its time; as a timer that stood still.
                let erratic = |time: Duration| {
                    let (slept, polls) = match chance.below(4) {
                        0 => (ms(0), 1),
                        1 => (ms(0), 3),
                        2 => (time.mul_f64(0.7), 1),
                        _ => (time + ms(chance.below(8)), 1),
                    };
                    early.fetch_add(u64::from(slept < time), Ordering::Relaxed);
                    async move {
                        for _ in 1..polls {
                            tokio::task::yield_now().await;
                        }
                        match slept.is_zero() {
                            true => {}
                            false => sleep(slept).await,
                        }
                    }
                };
                let place = limiter.reserve("", 1, HOUR).unwrap();
                let promised = place.ready_at();
                let permit = place.wait_with(erratic).await.unwrap();
                assert_eq!(permit.at(), promised);
                grant(&limiter, n, before, &permit)
            });
        }
        tasks.join_all().await
    });
    check(&grants, rate);
    grants.sort_unstable_by_key(|grant| grant.at);
    assert!(
        grants.is_sorted_by_key(|grant| grant.worker),
        "in their order"
    );
    assert!(early.load(Ordering::Relaxed) > TASKS);
}

#[test]
fn a_far_turn_is_slept_for_in_steps_for_the_timer_may_stand_still_meanwhile() {
    let limiter = hourly(1);
    limiter.try_acquire("").unwrap();
    let asked = Mutex::new(Vec::new());
    let mut wait = pin!(limiter.acquire_with("", 1, HOUR, |time| {
        let mut asked = asked.lock().unwrap();
        asked.push(time);
        // Three times it says that it has slept; then it does.
        let is_honest = asked.len() > 3;
        async move {
            if is_honest {
                pending().await
            }
        }
    }));
    assert!(poll_once(wait.as_mut()).is_pending());
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|time| *time <= ms(60_000)), "{asked:?}");
}

#[test]
fn another_runtime_drives_the_same_waits() {
    let rate = Rate::new(5, ms(10));
    let limiter = limiter(rate, 1_000);
    let tick = async |time| {
        smol::Timer::after(time).await;
    };
    let mut grants: Vec<Grant> = smol::block_on(async {
        let executor = smol::LocalExecutor::new();
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let limiter = &limiter;
                executor.spawn(async move {
                    let before = limiter.now().unwrap().as_micros();
                    let wait = async {
                        let permit = limiter.acquire_with("", 1, HOUR, tick).await.unwrap();
                        Some(grant(limiter, n, before, &permit))
                    };
                    // Every other one is dropped before its turn can come.
                    let too_long = async {
                        smol::Timer::after(ms(1)).await;
                        None
                    };
                    match n % 2 {
                        0 => wait.await,
                        _ => smol::future::or(too_long, wait).await,
                    }
                })
            })
            .collect();
        let mut grants = Vec::new();
        let all = async {
            for task in tasks {
                grants.extend(task.await);
            }
        };
        executor.run(all).await;
        grants
    });
    assert!((50..=100).contains(&grants.len()), "{}", grants.len());
    check(&grants, rate);
    grants.sort_unstable_by_key(|grant| grant.at);
    assert!(
        grants.is_sorted_by_key(|grant| grant.worker),
        "in their order"
    );
    assert_eq!(
        limiter.queued().unwrap(),
        0,
        "those who were dropped are gone"
    );
}
