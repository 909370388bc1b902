//! Many keys in few places, sixteen processes that are killed at random moments, and a leak
//! process that comes and goes: each key's windows hold, no key has two buckets, and what
//! the dead have lost is taken back.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::words::Words;
use common::{Buckets, Chance, Process, Scene, eventually, logged, storm_time, tell_of_storm};
use std::collections::BTreeSet;
use tidegate::{AcquireError, Leaker, Limiter, Pass, Rate};
use tidegate_judge::{Log, Verdict};

/// Numbers below `end`; the nth with a chance in proportion to 1 / n, as in G. K. Zipf's law.
struct Zipf(Vec<f64>);

impl Zipf {
    fn below(end: u64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=end).map(|n| {
            sum += 1.0 / n as f64;
            sum
        });
        Self(sums.collect())
    }

    fn draw(&self, chance: &mut Chance) -> u64 {
        let all = self.0[self.0.len() - 1];
        let at = chance.next() as f64 / u64::MAX as f64 * all;
        self.0.partition_point(|&sum| sum < at) as u64
    }
}

const RATES: [Rate; 2] = [Rate::new(2, ms(3)), Rate::new(6, ms(20))];
const KEYS: u64 = 10_000;
const PLACES: u64 = 1_000;
const CROWD: u64 = 16;

fn open(scene: &Scene) -> Limiter {
    let builder = scene.limiter().rates(RATES);
    builder.keys(PLACES).open().unwrap()
}

/// Calls until it is killed. Even numbers have favourite keys, odd ones have not.
fn work(limiter: &Limiter, mut log: Log, number: u64) {
    let (zipf, mut chance) = (Zipf::below(KEYS), Chance::new());
    loop {
        let key = match number % 2 {
            0 => zipf.draw(&mut chance),
            _ => chance.below(KEYS),
        };
        let (name, weight) = (key.to_le_bytes(), 1 + chance.below(2));
        let answer = match chance.below(64) {
            0 => logged(limiter, &mut log, key, |limiter| {
                limiter.acquire_timeout(name, weight, ms(2))
            })
            .map(|_| ()),
            1 => limiter.bucket(name).count().map(|_| ()),
            // A key that is not judged, for it begins anew whenever somebody likes.
            2 => limiter.try_acquire("disposed of").map(|_| ()),
            3 => limiter.dispose("disposed of").map(|_| ()),
            _ => logged(limiter, &mut log, key, |limiter| {
                limiter.try_acquire_n(name, weight)
            })
            .map(|_| ()),
        };
        match answer {
            Ok(_)
            | Err(
                AcquireError::Limited { .. }
                | AcquireError::QueueFull { .. }
                | AcquireError::Full { .. },
            ) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// How many new keys have buckets at the same time: so many are granted within less
/// than the time that one grant counts.
fn usable(limiter: &Limiter, round: &mut u64) -> u64 {
    let mut usable = None;
    eventually("so many grants within a window", || {
        *round += 1;
        eventually("idle keys", || limiter.count().unwrap() == 0);
        let started = limiter.now().unwrap();
        let (mut granted, mut full) = (0, 0);
        // Each search looks at a part of the buckets.
        while full <= PLACES / 256 {
            match limiter.try_acquire(format!("{round} {granted}")) {
                Ok(_) => (granted, full) = (granted + 1, 0),
                Err(AcquireError::Full { .. }) => full += 1,
                Err(error) => panic!("{error}"),
            }
        }
        usable = (limiter.now().unwrap().duration_since(started) < ms(20)).then_some(granted);
        usable.is_some()
    });
    usable.unwrap()
}

#[test]
fn each_key_s_windows_hold_in_a_storm_of_kills_and_no_bucket_is_lost_for_good() {
    let Some(scene) =
        Scene::alone(each_key_s_windows_hold_in_a_storm_of_kills_and_no_bucket_is_lost_for_good)
    else {
        return;
    };
    let long = storm_time(8);
    let limiter = open(&scene);
    let begin = |number: u64, slot: u64| {
        Process::fork(|| {
            let log = scene.log(number);
            match number % 4 {
                // With a handle that was inherited, or its own.
                0 | 1 => work(&limiter, log, slot),
                _ => work(&open(&scene), log, slot),
            }
        })
    };
    let leak = || {
        let mut leaker = Leaker::new(&limiter);
        loop {
            let pass = leaker.pass();
            // The others are alive: so nobody is alone.
            let is_led = matches!(pass, Ok(Pass::Led { reclaimed: 0, .. }));
            assert!(is_led, "{pass:?}");
        }
    };
    let mut chance = Chance::new();
    let (mut kills, mut leaker) = (0, None);
    let mut crowd: Vec<Process> = (0..CROWD).map(|slot| begin(slot, slot)).collect();
    let end = limiter.now().unwrap().as_micros() + long.as_micros() as u64;
    while limiter.now().unwrap().as_micros() < end {
        chance.pause(8_000);
        let slot = chance.below(CROWD);
        crowd[slot as usize].kill();
        crowd[slot as usize] = begin(CROWD + kills, slot);
        kills += 1;
        if chance.below(8) == 0 {
            leaker = match leaker {
                None => Some(Process::fork(leak)),
                Some(mut running) => {
                    Process::kill(&mut running);
                    kills += 1;
                    None
                }
            };
        }
    }
    kills += CROWD + u64::from(leaker.is_some());
    // The leak process first: it would be alone.
    leaker.iter_mut().chain(&mut crowd).for_each(Process::kill);

    let verdicts = scene.judge_keys(&RATES);

    let labels: Vec<_> = limiter.buckets().unwrap().map(|it| it.label).collect();
    let distinct: BTreeSet<_> = labels.iter().collect();
    assert_eq!(distinct.len(), labels.len(), "a key has two buckets");
    let lost = Buckets::of(&Words::of(&scene.segment_path())).astray();
    assert!(lost <= kills, "{lost} lost by {kills} kills");
    let mut round = 0;
    assert_eq!(usable(&limiter, &mut round), PLACES - lost);
    let figures = limiter.inspect().unwrap().keys.unwrap();
    let Ok(Pass::Led { reclaimed, .. }) = Leaker::new(&limiter).pass() else {
        panic!("somebody else leads");
    };
    assert_eq!(reclaimed, lost);
    assert_eq!(usable(&limiter, &mut round), PLACES);

    let is_at_its_limit = |verdict: &&Verdict| {
        let mut rates = verdict.rates.iter();
        rates.all(|rate| rate.peak() == u128::from(rate.rate.limit()))
    };
    let at_limit = verdicts.values().filter(is_at_its_limit).count();
    assert!(at_limit > 10, "{at_limit} keys had a full window");
    assert!(figures.evictions > PLACES);
    let grants: u64 = verdicts.values().map(|it| it.total.grants).sum();
    tell_of_storm(&format!(
        "{grants} grants of {} keys judged, {at_limit} at their limit; {kills} kills, {} evictions, \
         {} refused as full; {lost} buckets lost, {reclaimed} reclaimed",
        verdicts.len(),
        figures.evictions,
        figures.full_refusals
    ));
}
