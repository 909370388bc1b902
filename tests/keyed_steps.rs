//! Making a bucket for a key, evicting one and disposing of one, stopped or killed at any
//! instruction: the others go on, one bucket is lost at most, and the janitor takes it
//! back when it is alone, and not before.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use common::directory::head_place;
use common::led::instructions;
use common::words::{Words, place};
use common::{Buckets, Chance, Led, Pace, Scene};
use std::path::Path;
use std::time::Duration;
use tidegate::{AcquireError, Leaker, Limiter, Pass, Rate};

const RATE: Rate = Rate::new(3, Duration::from_secs(3600));
/// At how many instructions of each call, about.
const STOPS: u64 = 8;
/// How many calls are stopped, so often each.
const ROUNDS: u64 = 4;

fn open(path: &Path, keys: u64) -> Limiter {
    Limiter::at(path)
        .rate(RATE)
        .queue(1)
        .keys(keys)
        .open()
        .unwrap()
}

/// A call that is interrupted.
struct Act {
    name: &'static str,
    /// For how many keys there is room. One of them is in use all the time.
    keys: u64,
    prepare: fn(&Limiter),
    call: fn(&Limiter),
    /// What holds when the call came to its end.
    outcome: fn(&Limiter) -> bool,
}

fn insert_if_there_is_room(limiter: &Limiter) {
    match limiter.try_acquire("new") {
        Ok(_) | Err(AcquireError::Full { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

fn insert(limiter: &Limiter, key: &str) {
    let _ = limiter.try_acquire(key).unwrap();
}

fn count(limiter: &Limiter, key: &str) -> u64 {
    limiter.bucket(key).count().unwrap()
}

const ACTS: [Act; 3] = [
    Act {
        name: "insert",
        keys: 4,
        prepare: |limiter| {
            limiter.dispose("new").unwrap();
        },
        call: insert_if_there_is_room,
        outcome: |limiter| count(limiter, "new") == 1,
    },
    Act {
        name: "evict",
        keys: 2,
        prepare: |limiter| {
            limiter.dispose("new").unwrap();
            let _ = limiter.try_acquire("idle").unwrap();
            limiter.bucket("idle").flush().unwrap();
        },
        call: insert_if_there_is_room,
        // The only place may have been another's meanwhile.
        outcome: |limiter| count(limiter, "new") <= 1,
    },
    Act {
        name: "dispose",
        keys: 4,
        prepare: |limiter| drop(limiter.try_acquire("new").map(Some)),
        call: |limiter| {
            limiter.dispose("new").unwrap();
        },
        outcome: |limiter| count(limiter, "new") == 0,
    },
];

/// An act in its own segment.
struct Stage<'a> {
    act: &'a Act,
    limiter: Limiter,
    words: Words,
}

impl<'a> Stage<'a> {
    fn new(scene: &Scene, act: &'a Act) -> Self {
        let path = scene.file(act.name);
        let limiter = open(&path, act.keys);
        let words = Words::of(&path);
        let _ = limiter.try_acquire("steady").unwrap();
        Self {
            act,
            limiter,
            words,
        }
    }

    /// A process that stands before the call.
    fn lead(&self) -> Led {
        (self.act.prepare)(&self.limiter);
        assert_eq!(self.astray(), 0);
        // Its presence is known before the call, as that of any but the first.
        let before = || assert_eq!(count(&self.limiter, "steady"), 1);
        Led::after(Pace::Instruction, before, || (self.act.call)(&self.limiter))
    }

    /// Leads it to where it owns a bucket that nobody else can find.
    fn until_private(&self, led: &Led) {
        while self.astray() == 0 {
            assert!(led.step(), "it never owned a bucket");
        }
    }

    fn astray(&self) -> u64 {
        let astray = Buckets::of(&self.words).astray();
        assert!(astray <= 1, "{astray} astray: {}", self.act.name);
        astray
    }

    /// The others' calls, whatever place is left to them.
    fn go_on(&self) {
        let limiter = &self.limiter;
        let _ = limiter.try_acquire("steady").unwrap();
        limiter.bucket("steady").flush().unwrap();
        let _ = limiter.try_acquire("steady").unwrap();
        match limiter.try_acquire("other") {
            Err(AcquireError::Full { .. }) if self.act.keys == 2 => {}
            other => assert_eq!(other.unwrap().weight(), 1),
        }
        limiter.dispose("other").unwrap();
    }
}

fn pass(limiter: &Limiter) -> u64 {
    match Leaker::new(limiter).pass() {
        Ok(Pass::Led { reclaimed, .. }) => reclaimed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_killed_at_any_instruction_loses_one_bucket_which_the_janitor_takes_back() {
    let Some(scene) = Scene::alone(
        who_is_killed_at_any_instruction_loses_one_bucket_which_the_janitor_takes_back,
    ) else {
        return;
    };
    for act in &ACTS {
        let stage = Stage::new(&scene, act);
        let (limiter, mut lost_by) = (&stage.limiter, [0; 2]);
        let anywhere = instructions(stage.lead(), STOPS).map(|at| (false, at));
        let with_a_bucket = (0..STOPS / 2).map(|n| (true, 40 * n as usize));
        for (has_bucket, at) in anywhere.chain(with_a_bucket) {
            let led = stage.lead();
            if has_bucket {
                stage.until_private(&led);
            }
            // Not every call is of the same length: this one may have come to its end.
            let _ = (0..at).all(|_| led.step());
            led.kill();
            stage.go_on();
            let lost = stage.astray();
            assert_eq!(pass(limiter), lost, "{} at {at}", act.name);
            assert_eq!(stage.astray(), 0);
            lost_by[lost as usize] += 1;
            // All places are to be had.
            let taken = Buckets::of(&stage.words).linked.len() as u64;
            let fresh = || (taken..act.keys).map(|n| n.to_string());
            fresh().for_each(|key| insert(limiter, &key));
            fresh().for_each(|key| assert!(limiter.dispose(key).unwrap()));
        }
        assert!(
            lost_by.iter().all(|&times| times > 0),
            "{}: {lost_by:?}",
            act.name
        );
    }
}

#[test]
fn who_is_stopped_at_any_instruction_holds_up_nobody_and_keeps_its_bucket() {
    let Some(scene) =
        Scene::alone(who_is_stopped_at_any_instruction_holds_up_nobody_and_keeps_its_bucket)
    else {
        return;
    };
    let mut chance = Chance::new();
    for act in &ACTS {
        let stage = Stage::new(&scene, act);
        let mut private_at = [0; 2];
        for round in 0..ROUNDS {
            let led = stage.lead();
            let mut goes_on = true;
            if round > 0 {
                stage.until_private(&led);
            }
            for n in 0..STOPS {
                let steps = n.min(1) * chance.below(1_000);
                goes_on = goes_on && (0..steps).all(|_| led.step());
                if !goes_on {
                    break;
                }
                stage.go_on();
                private_at[stage.astray() as usize] += 1;
                assert_eq!(pass(&stage.limiter), 0, "{}", act.name);
            }
            if goes_on {
                led.go_on();
            }
            assert!((act.outcome)(&stage.limiter), "{}", act.name);
            assert_eq!(stage.astray(), 0);
        }
        assert!(
            private_at.iter().all(|&times| times > 0),
            "{}: {private_at:?}",
            act.name
        );
    }
}

/// Keys of one of two chains, which are empty.
fn keys_of<const N: usize>(limiter: &Limiter, words: &Words, chain: u64) -> [String; N] {
    let first = || words.get(place::TABLE + 8 * chain);
    let is_of_it = |key: &String| {
        let before = first();
        insert(limiter, key);
        let is_of_it = first() != before;
        assert!(limiter.dispose(key).unwrap());
        is_of_it
    };
    let mut keys = (0..).map(|n: u64| n.to_string()).filter(is_of_it);
    std::array::from_fn(|_| keys.next().unwrap())
}

/// The bucket that a chain begins with.
fn first_of(words: &Words, chain: u64) -> Option<u64> {
    let link = words.get(place::TABLE + 8 * chain) & 0x7fff_ffff;
    link.checked_sub(1)
}

/// Leads it to where it has closed that bucket.
fn until_closed(words: &Words, led: &Led, index: u64) {
    step_until(led, &|| words.get(head_place(words, index)) >> 52 & 1 == 1);
}

fn step_until(led: &Led, what: &dyn Fn() -> bool) {
    while !what() {
        assert!(led.step(), "it has come to its end");
    }
}

#[test]
fn a_bucket_that_somebody_died_closing_is_had_by_who_finds_no_other() {
    let Some(scene) =
        Scene::alone(a_bucket_that_somebody_died_closing_is_had_by_who_finds_no_other)
    else {
        return;
    };
    let path = scene.file("segment");
    let limiter = open(&path, 2);
    let words = Words::of(&path);
    let ([steady, new], [dead]) = (keys_of(&limiter, &words, 0), keys_of(&limiter, &words, 1));
    insert(&limiter, &steady);
    insert(&limiter, &dead);
    let led = Led::to(Pace::Instruction, || {
        assert!(limiter.dispose(&dead).unwrap());
    });
    until_closed(&words, &led, first_of(&words, 1).unwrap());
    led.kill();
    // Nobody looks for a key of that chain.
    insert(&limiter, &new);
    assert_eq!(count(&limiter, &steady), 1);
}

#[test]
fn who_is_killed_over_another_s_closed_bucket_has_given_its_own_back() {
    let Some(scene) =
        Scene::alone(who_is_killed_over_another_s_closed_bucket_has_given_its_own_back)
    else {
        return;
    };
    let path = scene.file("segment");
    let limiter = open(&path, 2);
    let words = Words::of(&path);
    let [first, second] = keys_of(&limiter, &words, 0);
    let lead = |call: &dyn Fn()| {
        Led::after(
            Pace::Instruction,
            || assert_eq!(count(&limiter, ""), 0),
            call,
        )
    };
    // One has taken a bucket for the second key, and found the end of the chain.
    let one = lead(&|| insert(&limiter, &second));
    step_until(&one, &|| Buckets::of(&words).astray() == 1);
    // The first key gets there before it. Then somebody dies who has just closed that bucket.
    let _ = limiter.try_acquire(&first).unwrap();
    let other = lead(&|| assert!(limiter.dispose(&first).unwrap()));
    until_closed(&words, &other, first_of(&words, 0).unwrap());
    other.kill();
    // The one takes it out of the chain, and dies before it has given it back.
    step_until(&one, &|| first_of(&words, 0).is_none());
    one.kill();
    let lost = Buckets::of(&words).astray();
    assert_eq!(lost, 1);
    assert_eq!(pass(&limiter), 1);
}
