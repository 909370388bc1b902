//! The leak process, killed, stopped, and twice: one leads, the other takes over, and the
//! limits hold with or without it.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Process, Scene, eventually, logged};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::prctl::set_pdeathsig;
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::thread;
use tidegate::{Leaker, LeakerSnapshot, Limiter, Pass, Rate};
#[cfg(feature = "tokio")]
use tidegate::{MemoryBucket, Offload};

const RATE: Rate = Rate::new(10, ms(5));

fn open(scene: &Scene) -> Limiter {
    scene.limiter().rate(RATE).open().unwrap()
}

/// A leak process.
fn leak(scene: &Scene) {
    let limiter = open(scene);
    Leaker::new(&limiter).interval(ms(1)).run(
        |pause| {
            thread::sleep(pause);
            true
        },
        |error| panic!("{error}"),
    );
}

fn told(limiter: &Limiter) -> Option<LeakerSnapshot> {
    limiter.inspect().unwrap().segment.unwrap().leaker
}

fn leads(limiter: &Limiter, process: &Process) -> bool {
    let pid = process.pid().as_raw() as u64;
    told(limiter).is_some_and(|leaker| leaker.is_alive && leaker.pid == pid)
}

/// Takes permits for some windows; none is refused for want of a leak process.
fn limits_hold(scene: &Scene, limiter: &Limiter, name: &str) {
    let mut log = scene.log(name);
    for _ in 0..5 {
        logged(limiter, &mut log, 0, |limiter| limiter.acquire_n("", 10)).unwrap();
    }
    scene.judge(&[RATE]);
}

#[test]
fn of_two_leakers_one_leads_and_the_other_takes_over_when_it_is_killed() {
    let scene = Scene::of(of_two_leakers_one_leads_and_the_other_takes_over_when_it_is_killed);
    scene.part("leaker", |_| leak(&scene));
    let limiter = open(&scene);
    assert_eq!(told(&limiter), None);
    limits_hold(&scene, &limiter, "none");
    let mut first = scene.start("leaker", &[]);
    eventually("a leader", || leads(&limiter, &first));
    let second = scene.start("leaker", &[]);
    let passes = || told(&limiter).unwrap().passes;
    let before = passes();
    eventually("some passes", || passes() > before + 20);
    assert!(leads(&limiter, &first), "two at once");
    // Here is a third, in this process.
    let mut third = Leaker::new(&limiter);
    assert!(matches!(third.pass(), Ok(Pass::Standby)));
    limits_hold(&scene, &limiter, "two");

    first.kill();
    eventually("another leader", || leads(&limiter, &second));
    limits_hold(&scene, &limiter, "one");
    drop(second);
    assert!(told(&limiter).is_some_and(|leaker| !leaker.is_alive));
    limits_hold(&scene, &limiter, "none again");
    assert!(matches!(third.pass(), Ok(Pass::Led { .. })));
}

#[test]
fn a_stopped_leaker_keeps_its_lease_and_holds_up_nobody() {
    let scene = Scene::of(a_stopped_leaker_keeps_its_lease_and_holds_up_nobody);
    scene.part("leaker", |_| leak(&scene));
    let limiter = open(&scene);
    let leaker = scene.start("leaker", &[]);
    eventually("a leader", || leads(&limiter, &leaker));
    for round in 0..20 {
        leaker.stop();
        limits_hold(&scene, &limiter, &format!("round {round}"));
        assert!(leads(&limiter, &leaker));
        assert!(matches!(Leaker::new(&limiter).pass(), Ok(Pass::Standby)));
        let before = told(&limiter).unwrap().passes;
        leaker.go_on();
        eventually("it to go on", || told(&limiter).unwrap().passes > before);
    }
}

#[test]
fn a_forked_child_does_not_lead_with_its_parent_s_lease() {
    let Some(scene) = Scene::alone(a_forked_child_does_not_lead_with_its_parent_s_lease) else {
        return;
    };
    let limiter = open(&scene);
    let mut leaker = Leaker::new(&limiter);
    assert!(matches!(leaker.pass(), Ok(Pass::Led { .. })));
    Process::fork(|| {
        assert!(matches!(leaker.pass(), Ok(Pass::Standby)));
        assert!(matches!(Leaker::new(&limiter).pass(), Ok(Pass::Standby)));
    })
    .join();
    // The child's end did not cost the parent its lease.
    Process::fork(|| assert!(matches!(Leaker::new(&limiter).pass(), Ok(Pass::Standby)))).join();
    assert!(matches!(leaker.pass(), Ok(Pass::Led { .. })));

    // A child that has asked for itself lets go of what it inherited.
    let child = Process::fork(|| {
        assert!(matches!(leaker.pass(), Ok(Pass::Standby)));
        scene.announce("asked");
        eventually("the lease", || {
            matches!(leaker.pass(), Ok(Pass::Led { .. }))
        });
    });
    eventually("the child to ask", || scene.heard("asked"));
    drop(leaker);
    child.join();
}

