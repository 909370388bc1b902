//! Waiting for a turn, across processes: first come, first served; who is killed over it
//! costs the others its own permits; who cannot be served in time takes nothing.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "a signal handler must be set")]

mod common;

use common::scene::ms;
use common::{Process, Scene, eventually, logged};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::thread;
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Rate};
use tidegate_judge::Grant;

const HOUR: Duration = Duration::from_secs(3600);

/// Nobody in these tests queues again because a busy machine woke it late.
fn open(scene: &Scene, rate: Rate) -> Limiter {
    scene.limiter().rate(rate).lateness(HOUR).open().unwrap()
}

fn reserved(limiter: &Limiter) -> u64 {
    limiter.inspect().unwrap().reserved
}

/// Grants in the order of their instants.
fn in_order(scene: &Scene) -> Vec<Grant> {
    let mut grants = scene.grants();
    grants.sort_unstable_by_key(|grant| grant.at);
    grants
}

#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    const CROWD: u64 = 12;
    let rate = Rate::new(2, ms(60));
    let Some(scene) = Scene::alone(those_who_wait_are_served_in_the_order_in_which_they_came)
    else {
        return;
    };
    let limiter = open(&scene, rate);
    let mut log = scene.log("first");
    logged(&limiter, &mut log, CROWD, |limiter| {
        limiter.try_acquire_n("", 2)
    })
    .unwrap();
    let waiter = |n| {
        let mut log = scene.log(n);
        logged(&limiter, &mut log, n, |limiter| limiter.acquire_n("", 2)).unwrap();
    };
    let mut crowd = Vec::new();
    for n in 0..CROWD {
        let before = reserved(&limiter);
        crowd.push(Process::fork(|| waiter(n)));
        eventually("its place in the queue", || reserved(&limiter) > before);
        // Nobody comes in between, not even for one permit.
        if limiter.queued().unwrap() > 0 {
            let refused = limiter.try_acquire("");
            assert!(refused.is_err() || limiter.queued().unwrap() == 0);
        }
    }
    crowd.into_iter().for_each(Process::join);
    scene.judge(&[rate]);
    let grants = in_order(&scene);
    let order: Vec<u64> = grants.iter().map(|grant| u64::from(grant.worker)).collect();
    assert_eq!(order[1..], (0..CROWD).collect::<Vec<u64>>());
    assert!(
        grants.iter().all(|grant| grant.sleeps <= 1),
        "one sleep for each is enough"
    );
}

#[test]
fn a_light_newcomer_does_not_overtake_a_heavy_waiter() {
    let rate = Rate::new(4, HOUR);
    let Some(scene) = Scene::alone(a_light_newcomer_does_not_overtake_a_heavy_waiter) else {
        return;
    };
    let limiter = open(&scene, rate);
    assert!(limiter.try_acquire("").is_ok());
    let mut heavy = Process::fork(|| drop(limiter.acquire_n("", 4).map(Some)));
    eventually("the heavy one", || limiter.queued().unwrap() == 4);
    // Three permits are free, and will be for an hour: they are no newcomer's.
    let Err(AcquireError::Limited { retry_after, .. }) = limiter.try_acquire("") else {
        panic!()
    };
    assert!(
        retry_after > HOUR,
        "it would share the heavy one's window: {retry_after:?}"
    );
    let mut light = Process::fork(|| drop(limiter.acquire("").map(Some)));
    eventually("the light one", || limiter.queued().unwrap() == 5);
    heavy.kill();
    light.kill();
    let newest = limiter.peek("", 0).unwrap().unwrap();
    let waited = newest.duration_since(limiter.peek("", 1).unwrap().unwrap());
    assert_eq!(waited, HOUR, "the light one's window is the one after");
}

#[test]
fn a_killed_waiter_costs_its_own_permits_and_those_behind_it_keep_their_time() {
    let interval = ms(150);
    let rate = Rate::new(1, interval);
    let Some(scene) =
        Scene::alone(a_killed_waiter_costs_its_own_permits_and_those_behind_it_keep_their_time)
    else {
        return;
    };
    let limiter = open(&scene, rate);
    let mut log = scene.log("first");
    logged(&limiter, &mut log, 9, |limiter| limiter.try_acquire("")).unwrap();
    let waiter = |n| {
        let mut log = scene.log(n);
        logged(&limiter, &mut log, n, |limiter| limiter.acquire("")).unwrap();
    };
    let mut queue = Vec::new();
    for n in 0..6 {
        let before = reserved(&limiter);
        queue.push(Process::fork(|| waiter(n)));
        eventually("its place in the queue", || reserved(&limiter) > before);
    }
    let stamps: Vec<_> = (0..6)
        .rev()
        .map(|nth| limiter.peek("", nth).unwrap())
        .collect();
    // The third and the fifth are killed, unless they have been served by now.
    for victim in [4, 2] {
        queue.remove(victim).kill();
    }
    queue.into_iter().for_each(Process::join);
    scene.judge(&[rate]);
    let grants = in_order(&scene);
    let served = |n| {
        grants
            .iter()
            .find(|grant| grant.worker == n)
            .map(|grant| grant.at)
    };
    for n in [0, 1, 3, 5] {
        // Stamps that were still there to be seen are the instants of the grants.
        let stamp = stamps[n as usize].map(|stamp| stamp.as_micros());
        assert!(
            served(n).is_some_and(|at| stamp.is_none_or(|stamp| at <= stamp && at + 2 >= stamp))
        );
    }
    // All who were to be served have been, and those who died have cost one permit each.
    assert_eq!(reserved(&limiter), 7);
}

