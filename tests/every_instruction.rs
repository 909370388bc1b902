//! A call that is stopped, or killed, at any of its instructions: the kernel steps it
//! through them one by one, and at each the other processes go on.
//!
//! Only on x86-64: elsewhere an atomic operation may be a loop that never ends when it is
//! stepped through.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use common::led::instructions;
use common::scene::ms;
use common::words::{Words, place};
use common::{Led, Pace, Scene, eventually, logged};
use std::time::Duration;
use tidegate::{Limiter, Rate};
use tidegate_judge::Log;

const WEIGHT: u64 = 3;
/// At how many instructions, about.
const STOPS: u64 = 60;

/// A child that is led through a call. It has a line to count on already, which a process claims
/// once: by a request for nothing.
fn led(pace: Pace, limiter: &Limiter, call: impl FnOnce()) -> Led {
    let first = || drop(limiter.try_acquire_n("", 0).unwrap());
    Led::after(pace, first, call)
}

fn take(limiter: &Limiter) {
    assert_eq!(limiter.try_acquire_n("", WEIGHT).unwrap().weight(), WEIGHT);
}

#[test]
fn a_call_that_is_stopped_at_any_instruction_holds_up_nobody() {
    let Some(scene) = Scene::alone(a_call_that_is_stopped_at_any_instruction_holds_up_nobody)
    else {
        return;
    };
    let rates = [Rate::new(8, ms(1)), Rate::new(4000, ms(1000))];
    let limiter = scene.limiter().rates(rates).open().unwrap();
    let mut own = scene.log("own");
    for at in instructions(led(Pace::Instruction, &limiter, || take(&limiter)), STOPS) {
        eventually("an empty bucket", || {
            limiter.waiting("", 8).unwrap().is_zero()
        });
        let mut log = scene.log(at);
        let led = led(Pace::Instruction, &limiter, || {
            let _ = logged(&limiter, &mut log, 1, |limiter| {
                limiter.try_acquire_n("", WEIGHT)
            });
        });
        let goes_on = (0..at).all(|_| led.step());
        // More than one window of others' grants, whatever the stopped call has of it.
        for _ in 0..8 {
            logged(&limiter, &mut own, 2, |limiter| limiter.acquire_n("", 2)).unwrap();
        }
        if goes_on {
            led.go_on();
        }
    }
    let verdict = scene.judge(&rates);
    // Those that had reserved when they were stopped are granted all the same.
    assert!(verdict.workers[&1].grants > 5, "{verdict}");
}

#[test]
fn a_call_that_is_killed_at_any_instruction_costs_its_own_permits_at_most() {
    let Some(scene) =
        Scene::alone(a_call_that_is_killed_at_any_instruction_costs_its_own_permits_at_most)
    else {
        return;
    };
    let rate = Rate::new(1 << 13, ms(3_600_000));
    let limiter = scene.limiter().rate(rate).open().unwrap();
    let reserved = || limiter.inspect().unwrap().reserved;
    let mut outcomes = [0_u64; 2];
    for at in instructions(led(Pace::Instruction, &limiter, || take(&limiter)), STOPS) {
        let (before, called) = (reserved(), limiter.now().unwrap());
        let led = led(Pace::Instruction, &limiter, || take(&limiter));
        // Not every call is of the same length: this one may have come to its end.
        let _ = (0..at).all(|_| led.step());
        led.kill();
        // The next caller is served, and finishes what the dead one began.
        take(&limiter);
        let lost = reserved() - before - WEIGHT;
        assert!(lost == 0 || lost == WEIGHT, "{lost} permits lost");
        assert_eq!(limiter.count().unwrap(), reserved());
        // Every permit counts from its call on.
        for nth in 0..lost + WEIGHT {
            let stamp = limiter.peek("", nth).unwrap().unwrap();
            assert!(
                (called..=limiter.now().unwrap()).contains(&stamp),
                "{stamp} for a call at {called}"
            );
        }
        outcomes[usize::from(lost > 0)] += 1;
    }
    assert!(outcomes.iter().all(|&times| times > 3), "{outcomes:?}");
}