#[test]
fn leakers_killed_at_random_moments_harm_nothing() {
    let Some(scene) = Scene::alone(leakers_killed_at_random_moments_harm_nothing) else {
        return;
    };
    let limiter = open(&scene);
    let user = Process::fork(|| {
        let mut log = scene.log("user");
        while !scene.heard("the end") {
            let _ = logged(&limiter, &mut log, 1, |limiter| {
                limiter.acquire_timeout("", 3, ms(5))
            });
            let _ = logged(&limiter, &mut log, 1, |limiter| limiter.try_acquire(""));
        }
    });
    let mut chance = common::Chance::new();
    for _ in 0..300 {
        let mut leaker = Process::fork(|| {
            let mut leaker = Leaker::new(&limiter);
            // The one before it is dead: so there is a lease to be had.
            while matches!(leaker.pass(), Ok(Pass::Led { .. })) {}
            panic!("somebody else leads");
        });
        chance.pause(1_000);
        leaker.kill();
    }
    scene.announce("the end");
    user.join();
    let passes = told(&limiter).unwrap().passes;
    assert!(passes > 300, "{passes}");
    scene.judge(&[RATE]);
}

/// How often this process let go of the processor of its own accord.
fn rests() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

#[test]
fn a_pass_over_many_keys_rests_between_slices_and_takes_those_that_are_idle() {
    const KEYS: u64 = 100_000;
    const SLICE: u64 = 1024;
    /// Of so many keys one is in use.
    const IN_USE: u64 = 100;
    let Some(scene) =
        Scene::alone(a_pass_over_many_keys_rests_between_slices_and_takes_those_that_are_idle)
    else {
        return;
    };
    let builder = scene.limiter().rate(Rate::new(8, ms(3_600_000))).queue(8);
    // There is room for one more.
    let limiter = builder.keys(KEYS + 1).open().unwrap();
    for key in 0..KEYS {
        let _ = limiter.try_acquire(key.to_le_bytes()).unwrap();
        if key % IN_USE > 0 {
            limiter.bucket(key.to_le_bytes()).flush().unwrap();
        }
    }
    // Janitor and user on one processor: what one has, the other has not.
    let mut only = CpuSet::new();
    let all = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let first = (0..CpuSet::count()).find(|&cpu| all.is_set(cpu).unwrap());
    only.set(first.unwrap()).unwrap();
    sched_setaffinity(Pid::from_raw(0), &only).unwrap();
    let janitor = Process::fork(|| {
        eventually("the start", || scene.heard("start"));
        scene.announce("begun");
        let before = rests();
        let Ok(Pass::Led { evicted, .. }) = Leaker::new(&limiter).pass() else {
            panic!("somebody else leads");
        };
        let rests = rests() - before;
        scene.announce("done");
        assert_eq!(evicted, KEYS - KEYS / IN_USE);
        assert!(rests >= KEYS / SLICE - 1, "it rested {rests} times");
    });
    // One key that is in use, and one that is made meanwhile.
    let (steady, mut calls) = (limiter.bucket(0_u64.to_le_bytes()), 0);
    scene.announce("start");
    eventually("the pass", || scene.heard("begun"));
    while !scene.heard("done") {
        assert!(steady.count().unwrap() > 0);
        let _ = steady.try_acquire();
        let _ = limiter.try_acquire("made meanwhile");
        calls += 1;
    }
    janitor.join();
    assert!(calls >= KEYS / SLICE, "{calls} calls during a pass");
    let labels: BTreeSet<_> = limiter.buckets().unwrap().map(|it| it.label).collect();
    let in_use = (0..KEYS / IN_USE).map(|n| (n * IN_USE).to_le_bytes().to_vec());
    let left: BTreeSet<_> = in_use.chain([b"made meanwhile".to_vec()]).collect();
    assert!(labels == left, "{} are left", labels.len());
}

#[test]
fn a_leaker_beside_the_program_works_until_it_is_stopped_and_again_when_it_is_restarted() {
    let limiter = Limiter::in_memory().rate(RATE).open().unwrap();
    let mut leaking = Leaker::new(&limiter).interval(ms(1)).start().unwrap();
    for _ in 0..2 {
        limiter.acquire("").unwrap();
        eventually("a pass that forgets", || {
            limiter.inspect().unwrap().count == 0
        });
        eventually("some passes", || leaking.passes() > 2);
        assert!(leaking.is_running() && leaking.take_error().is_none());
        leaking.stop();
        assert!(!leaking.is_running());
        let passes = leaking.passes();
        thread::sleep(ms(20));
        assert_eq!(leaking.passes(), passes);
        leaking.restart().unwrap();
    }
}

