//! A call that is stopped, or killed, at any of its instructions: the kernel steps it
//! through them one by one, and at each the other processes go on.
//!
//! Only on x86-64: elsewhere an atomic operation may be a loop that never ends when it is
//! stepped through.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use common::scene::ms;
use common::words::{Words, place};
use common::{Chance, Led, Pace, Scene, eventually, logged};
use std::time::Duration;
use tidegate::{Limiter, Rate};

const WEIGHT: u64 = 3;
/// At how many instructions, about.
const STOPS: u64 = 80;

fn take(limiter: &Limiter) {
    assert_eq!(limiter.try_acquire_n("", WEIGHT).unwrap().weight(), WEIGHT);
}

/// Instructions from the first of a call to the last, some left out at random.
fn instructions(limiter: &Limiter) -> impl Iterator<Item = usize> {
    let led = Led::to(Pace::Instruction, || take(limiter));
    let length = (1..).take_while(|_| led.step()).count();
    let mut chance = Chance::new();
    let mut next = move || 1 + chance.below(2 * length as u64 / STOPS) as usize;
    std::iter::successors(Some(0), move |at| Some(at + next())).take_while(move |&at| at < length)
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
    for at in instructions(&limiter) {
        eventually("an empty bucket", || limiter.waiting(8).unwrap().is_zero());
        let mut log = scene.log(at);
        let led = Led::to(Pace::Instruction, || {
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
    for at in instructions(&limiter) {
        let (before, called) = (reserved(), limiter.now());
        let led = Led::to(Pace::Instruction, || take(&limiter));
        assert!((0..at).all(|_| led.step()));
        led.kill();
        // The next caller is served, and finishes what the dead one began.
        take(&limiter);
        let lost = reserved() - before - WEIGHT;
        assert!(lost == 0 || lost == WEIGHT, "{lost} permits lost");
        assert_eq!(limiter.count().unwrap(), reserved());
        // Every permit counts from its call on.
        for nth in 0..lost + WEIGHT {
            let stamp = limiter.peek(nth).unwrap().unwrap();
            assert!(
                (called..=limiter.now()).contains(&stamp),
                "{stamp} for a call at {called}"
            );
        }
        outcomes[usize::from(lost > 0)] += 1;
    }
    assert!(outcomes.iter().all(|&times| times > 10), "{outcomes:?}");
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
    // From the CAS of its reservation on, at many places up to the last stamp.
    let mut more = 0;
    for laps in [LAPS - 1, LAPS, LAPS + 1].into_iter().cycle() {
        eventually("an empty bucket", || limiter.waiting(8).unwrap().is_zero());
        let before = reserved();
        let led = Led::to(Pace::Instruction, || take(&limiter));
        while words.get(place::HEAD) == CAPACITY + before {
            assert!(led.step());
        }
        if !(0..more).all(|_| led.step()) {
            break;
        }
        while reserved() < before + laps * CAPACITY {
            let _ = limiter.try_acquire_n("", 8);
        }
        let found = slots();
        led.go_on();
        assert_eq!(
            slots(),
            found,
            "it overwrote others' stamps {more} instructions after its CAS"
        );
        more += 127;
    }
    assert!(more > 500, "{more}");
}
