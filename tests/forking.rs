//! Forking with a live handle: the child goes on using it, whatever its parent's threads
//! are doing, and whoever of the two ends first.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Process, Scene, eventually, logged};
use std::thread;
use tidegate::{AcquireError, Limiter, Rate};
use tidegate_judge::Log;

fn take(limiter: &Limiter, log: &mut Log, worker: u64) {
    match logged(limiter, log, worker, |limiter| limiter.try_acquire("")) {
        Ok(_) | Err(AcquireError::Limited { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn forking_in_the_middle_of_busy_threads_does_no_harm() {
    let rates = [Rate::new(40, ms(2)), Rate::new(1_000, ms(100))];
    let Some(scene) = Scene::alone(forking_in_the_middle_of_busy_threads_does_no_harm) else {
        return;
    };
    let limiter = scene.limiter().rates(rates).open().unwrap();
    thread::scope(|threads| {
        for n in 0..4 {
            let (limiter, scene) = (&limiter, &scene);
            threads.spawn(move || {
                let mut log = scene.log_in_batches_of(64, n);
                while !scene.heard("the end") {
                    match n {
                        0 => drop(logged(limiter, &mut log, n, |l| {
                            l.acquire_timeout("", 3, ms(3))
                        })),
                        _ => take(limiter, &mut log, n),
                    }
                }
            });
        }
        for round in 0..60_u64 {
            let children: Vec<Process> = (0..4)
                .map(|n| {
                    let worker = 100 + 4 * round + n;
                    let mut log = scene.log_in_batches_of(64, worker);
                    Process::fork_among_threads(|| {
                        (0..200).for_each(|_| take(&limiter, &mut log, worker));
                        log.flush().unwrap();
                    })
                })
                .collect();
            children.into_iter().for_each(Process::join);
        }
        scene.announce("the end");
    });
    let verdict = scene.judge(&rates);
    let parents: u128 = (0..4).map(|n| verdict.workers[&n].weight).sum();
    assert!(
        parents < verdict.total.weight,
        "the children got nothing: {verdict}"
    );
}

#[test]
fn a_child_goes_on_when_its_parent_is_killed_and_a_parent_when_its_child_is() {
    let rate = Rate::new(8, ms(3_600_000));
    let scene = Scene::of(a_child_goes_on_when_its_parent_is_killed_and_a_parent_when_its_child_is);
    scene.part("parent", |_| {
        let limiter = scene.limiter().rate(rate).open().unwrap();
        let mut log = scene.log("parent");
        take(&limiter, &mut log, 1);
        let mut child = Process::fork(|| {
            let mut log = scene.log("first child");
            take(&limiter, &mut log, 2);
            scene.announce("the first child is ready");
            loop {
                thread::park();
            }
        });
        eventually("the first child", || {
            scene.heard("the first child is ready")
        });
        child.kill();
        take(&limiter, &mut log, 1);
        let _orphan = Process::fork(|| {
            // It outlives its parent: nobody kills it with it.
            nix::sys::prctl::set_pdeathsig(None).unwrap();
            scene.announce("the second child is ready");
            eventually("its parent's end", || scene.heard("the parent is dead"));
            take(&limiter, &mut scene.log("second child"), 3);
            drop(limiter.clone());
            scene.announce("the second child is done");
        });
        loop {
            thread::park();
        }
    });
    let mut parent = scene.start("parent", &[]);
    eventually("the second child", || {
        scene.heard("the second child is ready")
    });
    parent.kill();
    scene.announce("the parent is dead");
    eventually("the second child", || {
        scene.heard("the second child is done")
    });
    scene.judge(&[rate]);
    let limiter = scene.limiter().rate(rate).attach_only().open().unwrap();
    assert_eq!((limiter.count().unwrap(), scene.grants().len()), (4, 4));
}

#[test]
fn a_limiter_in_memory_is_copied_by_a_fork_and_shared_by_nobody() {
    let Some(scene) = Scene::alone(a_limiter_in_memory_is_copied_by_a_fork_and_shared_by_nobody)
    else {
        return;
    };
    let limiter = Limiter::in_memory()
        .rate(Rate::new(3, ms(3_600_000)))
        .open()
        .unwrap();
    let mut log = scene.log("parent");
    take(&limiter, &mut log, 0);
    Process::fork(|| {
        (0..5).for_each(|_| take(&limiter, &mut log, 1));
        assert_eq!(limiter.count().unwrap(), 3);
    })
    .join();
    assert_eq!(limiter.count().unwrap(), 1);
}

#[test]
fn a_child_s_copy_of_a_reservation_gives_nothing_back_and_waits_for_a_place_of_its_own() {
    let Some(scene) = Scene::alone(
        a_child_s_copy_of_a_reservation_gives_nothing_back_and_waits_for_a_place_of_its_own,
    ) else {
        return;
    };
    let rate = Rate::new(1, ms(200));
    // Nobody queues again because a busy machine woke it late.
    let limiter = scene.limiter().rate(rate).lateness(ms(3_600_000)).open();
    let limiter = limiter.unwrap();
    limiter.try_acquire("").unwrap();
    let reserve = || limiter.reserve("", 1, ms(60_000)).unwrap();
    let mut place = Some(reserve());
    let ready = place.as_ref().unwrap().ready_at();
    Process::fork(|| drop(place.take())).join();
    Process::fork(|| place.take().unwrap().cancel()).join();
    // It is the last one still, or has come by now.
    assert_eq!(limiter.peek("", 0).unwrap().unwrap_or(ready), ready);
    let child = Process::fork(|| {
        let own = place.take().unwrap().wait().unwrap();
        assert!(own.at().duration_since(ready) >= ms(200), "{own:?}");
    });
    assert_eq!(place.take().unwrap().wait().unwrap().at(), ready);
    child.join();
    assert_eq!(limiter.inspect().unwrap().reserved, 3);
}

#[cfg(feature = "tokio")]
#[test]
fn a_child_asks_an_async_bucket_by_a_thread_of_its_own() {
    use tidegate::Offload;

    let Some(scene) = Scene::alone(a_child_asks_an_async_bucket_by_a_thread_of_its_own) else {
        return;
    };
    let rate = Rate::new(4, ms(3_600_000));
    let bucket = scene.limiter().rate(rate).open_bucket().unwrap();
    let limiter = Limiter::over_async(Offload::new(bucket));
    // The parent's thread is there, and its child will have none of it.
    limiter.try_acquire("").unwrap();
    for _ in 0..2 {
        Process::fork_among_threads(|| {
            limiter.try_acquire("").unwrap();
            assert!(limiter.try_acquire_n("", 4).is_err());
        })
        .join();
    }
    limiter.try_acquire("").unwrap();
    assert!(matches!(
        limiter.try_acquire(""),
        Err(AcquireError::Limited { .. })
    ));
}
