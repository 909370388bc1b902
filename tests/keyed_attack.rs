//! An attacker that sends ever new keys: those that are in use keep their buckets and their
//! limits, memory stays as it is, and when it stops there is room again.
#![cfg(target_os = "linux")]

mod common;

use common::directory::head_place;
use common::scene::ms;
use common::words::Words;
use common::{Buckets, Process, Scene, eventually, logged, storm_time, tell_of_storm};
use std::fs;
use std::thread;
use tidegate::{AcquireError, Limiter, Rate};

const RATES: [Rate; 2] = [Rate::new(8, ms(5)), Rate::new(400, ms(500))];
const PLACES: u64 = 512;
const KEYS: u64 = 8;

/// Pages that this process has mapped, and those of them that it may write to alone:
/// an allocator may map more than it has given out.
fn mapped() -> [u64; 2] {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: Vec<u64> = statm
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    [pages[0], pages[5]]
}

/// As many keys as possible, none of them twice. How many, and how many found no place.
fn flood(limiter: &Limiter, number: u64, mut go_on: impl FnMut() -> bool) -> [u64; 2] {
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
fn place(words: &Words, key: &[u8]) -> Option<(u64, u64)> {
    let label = |index: u64| words.get(head_place(words, index) + 128 + 56).to_le_bytes();
    let linked = Buckets::of(words).linked;
    let index = linked.into_iter().find(|&index| label(index) == key)?;
    Some((index, words.get(head_place(words, index)) >> 52))
}

#[test]
fn an_attacker_with_ever_new_keys_takes_nothing_from_those_that_are_in_use() {
    let Some(scene) =
        Scene::alone(an_attacker_with_ever_new_keys_takes_nothing_from_those_that_are_in_use)
    else {
        return;
    };
    let limiter = scene.limiter().rates(RATES).keys(PLACES).open().unwrap();
    let words = Words::of(&scene.segment_path());
    let mut log = scene.log("first");
    for key in 0..KEYS {
        logged(&limiter, &mut log, key, |limiter| {
            limiter.try_acquire(key.to_le_bytes())
        })
        .unwrap();
    }
    let homes = || -> Vec<_> {
        let home = |key: u64| place(&words, &key.to_le_bytes());
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
        let first = flood(&limiter, 1 << 32 | number, || std::mem::take(&mut is_first));
        let pages = mapped();
        let rest = flood(&limiter, number, go_on);
        assert_eq!(mapped(), pages, "pages mapped");
        let counts = [first[0] + rest[0], first[1] + rest[1]];
        let report = counts.map(|count| count.to_string()).join(" ");
        fs::write(scene.file(&format!("attacker {number}")), report).unwrap();
    };
    let attackers: Vec<Process> = (0..3).map(|n| Process::fork(|| flood(n))).collect();
    thread::sleep(storm_time(3));
    scene.announce("the end");
    attackers.into_iter().chain([user]).for_each(Process::join);

    scene.judge_keys(&RATES);
    let all = scene.grants();
    for (key, (before, after)) in before.iter().zip(homes()).enumerate() {
        let mut grants: Vec<u64> = all
            .iter()
            .filter(|grant| grant.worker == key as u32)
            .map(|grant| grant.at)
            .collect();
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
    tell_of_storm(&format!("{sent} keys sent, {full} of them refused as full"));
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
