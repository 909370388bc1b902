//! A file with keys that outlives a boot, which is forged: each key's permits are
//! remembered, and the directory is made anew from the buckets alone.
#![cfg(target_os = "linux")]

mod common;

use common::directory::head_place;
use common::words::{Words, place};
use common::{Buckets, Chance, Process, Scene, eventually, logged};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Rate};

const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

/// Takes new keys until there is no room for more; how many there are then.
fn fill(limiter: &Limiter) -> u64 {
    let is_room = |n: &u64| match limiter.try_acquire(format!("fresh {n}")) {
        Ok(_) => true,
        Err(AcquireError::Full { .. }) => false,
        Err(error) => panic!("{error}"),
    };
    (0..).take_while(is_room).count() as u64 + keys(limiter) - fresh(limiter)
}

fn labels(limiter: &Limiter) -> Vec<Vec<u8>> {
    limiter.buckets().unwrap().map(|it| it.label).collect()
}

fn keys(limiter: &Limiter) -> u64 {
    let labels = labels(limiter);
    let distinct: BTreeSet<_> = labels.iter().collect();
    assert_eq!(distinct.len(), labels.len(), "a key has two buckets");
    labels.len() as u64
}

fn fresh(limiter: &Limiter) -> u64 {
    let is_fresh = |label: &&Vec<u8>| label.starts_with(b"fresh");
    labels(limiter).iter().filter(is_fresh).count() as u64
}

#[test]
fn after_a_power_cut_each_key_s_permits_count_and_the_directory_is_whole() {
    let scene = Scene::of(after_a_power_cut_each_key_s_permits_count_and_the_directory_is_whole);
    const KEYS: u64 = 16;
    let mut chance = Chance::new();
    // What a power cut may have left of the words that only lead to buckets: as they were,
    // none, or of another time.
    for damage in 0..4 {
        let path = scene.file(&format!("segment {damage}"));
        let rate = Rate::new(10, MONTH);
        let open = || {
            Limiter::at(&path)
                .rate(rate)
                .queue(1)
                .keys(KEYS)
                .open()
                .unwrap()
        };
        let limiter = open();
        for key in 0..9_u8 {
            let _ = limiter.try_acquire_n([key], u64::from(key) + 1).unwrap();
        }
        assert!(limiter.dispose([3]).unwrap());
        drop(limiter);
        let words = Words::of(&path);
        let links = (0..KEYS).map(|index| head_place(&words, index) + 128 + 48);
        let table = (0..KEYS).map(|n| place::TABLE + 8 * n);
        let stock = [place::USED, place::FREE, place::HAND];
        for at in links.chain(table).chain(stock) {
            match damage {
                0 => {}
                1 => words.set(at, 0),
                2 => words.set(at, chance.next()),
                _ => words.set(at, words.get(at) >> 32 << 32 | chance.below(KEYS + 2)),
            }
        }
        words.reboot(HOUR);
        let limiter = open();
        for key in 0..9_u8 {
            let taken = if key == 3 { 0 } else { u64::from(key) + 1 };
            assert_eq!(limiter.bucket([key]).count().unwrap(), taken, "key {key}");
            let _ = limiter.try_acquire_n([key], 10 - taken);
            assert!(limiter.try_acquire([key]).is_err(), "key {key}");
        }
        assert_eq!(Buckets::of(&words).astray(), 0);
        assert_eq!(fill(&limiter), KEYS, "damage {damage}");
        assert_eq!(keys(&limiter), KEYS);
    }
}

#[test]
fn kills_before_a_reboot_lose_no_permit_that_was_told_of_and_no_bucket() {
    const KEYS: u64 = 64;
    const CROWD: u64 = 4;
    let Some(scene) =
        Scene::alone(kills_before_a_reboot_lose_no_permit_that_was_told_of_and_no_bucket)
    else {
        return;
    };
    let path = scene.file("segment");
    let rate = Rate::new(200, MONTH);
    let open = || {
        Limiter::at(&path)
            .rate(rate)
            .queue(1)
            .keys(KEYS)
            .open()
            .unwrap()
    };
    let work = |number: u64| {
        let (limiter, mut log, mut chance) = (open(), scene.log(number), Chance::new());
        scene.announce(&format!("begun {number}"));
        loop {
            let key = chance.below(KEYS);
            match logged(&limiter, &mut log, key, |it| {
                it.try_acquire(key.to_le_bytes())
            }) {
                Ok(_) | Err(AcquireError::Limited { .. } | AcquireError::Full { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            // Not judged, and so it is made and taken away all the time.
            let _ = limiter.try_acquire("disposed of");
            let _ = limiter.dispose("disposed of");
        }
    };
    let mut chance = Chance::new();
    let rounds = 12;
    for round in 0..rounds {
        let numbers = (0..CROWD).map(|n| round * CROWD + n);
        let crowd: Vec<_> = numbers
            .map(|number| (number, Process::fork(|| work(number))))
            .collect();
        for (number, mut process) in crowd {
            eventually("a worker", || scene.heard(&format!("begun {number}")));
            chance.pause(4_000);
            process.kill();
        }
        let words = Words::of(&path);
        words.reboot(HOUR);
        let limiter = open();
        assert_eq!(Buckets::of(&words).astray(), 0);
        limiter.dispose("disposed of").unwrap();
        let mut told = BTreeMap::<u64, u64>::new();
        for grant in scene.grants() {
            *told.entry(grant.worker.into()).or_default() += 1;
        }
        let mut untold = 0;
        for key in 0..KEYS {
            let count = limiter.bucket(key.to_le_bytes()).count().unwrap();
            let told = told.get(&key).copied().unwrap_or(0);
            assert!((told..=200).contains(&count), "{count} of {told}");
            untold += count - told;
        }
        // Each of the dead had one call under way.
        assert!(untold <= CROWD * (round + 1), "{untold} permits too many");
    }
    let limiter = open();
    assert_eq!(fill(&limiter), KEYS);
}
