//! Processes that bring the same keys at the same time, to a segment with just as many
//! buckets: each key has one, and nobody is told that all are taken.
#![cfg(target_os = "linux")]

mod common;

use common::{Process, Scene};
use std::thread;
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Rate};

const PROCESSES: u64 = 4;
const KEYS: u64 = 4;
const ROUNDS: u64 = 300;
const HOUR: Duration = Duration::from_secs(3600);

/// Tells that this process is there, and waits until all are.
fn meet(place: &Limiter, round: u64) {
    let bucket = place.bucket(round.to_le_bytes());
    bucket.try_acquire().unwrap();
    while bucket.count().unwrap() < PROCESSES {
        thread::yield_now();
    }
}

/// Brings all keys. How many of its calls were granted.
fn bring(limiter: &Limiter) -> u64 {
    let granted = (0..KEYS).filter(|key| match limiter.try_acquire(key.to_le_bytes()) {
        Ok(_) => true,
        Err(AcquireError::Limited { .. }) => false,
        Err(error) => panic!("key {key}: {error}"),
    });
    granted.count() as u64
}

#[test]
fn as_many_keys_as_buckets_have_one_each_whoever_brings_them_at_once() {
    let Some(scene) =
        Scene::alone(as_many_keys_as_buckets_have_one_each_whoever_brings_them_at_once)
    else {
        return;
    };
    let place = scene.limiter().rate(Rate::new(PROCESSES, HOUR));
    let place = place.keys(ROUNDS).open().unwrap();
    let open = |round: u64| {
        let builder = Limiter::at(scene.file(&round.to_string()));
        let rate = Rate::new(PROCESSES / 2, HOUR);
        builder.rate(rate).keys(KEYS).open().unwrap()
    };
    let crew: Vec<_> = (0..PROCESSES)
        .map(|_| {
            Process::fork(|| {
                for round in 0..ROUNDS {
                    let limiter = open(round);
                    meet(&place, round);
                    bring(&limiter);
                }
            })
        })
        .collect();
    crew.into_iter().for_each(Process::join);
    for round in 0..ROUNDS {
        let seen = open(round).inspect().unwrap();
        let keys = seen.keys.unwrap();
        assert_eq!((keys.used, keys.full_refusals), (KEYS, 0), "round {round}");
        assert_eq!(seen.count, KEYS * PROCESSES / 2);
    }
}
