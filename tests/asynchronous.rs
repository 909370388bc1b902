//! Waiting tasks: what they take, give back and leave to others; on tokio, on smol, and on
//! timers that cannot be relied upon.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Chance, Process, Scene, eventually, logged};
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Permit, Rate, Reservation};
use tidegate_judge::{Grant, judge};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);

/// All tasks on this thread.
fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn several_threads() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(3).enable_time().build().unwrap()
}

/// Nobody queues again because a busy machine woke it late.
fn limiter(rate: Rate, queue: u64) -> Arc<Limiter> {
    let builder = Limiter::in_memory().rate(rate).lateness(HOUR);
    Arc::new(builder.queue(queue).open().unwrap())
}

/// Room for as many who wait and cancel as the tests have.
fn hourly(limit: u64) -> Arc<Limiter> {
    let builder = Limiter::in_memory()
        .rate(Rate::new(limit, HOUR))
        .lateness(HOUR);
    let builder = builder.queue(10_000).capacity(65_536);
    Arc::new(builder.open().unwrap())
}

/// Polls a future once.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A future that is ready at the `polls`th time that it is polled.
fn ready_after(polls: u64) -> impl Future<Output = ()> {
    let mut left = polls;
    poll_fn(move |_| {
        left = left.saturating_sub(1);
        match left {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
}

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
fn a_future_that_is_dropped_at_any_await_point_gives_its_place_back() {
    let mut lengths = Vec::new();
    for drop_at in 1_u64.. {
        let limiter = hourly(1);
        limiter.pause("", HOUR).unwrap();
        let mut other = Some(limiter.reserve("", 1, 3 * HOUR).unwrap());
        let mut is_over = false;
        {
            // Each sleep is polled twice, and is over before its time.
            let mut wait = pin!(limiter.acquire_with("", 1, 3 * HOUR, |_| ready_after(2)));
            for poll in 1..=drop_at {
                // It waits behind the pause; then, without a place, for what is left of it to
                // go; and then it is its turn.
                match poll {
                    4 => assert!(limiter.resume("").unwrap()),
                    7 => drop(other.take()),
                    _ => {}
                }
                if let Poll::Ready(granted) = poll_once(wait.as_mut()) {
                    assert_eq!(granted.unwrap().weight(), 1);
                    is_over = true;
                    break;
                }
                let places = [(1..=3, 2), (4..=6, 1)];
                let expected = places.iter().find(|(polls, _)| polls.contains(&poll));
                let queued = limiter.queued().unwrap();
                assert_eq!(Some(queued), expected.map(|(_, places)| *places), "{poll}");
            }
        }
        drop(other);
        assert_eq!(limiter.queued().unwrap(), 0);
        assert_eq!(
            limiter.count().unwrap(),
            u64::from(is_over),
            "dropped at {drop_at}"
        );
        lengths.push(drop_at);
        if is_over {
            break;
        }
    }
    assert_eq!(lengths.len(), 7, "of its await points");
}

#[test]
fn each_way_to_wait_without_a_thread_gives_its_place_back_when_dropped() {
    async fn polled<F: Future>(times: u64, future: F) {
        let mut future = pin!(future);
        for _ in 0..times {
            poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await;
        }
    }
    let limiter = hourly(1);
    limiter.try_acquire("").unwrap();
    one_thread().block_on(async {
        for times in 0..3 {
            polled(times, limiter.acquire_async("")).await;
            polled(times, limiter.acquire_timeout_async("", 1, HOUR)).await;
            let place = limiter.reserve("", 1, HOUR).unwrap();
            polled(times, place.wait_async()).await;
            let timer = smol::Timer::after;
            polled(times, limiter.acquire_with("", 1, HOUR, timer)).await;
            assert_eq!(limiter.queued().unwrap(), 0);
        }
    });
    // Those who were polled had one; and those who had reserved before.
    assert_eq!(limiter.inspect().unwrap().reserved, 1 + 2 * 3 + 3);
}

#[test]
fn ten_thousand_tasks_that_all_time_out_leave_the_limiter_as_if_they_had_never_come() {
    let (limiter, twin) = (hourly(7), hourly(7));
    limiter.try_acquire_n("", 7).unwrap();
    twin.try_acquire_n("", 7).unwrap();
    one_thread().block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..10_000 {
            let limiter = limiter.clone();
            tasks.spawn(async move {
                let wait = timeout(ms(300), limiter.acquire_async(""));
                assert!(wait.await.is_err(), "it cannot be granted");
            });
        }
        tokio::task::yield_now().await;
        eventually_async("them to queue", || limiter.queued().unwrap() > 0).await;
        while let Some(end) = tasks.join_next().await {
            end.unwrap();
        }
    });
    assert_eq!(limiter.inspect().unwrap().reserved, 7 + 10_000);
    assert_eq!(
        (limiter.queued().unwrap(), limiter.count().unwrap()),
        (0, 7)
    );
    let turns = |limiter: &Limiter| -> Vec<Duration> {
        let start = limiter.peek("", 0).unwrap().unwrap();
        let places: Vec<_> = (0..30)
            .map(|_| limiter.reserve("", 1, 100 * HOUR).unwrap())
            .collect();
        let turn = |place: &Reservation<'_>| place.ready_at().duration_since(start);
        places.iter().map(turn).collect()
    };
    assert_eq!(turns(&limiter), turns(&twin));
}

/// Waits without blocking the thread.
async fn eventually_async(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if is_so() {
            return;
        }
        sleep(ms(1)).await;
    }
    panic!("waited in vain: {what}");
}

#[test]
fn what_select_and_abort_drop_is_given_back() {
    let limiter = hourly(2);
    limiter.try_acquire_n("", 2).unwrap();
    one_thread().block_on(async {
        tokio::select! {
            granted = limiter.acquire_async("") => panic!("{granted:?}"),
            () = sleep(ms(5)) => {}
        }
        assert_eq!(limiter.queued().unwrap(), 0);
        let mut kept = pin!(limiter.acquire_async(""));
        for _ in 0..3 {
            // Borrowed, it keeps its place over the rounds.
            tokio::select! {
                biased;
                granted = kept.as_mut() => panic!("{granted:?}"),
                () = sleep(ms(1)) => {}
            }
            assert_eq!(limiter.queued().unwrap(), 1);
        }
        let waiting = limiter.clone();
        let task = tokio::spawn(async move { waiting.acquire_async("").await.map(drop) });
        eventually_async("its place", || limiter.queued().unwrap() == 2).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(limiter.queued().unwrap(), 1);
    });
    assert_eq!(
        limiter.inspect().unwrap().queued,
        0,
        "the pinned one is gone"
    );
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

/// What a task was granted, on the limiter's clock.
fn grant(limiter: &Limiter, worker: u64, before: u64, permit: &Permit<'_>) -> Grant {
    Grant {
        before,
        at: permit.at().as_micros(),
        after: limiter.now().as_micros(),
        weight: permit.weight(),
        worker: worker as u32,
        sleeps: permit.sleeps(),
    }
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
                let before = limiter.now().as_micros();
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

/// Fails unless all grants keep to the rate, and none was acted upon before its instant.
fn check(grants: &[Grant], rate: Rate) {
    assert!(grants.iter().all(Grant::is_in_order));
    let verdict = judge(grants, &common::by_the_book(&[rate]));
    assert!(verdict.holds(), "{verdict}");
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
                let before = limiter.now().as_micros();
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
                let before = limiter.now().as_micros();
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
                    let before = limiter.now().as_micros();
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
