//! A bucket does what a plain list of permits would do, whatever is asked of it.

use super::support::{micros, standing};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;
use tidegate::{AcquireError, Bucket, Grant, Item, Rate, SqliteBucket};

const RATES: [(u64, u64); 3] = [(4, 10), (10, 40), (70, 1000)];
const QUEUE: u64 = 12;

#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    Put {
        name: u8,
        weight: u64,
        max_wait: u64,
    },
    GiveBack {
        nth: usize,
        weight: u64,
    },
    Leak,
    Flush,
    Dispose(u8),
    Pause {
        name: Option<u8>,
        time: u64,
    },
    Resume(Option<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..3_u8;
    prop_oneof![
        4 => (1..30_u64).prop_map(Step::Advance),
        1 => (30..1200_u64).prop_map(Step::Advance),
        12 => (name(), 1..5_u64, prop_oneof![Just(0), 0..60_u64, Just(5000)])
            .prop_map(|(name, weight, max_wait)| Step::Put { name, weight, max_wait }),
        4 => (0..8_usize, 1..5_u64).prop_map(|(nth, weight)| Step::GiveBack { nth, weight }),
        1 => Just(Step::Leak),
        1 => prop_oneof![
            Just(Step::Flush),
            name().prop_map(Step::Dispose),
            (prop::option::of(name()), 1..50_u64).prop_map(|(name, time)| Step::Pause { name, time }),
            prop::option::of(name()).prop_map(Step::Resume),
        ],
    ]
}

/// One permit.
#[derive(Clone, Copy)]
struct Permit {
    at: u64,
    grant: usize,
}

/// The plain list.
#[derive(Default)]
struct Model {
    now: u64,
    /// Oldest first; what was given back is not there.
    permits: HashMap<u8, Vec<Permit>>,
    paused: HashMap<Option<u8>, u64>,
}

#[derive(PartialEq, Eq, Debug)]
enum Answer {
    At { wait: u64, paused: u64 },
    Limited { retry_after: u64, limit: u64 },
    QueueFull { retry_after: u64 },
}

impl Model {
    fn put(&mut self, name: u8, weight: u64, max_wait: u64, grant: usize) -> Answer {
        let now = self.now;
        let paused = |name| self.paused.get(&name).copied().unwrap_or(0);
        let paused = paused(None).max(paused(Some(name)));
        let permits = self.permits.entry(name).or_default();
        let nth = |n: u64| {
            permits
                .iter()
                .rev()
                .nth(n as usize - 1)
                .map(|permit| permit.at)
        };
        let (mut ready, mut limit) = (0, RATES[0].0);
        for (most, interval) in RATES {
            let left = nth(most + 1 - weight).map_or(0, |at| at + interval);
            if left > ready {
                (ready, limit) = (left, most);
            }
        }
        ready = ready.max(now).max(paused).max(nth(1).unwrap_or(0));
        if ready > now + max_wait {
            return Answer::Limited {
                retry_after: ready - now,
                limit,
            };
        }
        if ready > now
            && let Some(at) = nth(QUEUE - weight + 1).filter(|&at| at > now)
        {
            return Answer::QueueFull {
                retry_after: at - now,
            };
        }
        permits.extend((0..weight).map(|_| Permit { at: ready, grant }));
        Answer::At {
            wait: ready - now,
            paused: paused.saturating_sub(now),
        }
    }

    fn give_back(&mut self, name: u8, grant: usize, weight: u64) {
        let permits = self.permits.entry(name).or_default();
        for _ in 0..weight {
            if let Some(last) = permits.iter().rposition(|permit| permit.grant == grant) {
                permits.remove(last);
            }
        }
    }

    fn counting(&self, name: u8) -> Vec<u64> {
        let counts = |permit: &&Permit| permit.at + RATES[2].1 > self.now;
        let permits = self.permits.get(&name).into_iter().flatten().rev();
        permits.filter(counts).map(|permit| permit.at).collect()
    }
}

fn key(name: u8) -> [u8; 1] {
    [name]
}

