//! Many keys in few places, sixteen processes that are killed at random moments, a leak
//! process that comes and goes, and an attacker: each key's windows hold, no key has two
//! buckets, and what the dead have lost is taken back.
#![cfg(target_os = "linux")]

mod common;

use common::directory::head_place;
use common::scene::ms;
use common::words::Words;
use common::{Buckets, Chance, Process, Scene, by_the_book, eventually, logged};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;
use tidegate::{AcquireError, Leaker, Limiter, Pass, Rate};
use tidegate_judge::{Grant, Log, Verdict, judge};

/// Each key's grants. A grant's worker, in these logs, is its key.
fn by_key(grants: Vec<Grant>) -> BTreeMap<u32, Vec<Grant>> {
    let mut keys = BTreeMap::<u32, Vec<Grant>>::new();
    for grant in grants {
        keys.entry(grant.worker).or_default().push(grant);
    }
    keys
}

/// A verdict for each key; fails if one was over.
fn judge_keys(keys: &BTreeMap<u32, Vec<Grant>>, rates: &[Rate]) -> Vec<Verdict> {
    let rates = by_the_book(rates);
    let verdicts = keys.iter().map(|(key, grants)| {
        let verdict = judge(grants, &rates);
        assert!(verdict.holds(), "key {key}: {verdict}");
        verdict
    });
    verdicts.collect()
}

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

mod storm {
    use super::*;

    pub const RATES: [Rate; 2] = [Rate::new(2, ms(3)), Rate::new(6, ms(20))];
    pub const KEYS: u64 = 10_000;
    pub const PLACES: u64 = 1_000;
    pub const CROWD: u64 = 16;

    pub fn open(scene: &Scene) -> Limiter {
        let builder = scene.limiter().rates(RATES);
        builder.keys(PLACES).open().unwrap()
    }

