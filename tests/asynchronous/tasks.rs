//! Tasks on tokio, beside threads and processes: their order, their deadlines, and that no
//! executor thread waits.

use crate::common::scene::ms;
use crate::common::{Chance, Process, Scene, eventually, grant, logged};
use crate::stand::{
    HOUR, check, eventually_async, hourly, limiter, one_thread, poll_once, several_threads,
};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use tidegate::{AcquireError, Limiter, Permit, Rate, Reservation};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

#[test]
fn futures_of_a_limiter_go_to_other_threads_and_live_as_long_as_it() {
    fn is_sent<T: Send + 'static>(value: T) -> T {
        value
    }
    let forever: &'static Limiter = Box::leak(Box::new(
        Limiter::in_memory()
            .rate(Rate::new(3, HOUR))
            .open()
            .unwrap(),
    ));
    let waits = is_sent(forever.acquire_async("name"));
    let waits_less = is_sent(forever.acquire_timeout_async(String::new(), 1, HOUR));
    let place: Reservation<'static> = is_sent(forever.reserve("", 1, HOUR).unwrap());
    let waits_for_place = is_sent(place.wait_async());
    assert_eq!(
        forever.count().unwrap(),
        1,
        "nothing is asked before the first poll"
    );
    several_threads().block_on(async {
        for granted in [
            tokio::spawn(waits).await,
            tokio::spawn(waits_less).await,
            tokio::spawn(waits_for_place).await,
        ] {
            let permit: Permit<'static> = is_sent(granted.unwrap().unwrap());
            assert_eq!((permit.weight(), permit.sleeps()), (1, 0));
        }
    });
    assert_eq!(forever.count().unwrap(), 3);
}

#[test]
fn a_deadline_that_cannot_be_met_fails_at_the_first_poll_and_takes_nothing() {
    let limiter = hourly(1);
    limiter.try_acquire("").unwrap();
    let refused = poll_once(pin!(limiter.acquire_timeout_async("", 1, ms(1000))));
    assert!(matches!(
        refused,
        Poll::Ready(Err(AcquireError::Limited { .. }))
    ));
    let heavy = poll_once(pin!(limiter.acquire_timeout_async("", 2, HOUR)));
    assert!(matches!(
        heavy,
        Poll::Ready(Err(AcquireError::WeightTooLarge { .. }))
    ));
    assert_eq!(limiter.inspect().unwrap().reserved, 1);
}

#[test]
fn thousands_of_waiting_tasks_block_no_executor_thread() {
    let limiter = hourly(1);
    limiter.try_acquire("").unwrap();
    let waiting = limiter.clone();
    // All of it is on one thread: were one of them to sleep on it, the others would as well.
    let executor = std::thread::spawn(move || {
        one_thread().block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..3_000 {
                let limiter = waiting.clone();
                tasks.spawn(async move { drop(limiter.acquire_async("").await) });
            }
            eventually_async("them to wait", || waiting.queued().unwrap() == 3_000).await;
            // Beside them other tasks run, and their timers end.
            let others = (0..100).map(|_| async { sleep(ms(1)).await });
            others.collect::<JoinSet<()>>().join_all().await;
            assert_eq!(waiting.queued().unwrap(), 3_000);
            tasks.shutdown().await;
        });
    });
    eventually("the end", || executor.is_finished());
    executor.join().unwrap();
    assert_eq!(limiter.queued().unwrap(), 0);
}

#[test]
fn tasks_on_one_thread_are_served_in_the_order_in_which_they_asked() {
    const TASKS: u64 = 50;
    let limiter = limiter(Rate::new(1, ms(2)), 100);
    let mut served = one_thread().block_on(async {
        let mut tasks = JoinSet::new();
        for n in 0..TASKS {
            let limiter = limiter.clone();
            // They begin in the order in which they are spawned.
            tasks.spawn(async move { (limiter.acquire_async("").await.unwrap().at(), n) });
        }
        tasks.join_all().await
    });
    served.sort_unstable();
    let order: Vec<u64> = served.into_iter().map(|(_, n)| n).collect();
    assert_eq!(order, (0..TASKS).collect::<Vec<u64>>());
}