fn told(outcome: Result<Grant, AcquireError>) -> (Answer, Option<Grant>) {
    let micros = |time: Duration| time.as_micros() as u64;
    match outcome {
        Ok(grant) => {
            let (wait, paused) = (micros(grant.wait), micros(grant.paused));
            (Answer::At { wait, paused }, Some(grant))
        }
        Err(AcquireError::Limited { retry_after, rate }) => {
            let (retry_after, limit) = (micros(retry_after), rate.limit());
            (Answer::Limited { retry_after, limit }, None)
        }
        Err(AcquireError::QueueFull { retry_after, .. }) => {
            let retry_after = micros(retry_after);
            (Answer::QueueFull { retry_after }, None)
        }
        Err(error) => panic!("{error}"),
    }
}

fn play(steps: &[Step]) {
    let (place, clock, _other) = standing(&[Rate::per_second(1)]);
    let rates = RATES.map(|(limit, interval)| Rate::new(limit, micros(interval)));
    let bucket: SqliteBucket = place
        .bucket()
        .table("played")
        .keyed()
        .rates(rates)
        .queue(QUEUE)
        .clock(clock.clone())
        .open()
        .unwrap();
    let mut model = Model {
        now: bucket.now().unwrap().as_micros(),
        ..Model::default()
    };
    let mut grants: Vec<(u8, Grant)> = Vec::new();
    for step in steps {
        match *step {
            Step::Advance(time) => {
                clock.advance(micros(time));
                model.now += time;
            }
            Step::Put {
                name,
                weight,
                max_wait,
            } => {
                let name_of = key(name);
                let item = Item {
                    name: &name_of,
                    weight,
                };
                let looked = bucket.look(item).is_ok();
                let (answer, grant) = told(bucket.put(item, micros(max_wait)));
                assert_eq!(answer, model.put(name, weight, max_wait, grants.len()));
                let at_once = matches!(answer, Answer::At { wait: 0, .. });
                assert_eq!(looked, at_once);
                grants.extend(grant.map(|grant| (name, grant)));
            }
            Step::GiveBack { nth, weight } => {
                let Some(index) = grants.len().checked_sub(nth + 1) else {
                    continue;
                };
                let (name, grant) = &mut grants[index];
                let weight = weight.min(grant.weight);
                bucket.give_back(&key(*name), grant, weight).unwrap();
                grant.weight -= weight;
                model.give_back(*name, index, weight);
            }
            Step::Leak => {
                bucket.leak().unwrap();
                let now = model.now;
                let counts = |permit: &Permit| permit.at + RATES[2].1 > now;
                model
                    .permits
                    .values_mut()
                    .for_each(|permits| permits.retain(counts));
            }
            Step::Flush => {
                bucket.flush().unwrap();
                model.permits.clear();
            }
            Step::Dispose(name) => {
                bucket.dispose(&key(name)).unwrap();
                model.permits.remove(&name);
                model.paused.remove(&Some(name));
            }
            Step::Pause { name, time } => {
                let until = bucket.now().unwrap().saturating_add(micros(time));
                let own = name.map(key);
                bucket
                    .pause(own.as_ref().map(|own| &own[..]), until)
                    .unwrap();
                let paused = model.paused.entry(name).or_default();
                *paused = (*paused).max(model.now + time);
            }
            Step::Resume(name) => {
                let own = name.map(key);
                let was_on = bucket.resume(own.as_ref().map(|own| &own[..])).unwrap();
                let was = model.paused.remove(&name).unwrap_or(0);
                assert_eq!(was_on, was > model.now);
            }
        }
        let mut sum = (0, 0);
        for name in 0..3 {
            let counting = model.counting(name);
            for (nth, &at) in counting.iter().enumerate() {
                let peeked = bucket.peek(&key(name), nth as u64).unwrap().unwrap();
                assert_eq!(peeked.as_micros(), at);
            }
            assert_eq!(
                bucket.peek(&key(name), counting.len() as u64).unwrap(),
                None
            );
            let used: Vec<u64> = bucket
                .usage(&key(name))
                .unwrap()
                .iter()
                .map(|u| u.used)
                .collect();
            let expected = RATES.map(|(_, interval)| {
                counting
                    .iter()
                    .filter(|&&at| at + interval > model.now)
                    .count() as u64
            });
            assert_eq!(used, expected);
            sum.0 += counting.len() as u64;
            sum.1 += counting.iter().filter(|&&at| at > model.now).count() as u64;
        }
        assert_eq!((bucket.count().unwrap(), bucket.queued().unwrap()), sum);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn a_bucket_does_what_a_plain_list_would(steps in prop::collection::vec(step(), 1..150)) {
        play(&steps);
    }
}
