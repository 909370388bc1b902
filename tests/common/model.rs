//! A plain list of permits, which every bucket that waits for nobody else must agree with,
//! whatever is asked of it in which order.

use super::Chance;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;
use tidegate::{AcquireError, Bucket, Grant, Item, Rate};

/// The longest queue of a bucket that is compared.
pub const QUEUE: u64 = 5;

/// The rates of a bucket that is compared: limits, and intervals in microseconds.
const RATES: [(u64, u64); 3] = [(4, 15_000), (7, 60_000), (40, 600_000)];

/// The same, for whoever makes the bucket.
pub fn rates() -> [Rate; 3] {
    RATES.map(|(limit, micros)| Rate::new(limit, Duration::from_micros(micros)))
}

/// What was granted, the newest first, but for what was given back.
#[derive(Default)]
struct PlainList {
    grants: VecDeque<Grant>,
}

impl PlainList {
    /// The instant of the n-th newest permit, from 1.
    fn nth(&self, n: u64) -> Option<u64> {
        let mut newer = 0;
        let holds = |grant: &&Grant| {
            newer += grant.weight;
            newer >= n
        };
        let grant = self.grants.iter().find(holds)?;
        Some(grant.at.as_micros())
    }

    /// The first instant at which a weight does not break a rate or overtake anybody.
    fn turn(&self, weight: u64) -> u64 {
        let leaves = RATES.map(|(limit, interval)| {
            let one_too_many = self.nth(limit + 1 - weight);
            one_too_many.map_or(0, |at| at + interval)
        });
        let last = self.nth(1).unwrap_or(0);
        leaves.into_iter().fold(last, u64::max)
    }

    /// How many permits are later than an instant.
    fn after(&self, instant: u64) -> u64 {
        let after = self.grants.iter();
        let after = after.filter(|grant| grant.at.as_micros() > instant);
        after.map(|grant| grant.weight).sum()
    }

    /// Takes in an answer that was given at some instant of `during`.
    fn meet(
        &mut self,
        (weight, max_wait): (u64, Duration),
        answer: Result<Grant, AcquireError>,
        during: RangeInclusive<u64>,
    ) {
        let turn = self.turn(weight);
        let decided_for = |instant: u64, wait: Duration| {
            let now = instant - wait.as_micros() as u64;
            assert!(
                during.contains(&now),
                "{wait:?} before {instant}, asked in {during:?}"
            );
        };
        match answer {
            Ok(grant) => {
                let at = grant.at.as_micros();
                assert_eq!(grant.weight, weight);
                decided_for(at, grant.wait);
                assert!(at >= turn, "granted at {at}, when its turn is {turn}");
                if !grant.wait.is_zero() {
                    assert_eq!(at, turn, "it waits for longer than it must");
                    assert!(grant.wait <= max_wait);
                    assert!(self.after(*during.end()) + weight <= QUEUE);
                }
                self.grants.push_front(grant);
            }
            Err(AcquireError::Limited { retry_after, .. }) => {
                assert!(retry_after > max_wait);
                decided_for(turn, retry_after);
            }
            Err(AcquireError::QueueFull { retry_after, .. }) => {
                assert!(self.after(*during.start()) + weight > QUEUE);
                decided_for(self.nth(QUEUE + 1 - weight).unwrap(), retry_after);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Asks a new bucket of [`rates`] and [`QUEUE`] so many things, and compares its answers.
pub fn compare(bucket: &dyn Bucket, questions: u64) {
    let now = || bucket.now().unwrap().as_micros();
    let mut list = PlainList::default();
    let mut chance = Chance::new();
    let (mut granted, mut waited, mut refused, mut full) = (0, 0, 0, 0);
    for _ in 0..questions {
        match chance.below(20) {
            0..12 => {
                let weight = 1 + chance.below(4);
                let max_wait = Duration::from_micros(chance.below(3) * chance.below(60_000));
                let before = now();
                let answer = bucket.put(Item { name: b"", weight }, max_wait);
                *match &answer {
                    Ok(grant) if grant.wait.is_zero() => &mut granted,
                    Ok(_) => &mut waited,
                    Err(AcquireError::QueueFull { .. }) => &mut full,
                    Err(_) => &mut refused,
                } += 1;
                list.meet((weight, max_wait), answer, before..=now());
            }
            12..16 if !list.grants.is_empty() => {
                let nth = chance.below(list.grants.len().min(8) as u64) as usize;
                let grant = &mut list.grants[nth];
                let weight = 1 + chance.below(grant.weight);
                bucket.give_back(b"", grant, weight).unwrap();
                grant.weight -= weight;
                list.grants.retain(|grant| grant.weight > 0);
            }
            16 => {
                let nth = chance.below(20);
                if let Some(at) = bucket.peek(b"", nth).unwrap() {
                    assert_eq!(Some(at.as_micros()), list.nth(nth + 1));
                }
            }
            17 => {
                let before = now();
                let usage = bucket.usage(b"").unwrap();
                let (queued, counted) = (bucket.queued().unwrap(), bucket.count().unwrap());
                let after = now();
                let within = |told: u64, back: u64| {
                    let bounds = list.after(after - back)..=list.after(before - back);
                    assert!(bounds.contains(&told), "{told}, not {bounds:?}");
                };
                within(queued, 0);
                within(counted, RATES[2].1);
                for (usage, (_, interval)) in usage.iter().zip(RATES) {
                    within(usage.used, interval);
                }
            }
            18 if chance.below(20) == 0 => {
                bucket.flush().unwrap();
                list.grants.clear();
            }
            18 => drop(bucket.leak().unwrap()),
            _ => chance.pause(12_000),
        }
    }
    let figures = [granted, waited, refused, full];
    assert!(
        figures.iter().all(|&count| count > questions / 400),
        "{figures:?}"
    );
}
