//! Processes that bring the same keys at the same time, to a segment with just as many
//! buckets: each key has one. Who is told that all are taken, for one is in the hands of a
//! process that is kept from going on, has its own a moment later.
#![cfg(target_os = "linux")]

mod common;

use common::{Process, Scene, eventually};
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

/// Brings all keys.
fn bring(limiter: &Limiter) {
    for key in 0..KEYS {
        eventually("a bucket", || {
            match limiter.try_acquire(key.to_le_bytes()) {
                Ok(_) | Err(AcquireError::Limited { .. }) => true,
                Err(AcquireError::Full { .. }) => false,
                Err(error) => panic!("key {key}: {error}"),
            }
        });
    }
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
        assert_eq!(keys.used, KEYS, "round {round}");
        assert_eq!(seen.count, KEYS * PROCESSES / 2);
    }
}