#[test]
fn a_waiter_that_is_stopped_or_killed_at_any_instruction_gives_back_no_more_than_its_own() {
    let Some(scene) = Scene::alone(
        a_waiter_that_is_stopped_or_killed_at_any_instruction_gives_back_no_more_than_its_own,
    ) else {
        return;
    };
    const SHORT: Duration = ms(4);
    let rate = Rate::new(WEIGHT, SHORT);
    // Whoever has slept wakes too late: it gives its place back, and queues again.
    let builder = scene.limiter().rate(rate).lateness(Duration::ZERO);
    let limiter = builder.open().unwrap();
    let words = Words::of(&scene.segment_path());
    let wait = |log: &mut Log, worker| {
        logged(&limiter, log, worker, |limiter| {
            limiter.acquire_n("", WEIGHT)
        })
        .unwrap();
    };
    // Leads a waiter to where it wakes; none, if it need not sleep.
    let wake = |log: &mut Log| {
        let head = words.get(place::HEAD);
        let led = led(Pace::SystemCall, &limiter, || wait(log, 1));
        while words.get(place::HEAD) == head {
            if !led.step() {
                return None;
            }
        }
        led.step().then(|| led.at(Pace::Instruction))
    };
    let mut own = scene.log("own");
    let mut is_killed = false;
    let first = (0..).find_map(|n| {
        wait(&mut own, 2);
        wake(&mut scene.log(format!("first {n}")))
    });
    for at in instructions(first.unwrap(), STOPS / 2) {
        let mut log = scene.log(at);
        wait(&mut own, 2);
        let Some(led) = wake(&mut log) else { continue };
        let goes_on = (0..at).all(|_| led.step());
        // It has two places at most, and one of them it has given back, or will.
        let ahead = limiter.waiting("", WEIGHT).unwrap();
        assert!(ahead <= 2 * SHORT + ms(1), "{ahead:?} at instruction {at}");
        wait(&mut own, 2);
        wait(&mut own, 2);
        if goes_on && !is_killed {
            led.go_on();
        }
        is_killed = !is_killed;
    }
    let verdict = scene.judge(&[rate]);
    assert!(verdict.workers[&1].sleeps > STOPS / 16, "{verdict}");
}

#[test]
fn an_owner_that_sleeps_through_all_laps_that_a_stamp_tells_apart_destroys_nothing() {
    let Some(scene) = Scene::alone(
        an_owner_that_sleeps_through_all_laps_that_a_stamp_tells_apart_destroys_nothing,
    ) else {
        return;
    };
    const CAPACITY: u64 = 16;
    const LAPS: u64 = 1 << 13;
    let limiter = scene
        .limiter()
        .rate(Rate::new(8, Duration::from_micros(1)))
        .queue(8)
        .open()
        .unwrap();
    let words = Words::of(&scene.segment_path());
    let slots = || {
        (0..CAPACITY)
            .map(|seq| words.get(words.slot(seq)))
            .collect::<Vec<u64>>()
    };
    let reserved = || limiter.inspect().unwrap().reserved;
    // Leads an owner to just behind the CAS of its reservation.
    let reserve = || {
        eventually("an empty bucket", || {
            limiter.waiting("", 8).unwrap().is_zero()
        });
        let head = words.get(place::HEAD);
        let led = led(Pace::Instruction, &limiter, || take(&limiter));
        while words.get(place::HEAD) == head {
            assert!(led.step());
        }
        led
    };
    let laps = [LAPS - 1, LAPS, LAPS + 1].into_iter().cycle();
    for (at, laps) in instructions(reserve(), 20).zip(laps) {
        let before = reserved();
        let led = reserve();
        if !(0..at).all(|_| led.step()) {
            continue;
        }
        while reserved() < before + laps * CAPACITY {
            let _ = limiter.try_acquire_n("", 8);
        }
        let found = slots();
        led.go_on();
        assert_eq!(
            slots(),
            found,
            "{at} instructions after its CAS it overwrote others' stamps"
        );
    }
}