#[test]
fn tasks_threads_and_processes_wait_in_one_queue() {
    const WAITERS: u64 = 12;
    let rate = Rate::new(1, ms(25));
    let Some(scene) = Scene::alone(tasks_threads_and_processes_wait_in_one_queue) else {
        return;
    };
    let builder = scene.limiter().rate(rate).lateness(HOUR);
    let limiter = Arc::new(builder.open().unwrap());
    // Each queues when all before it have.
    let queue_up = |n: u64| {
        let reserved = || limiter.inspect().unwrap().reserved;
        eventually("its turn to queue", || reserved() >= n);
    };
    let wait = |n: u64| {
        let mut log = scene.log(n);
        queue_up(n);
        logged(&limiter, &mut log, n, |limiter| limiter.acquire("")).unwrap();
    };
    // The processes first, for one that forks must have no other threads.
    let processes: Vec<Process> = (0..WAITERS)
        .step_by(3)
        .map(|n| Process::fork(|| wait(n)))
        .collect();
    let runtime = several_threads();
    std::thread::scope(|threads| {
        for n in (1..WAITERS).step_by(3) {
            threads.spawn(move || wait(n));
        }
        for n in (2..WAITERS).step_by(3) {
            queue_up(n);
            let (limiter, mut log) = (limiter.clone(), scene.log(n));
            runtime.spawn(async move {
                let before = limiter.now().unwrap().as_micros();
                let permit = limiter.acquire_async("").await.unwrap();
                log.append(&grant(&limiter, n, before, &permit)).unwrap();
            });
        }
    });
    processes.into_iter().for_each(Process::join);
    eventually("all grants", || scene.grants().len() as u64 == WAITERS);
    scene.judge(&[rate]);
    let mut grants = scene.grants();
    grants.sort_unstable_by_key(|grant| grant.at);
    let order: Vec<u32> = grants.iter().map(|grant| grant.worker).collect();
    assert_eq!(order, (0..WAITERS as u32).collect::<Vec<u32>>());
}

#[test]
fn tasks_of_all_kinds_on_several_threads_are_never_over() {
    let rate = Rate::new(60, ms(10));
    let builder = Limiter::in_memory()
        .rate(rate)
        .queue(9_000)
        .capacity(1 << 15);
    let limiter = Arc::new(builder.open().unwrap());
    let grants = Arc::new(Mutex::new(Vec::new()));
    several_threads().block_on(async {
        let mut tasks = JoinSet::new();
        for n in 0..3_000_u64 {
            let (limiter, grants) = (limiter.clone(), grants.clone());
            tasks.spawn(async move {
                let mut chance = Chance::seeded(n);
                sleep(ms(chance.below(500))).await;
                let before = limiter.now().unwrap().as_micros();
                let weight = 1 + chance.below(4);
                let patience = ms(chance.below(400));
                let granted = match chance.below(4) {
                    0 => timeout(patience, limiter.acquire_timeout_async("", weight, HOUR)).await,
                    1 => Ok(limiter.acquire_timeout_async("", weight, patience).await),
                    2 if chance.below(50) == 0 => return drop(limiter.pause("", ms(10)).map(Some)),
                    _ => Ok(limiter.acquire_timeout_async("", weight, HOUR).await),
                };
                match granted {
                    Ok(Ok(mut permit)) => {
                        let unused = chance.below(permit.weight() + 1);
                        permit.refund_n(unused).unwrap();
                        let grant = grant(&limiter, n, before, &permit);
                        grants.lock().unwrap().push(grant);
                    }
                    // Its time was up; or it could not be in time, perhaps when it woke late.
                    Err(_) | Ok(Err(AcquireError::Limited { .. })) => {}
                    Ok(Err(error)) => panic!("{error}"),
                }
            });
        }
        while let Some(end) = tasks.join_next().await {
            end.unwrap();
        }
    });
    let grants = grants.lock().unwrap();
    check(&grants, rate);
    let waited = grants.iter().filter(|grant| grant.sleeps > 0).count();
    assert!(waited > 500, "only {waited} waited");
    eventually("an empty bucket", || limiter.count().unwrap() == 0);
}