#[test]
fn a_leaker_beside_the_program_ends_with_the_last_limiter_and_holds_no_bucket() {
    let scene =
        Scene::of(a_leaker_beside_the_program_ends_with_the_last_limiter_and_holds_no_bucket);
    let limiter = open(&scene);
    let leaking = Leaker::new(&limiter).interval(ms(1)).start().unwrap();
    let other = limiter.clone();
    eventually("a leader", || {
        told(&other).is_some_and(|leaker| leaker.is_alive)
    });
    drop(limiter);
    let passes = leaking.passes();
    eventually("another pass", || leaking.passes() > passes + 1);
    drop(other);
    eventually("its end", || !leaking.is_running());
    // The lease is free again.
    let mut next = Leaker::new(&open(&scene));
    assert!(matches!(next.pass().unwrap(), Pass::Led { .. }));
}

#[test]
fn a_forked_child_has_no_leaker_beside_it_until_it_starts_one() {
    let Some(scene) = Scene::alone(a_forked_child_has_no_leaker_beside_it_until_it_starts_one)
    else {
        return;
    };
    let limiter = Limiter::in_memory().rate(RATE).open().unwrap();
    let mut leaking = Leaker::new(&limiter).interval(ms(1)).start().unwrap();
    eventually("a pass", || leaking.passes() > 0);
    for _ in 0..20 {
        let child = Process::fork_among_threads(|| {
            assert!(!leaking.is_running() && leaking.passes() == 0);
            leaking.stop();
            leaking.restart().unwrap();
            eventually("a pass of the child's", || leaking.passes() > 0);
            leaking.stop();
        });
        child.join();
    }
    assert!(leaking.is_running());
    drop(scene);
}

#[test]
fn a_child_whose_parent_led_and_is_killed_leads_when_it_starts_a_leaker_of_its_own() {
    let test = a_child_whose_parent_led_and_is_killed_leads_when_it_starts_a_leaker_of_its_own;
    let Some(scene) = Scene::alone(test) else {
        return;
    };
    let limiter = open(&scene);
    let mut parent = Process::fork(|| {
        let mut leaking = Leaker::new(&limiter).interval(ms(1)).start().unwrap();
        eventually("it leads", || {
            told(&limiter).is_some_and(|leaker| leaker.is_alive)
        });
        let _child = Process::fork_among_threads(|| {
            // It outlives its parent.
            set_pdeathsig(None).unwrap();
            scene.announce("there is a child");
            eventually("the parent's end", || scene.heard("the parent is dead"));
            leaking.restart().unwrap();
            let own = u64::from(std::process::id());
            let leads = |leaker: LeakerSnapshot| leaker.is_alive && leaker.pid == own;
            eventually("it leads", || told(&limiter).is_some_and(leads));
            scene.announce("the child leads");
        });
        loop {
            thread::sleep(ms(1000));
        }
    });
    eventually("a child", || scene.heard("there is a child"));
    parent.kill();
    scene.announce("the parent is dead");
    eventually("the child leads", || scene.heard("the child leads"));
}

#[cfg(feature = "tokio")]
#[test]
fn a_task_that_is_stopped_is_restarted_at_once_and_by_a_forked_child_in_its_own_runtime() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    let limiter = Limiter::in_memory().rate(RATE).open().unwrap();
    let parents = runtime();
    let mut leaking = parents.block_on(async {
        let mut leaking = Leaker::new(&limiter).interval(ms(1)).start_task().unwrap();
        leaking.stop();
        assert!(!leaking.is_running());
        leaking.restart().unwrap();
        assert!(leaking.is_running(), "the first has not even begun");
        while leaking.passes() < 3 {
            tokio::time::sleep(ms(1)).await;
        }
        leaking
    });
    let child = Process::fork_among_threads(|| {
        assert!(!leaking.is_running());
        assert!(leaking.restart().is_err(), "there is no runtime");
        assert!(!leaking.is_running());
        runtime().block_on(async {
            leaking.restart().unwrap();
            while leaking.passes() < 3 {
                tokio::time::sleep(ms(1)).await;
            }
        });
    });
    child.join();
    assert!(leaking.is_running());
}

#[cfg(feature = "tokio")]
#[test]
fn a_leaker_as_a_task_works_for_async_buckets_and_for_others() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let memory: MemoryBucket = Limiter::in_memory().rate(RATE).open_bucket().unwrap();
    let limiters = [
        Limiter::over_async(Offload::new(memory)),
        Limiter::in_memory().rate(RATE).open().unwrap(),
    ];
    for limiter in limiters {
        let mut leaking = Leaker::new(&limiter).interval(ms(1)).start_task().unwrap();
        eventually("some passes", || leaking.passes() > 2);
        assert!(leaking.take_error().is_none());
        leaking.stop();
        eventually("its end", || !leaking.is_running());
        leaking.restart().unwrap();
        eventually("some passes", || leaking.passes() > 2);
        drop(limiter);
        eventually("its end", || !leaking.is_running());
    }
    drop(_entered);
    let limiter = Limiter::in_memory().rate(RATE).open().unwrap();
    let nowhere = Leaker::new(&limiter).start_task();
    assert!(nowhere.is_err(), "there is no runtime here");
}