#[test]
fn who_cannot_be_served_in_time_is_told_at_once_and_takes_nothing() {
    let scene = Scene::of(who_cannot_be_served_in_time_is_told_at_once_and_takes_nothing);
    scene.part("caller", |_| {
        let limiter = open(&scene, Rate::new(3, 2 * HOUR));
        assert!(limiter.try_acquire_n("", 3).is_ok());
        let before = limiter.inspect().unwrap();
        // Were it to wait, nobody would wait for it here.
        let Err(AcquireError::Limited { retry_after, rate }) = limiter.acquire_timeout("", 2, HOUR)
        else {
            panic!()
        };
        assert!(
            retry_after > HOUR && retry_after <= 2 * HOUR + ms(1),
            "{retry_after:?}"
        );
        assert_eq!(rate, limiter.rates()[0]);
        let after = limiter.inspect().unwrap();
        assert_eq!(
            (after.reserved, after.count, after.queued),
            (before.reserved, 3, 0)
        );
    });
    scene.start("caller", &[]).join();
}

#[test]
fn a_full_queue_is_an_error_of_its_own_until_it_moves() {
    let interval = ms(100);
    let Some(scene) = Scene::alone(a_full_queue_is_an_error_of_its_own_until_it_moves) else {
        return;
    };
    let rate = Rate::new(2, interval);
    let limiter = scene
        .limiter()
        .rate(rate)
        .queue(4)
        .lateness(HOUR)
        .open()
        .unwrap();
    let slow = scene.file("slow");
    let slow = Limiter::at(slow)
        .rate(Rate::new(2, HOUR))
        .queue(4)
        .open()
        .unwrap();
    assert!(slow.try_acquire_n("", 2).is_ok());
    let mut queue: Vec<Process> = (0..4)
        .map(|_| Process::fork(|| drop(slow.acquire("").map(Some))))
        .collect();
    eventually("a full queue", || slow.queued().unwrap() == 4);
    let before = reserved(&slow);
    for _ in 0..3 {
        let Err(AcquireError::QueueFull {
            queue,
            weight,
            retry_after,
        }) = slow.acquire("")
        else {
            panic!()
        };
        assert_eq!((queue, weight), (4, 1));
        assert!(
            retry_after <= HOUR,
            "the first in the queue goes then: {retry_after:?}"
        );
    }
    assert!(matches!(
        slow.try_acquire(""),
        Err(AcquireError::Limited { .. })
    ));
    assert_eq!(reserved(&slow), before);
    queue.iter_mut().for_each(Process::kill);

    // Where it moves, all of a crowd that is larger than the queue are served in the end.
    let worker = |n| {
        let mut log = scene.log(n);
        while let Err(error) = logged(&limiter, &mut log, n, |limiter| limiter.acquire("")) {
            let AcquireError::QueueFull { retry_after, .. } = error else {
                panic!("{error}")
            };
            thread::sleep(retry_after);
        }
    };
    let crowd: Vec<Process> = (0..12).map(|n| Process::fork(|| worker(n))).collect();
    crowd.into_iter().for_each(Process::join);
    assert_eq!(scene.judge(&[rate]).total.grants, 12);
}

extern "C" fn nothing(_signal: i32) {}

#[test]
fn signals_do_not_cut_a_wait_short() {
    let rate = Rate::new(1, ms(200));
    let Some(scene) = Scene::alone(signals_do_not_cut_a_wait_short) else {
        return;
    };
    let limiter = open(&scene, rate);
    let mut log = scene.log("first");
    logged(&limiter, &mut log, 0, |limiter| limiter.try_acquire("")).unwrap();
    let waiter = Process::fork(|| {
        let handler = SigHandler::Handler(nothing);
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing.
        unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
        let mut log = scene.log("second");
        logged(&limiter, &mut log, 1, |limiter| limiter.acquire("")).unwrap();
    });
    eventually("its place in the queue", || reserved(&limiter) == 2);
    while limiter.queued().unwrap() > 0 {
        waiter.signal(Signal::SIGUSR1);
        thread::sleep(ms(5));
    }
    waiter.join();
    scene.judge(&[rate]);
    assert_eq!(in_order(&scene)[1].sleeps, 1);
}