    /// Calls until it is killed. Even numbers have favourite keys, odd ones have not.
    pub fn work(limiter: &Limiter, mut log: Log, number: u64) {
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
    pub fn usable(limiter: &Limiter, round: &mut u64) -> u64 {
        let mut usable = None;
        eventually("so many grants within a window", || {
            *round += 1;
            eventually("idle keys", || limiter.count().unwrap() == 0);
            let started = limiter.now();
            let (mut granted, mut full) = (0, 0);
            // Each search looks at a part of the buckets.
            while full <= PLACES / 256 {
                match limiter.try_acquire(format!("{round} {granted}")) {
                    Ok(_) => (granted, full) = (granted + 1, 0),
                    Err(AcquireError::Full { .. }) => full += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            usable = (limiter.now().duration_since(started) < ms(20)).then_some(granted);
            usable.is_some()
        });
        usable.unwrap()
    }
}

#[test]
fn each_key_s_windows_hold_in_a_storm_of_kills_and_no_bucket_is_lost_for_good() {
    use storm::{CROWD, PLACES, RATES};
    let Some(scene) =
        Scene::alone(each_key_s_windows_hold_in_a_storm_of_kills_and_no_bucket_is_lost_for_good)
    else {
        return;
    };
    let seconds = std::env::var("TIDEGATE_STORM_SECONDS").ok();
    let long = Duration::from_secs(seconds.as_ref().map_or(8, |number| number.parse().unwrap()));
    let limiter = storm::open(&scene);
    let begin = |number: u64, slot: u64| {
        Process::fork(|| {
            let log = scene.log(number);
            match number % 4 {
                // With a handle that was inherited, or its own.
                0 | 1 => storm::work(&limiter, log, slot),
                _ => storm::work(&storm::open(&scene), log, slot),
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
    let end = limiter.now().as_micros() + long.as_micros() as u64;
    while limiter.now().as_micros() < end {
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

    let keys = by_key(scene.grants());
    let verdicts = judge_keys(&keys, &RATES);

    let labels: Vec<_> = limiter.buckets().unwrap().map(|it| it.label).collect();
    let distinct: BTreeSet<_> = labels.iter().collect();
    assert_eq!(distinct.len(), labels.len(), "a key has two buckets");
    let lost = Buckets::of(&Words::of(&scene.segment_path())).astray();
    assert!(lost <= kills, "{lost} lost by {kills} kills");
    let mut round = 0;
    assert_eq!(storm::usable(&limiter, &mut round), PLACES - lost);
    let figures = limiter.inspect().unwrap().keys.unwrap();
    let Ok(Pass::Led { reclaimed, .. }) = Leaker::new(&limiter).pass() else {
        panic!("somebody else leads");
    };
    assert_eq!(reclaimed, lost);
    assert_eq!(storm::usable(&limiter, &mut round), PLACES);

    let is_at_its_limit = |verdict: &&Verdict| {
        let mut rates = verdict.rates.iter();
        rates.all(|rate| rate.peak() == u128::from(rate.rate.limit()))
    };
    let at_limit = verdicts.iter().filter(is_at_its_limit).count();
    assert!(at_limit > 10, "{at_limit} keys had a full window");
    assert!(figures.evictions > PLACES);
    if seconds.is_some() {
        let grants: usize = keys.values().map(Vec::len).sum();
        eprintln!(
            "{grants} grants of {} keys judged, {at_limit} at their limit; {kills} kills, {} evictions, \
             {} refused as full; {lost} buckets lost, {reclaimed} reclaimed",
            keys.len(),
            figures.evictions,
            figures.full_refusals
        );
    }
}

mod attack {
    use super::*;

    pub const RATES: [Rate; 2] = [Rate::new(8, ms(5)), Rate::new(400, ms(500))];
    pub const PLACES: u64 = 512;
    pub const KEYS: u64 = 8;
    /// Ticks.
    pub const LONG: u64 = 3_000_000;

    /// Pages that this process has mapped, and those of them that it may write to alone:
    /// an allocator may map more than it has given out.
    pub fn mapped() -> [u64; 2] {
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        let pages: Vec<u64> = statm
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        [pages[0], pages[5]]
    }

    /// As many keys as possible, none of them twice. How many, and how many found no place.
    pub fn flood(limiter: &Limiter, number: u64, mut go_on: impl FnMut() -> bool) -> [u64; 2] {
        let (mut sent, mut full) = (0_u64, 0);
        while go_on() {
            for _ in 0..256 {
                let key = [!number, sent].map(u64::to_le_bytes);
                match limiter.try_acquire(key.as_flattened()) {
                    Ok(_) => {}
                    Err(AcquireError::Full { .. }) => full += 1,
                    Err(error) => panic!("{error}"),
                }
                sent += 1;
            }
        }
        [sent, full]
    }

    /// Where the key's bucket is, and in which of its lives.
    pub fn place(words: &Words, key: &[u8]) -> Option<(u64, u64)> {
        let label = |index: u64| words.get(head_place(words, index) + 128 + 48).to_le_bytes();
        let linked = Buckets::of(words).linked;
        let index = linked.into_iter().find(|&index| label(index) == key)?;
        Some((index, words.get(head_place(words, index)) >> 52))
    }
}

#[test]
fn an_attacker_with_millions_of_keys_takes_nothing_from_those_that_are_in_use() {
    use attack::{KEYS, LONG, PLACES, RATES};
    let Some(scene) =
        Scene::alone(an_attacker_with_millions_of_keys_takes_nothing_from_those_that_are_in_use)
    else {
        return;
    };
    let limiter = scene.limiter().rates(RATES).keys(PLACES).open().unwrap();
    let words = Words::of(&scene.segment_path());
    let mut log = scene.log("first");
    for key in 0..KEYS {
        let first = |limiter: &Limiter| limiter.try_acquire(key.to_le_bytes());
        logged(&limiter, &mut log, key, first).unwrap();
    }
    let homes = || -> Vec<_> {
        let home = |key: u64| attack::place(&words, &key.to_le_bytes());
        (0..KEYS).map(home).collect()
    };
    let (before, size) = (homes(), words.len());
    let go_on = || !scene.heard("the end");
    let user = Process::fork(|| {
        let mut log = scene.log("user");
        while go_on() {
            for key in 0..KEYS {
                let answer = logged(&limiter, &mut log, key, |limiter| {
                    limiter.try_acquire(key.to_le_bytes())
                });
                assert!(
                    matches!(answer, Ok(_) | Err(AcquireError::Limited { .. })),
                    "{answer:?}"
                );
            }
        }
    });
    let flood = |number: u64| {
        // What a process needs for its first keys, it has from then on.
        let mut is_first = true;
        let first = attack::flood(&limiter, 1 << 32 | number, || std::mem::take(&mut is_first));
        let mapped = attack::mapped();
        let rest = attack::flood(&limiter, number, go_on);
        assert_eq!(attack::mapped(), mapped, "pages mapped");
        let counts = [first[0] + rest[0], first[1] + rest[1]];
        let report = counts.map(|count| count.to_string()).join(" ");
        fs::write(scene.file(&format!("attacker {number}")), report).unwrap();
    };
    let attackers: Vec<Process> = (0..3).map(|n| Process::fork(|| flood(n))).collect();
    let end = limiter.now().as_micros() + LONG;
    eventually("the attack", || limiter.now().as_micros() > end);
    scene.announce("the end");
    attackers.into_iter().chain([user]).for_each(Process::join);

    let keys = by_key(scene.grants());
    judge_keys(&keys, &RATES);
    for (key, (before, after)) in before.iter().zip(homes()).enumerate() {
        let mut grants: Vec<u64> = keys[&(key as u32)].iter().map(|grant| grant.at).collect();
        grants.sort_unstable();
        let is_idle = |pair: &[u64]| pair[1] - pair[0] >= RATES[1].interval().as_micros() as u64;
        // On a machine so busy that its user could not use it, it may have been evicted.
        if !grants.windows(2).any(is_idle) {
            assert_eq!(*before, after, "{key} was evicted while in use");
        }
    }
    let (mut sent, mut full) = (0, 0);
    for number in 0..3 {
        let report = fs::read_to_string(scene.file(&format!("attacker {number}"))).unwrap();
        let counts: Vec<u64> = report
            .split(' ')
            .map(|count| count.parse().unwrap())
            .collect();
        sent += counts[0];
        full += counts[1];
    }
    assert!(
        sent > 10 * PLACES && full > 0,
        "{sent} sent, {full} refused"
    );
    let snapshot = limiter.inspect().unwrap();
    assert_eq!(snapshot.keys.unwrap().full_refusals, full);
    assert_eq!((words.len(), snapshot.segment.unwrap().size), (size, size));

    // What the attacker took is idle after an interval: new keys have it then.
    for key in 0..PLACES - KEYS {
        eventually("room for a new key", || {
            limiter.try_acquire(format!("new {key}")).is_ok()
        });
    }
}
