//! A bucket in Redis against a plain list of permits: whatever is asked of it in which order.

use super::common::Chance;
use super::{item, server};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;
use tidegate::{AcquireError, Bucket, Grant, Rate, RedisBucket};

const QUEUE: u64 = 6;

/// What was granted, the newest first, and not given back.
struct Model {
    rates: Vec<(u64, u64)>,
    grants: VecDeque<Grant>,
}

impl Model {
    /// The instant of the n-th newest permit, from 1.
    fn nth(&self, n: u64) -> Option<u64> {
        let mut left = n;
        for grant in &self.grants {
            if left <= grant.weight {
                return Some(grant.at.as_micros());
            }
            left -= grant.weight;
        }
        None
    }

    /// When a request's turn is, if that is ahead.
    fn turn(&self, weight: u64) -> u64 {
        let leaves = self
            .rates
            .iter()
            .map(|&(limit, interval)| self.nth(limit - weight + 1).map_or(0, |at| at + interval));
        leaves.max().unwrap().max(self.nth(1).unwrap_or(0))
    }

    fn later_than(&self, instant: u64) -> u64 {
        let later = self
            .grants
            .iter()
            .filter(|grant| grant.at.as_micros() > instant);
        later.map(|grant| grant.weight).sum()
    }

    /// Compares an answer that came within `during` with what it should be.
    fn judge(
        &mut self,
        weight: u64,
        max_wait: Duration,
        answer: Result<Grant, AcquireError>,
        during: RangeInclusive<u64>,
    ) {
        let turn = self.turn(weight);
        let within = |instant: u64, wait: Duration| {
            let now = instant - wait.as_micros() as u64;
            assert!(
                during.contains(&now),
                "{wait:?} before {instant}: {now}, not {during:?}"
            );
        };
        match answer {
            Ok(grant) => {
                assert_eq!(grant.weight, weight);
                let at = grant.at.as_micros();
                within(at, grant.wait);
                if grant.wait.is_zero() {
                    assert!(at >= turn, "too early: {at}, before {turn}");
                } else {
                    assert_eq!(at, turn);
                    assert!(grant.wait <= max_wait);
                    assert!(self.later_than(*during.end()) + weight <= QUEUE);
                }
                self.grants.push_front(grant);
            }
            Err(AcquireError::Limited { retry_after, .. }) => {
                within(turn, retry_after);
                assert!(retry_after > max_wait);
            }
            Err(AcquireError::QueueFull { retry_after, .. }) => {
                assert!(self.later_than(*during.start()) + weight > QUEUE);
                within(self.nth(QUEUE - weight + 1).unwrap(), retry_after);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn now(bucket: &RedisBucket) -> u64 {
    bucket.now().unwrap().as_micros()
}

#[test]
fn whatever_is_asked_it_answers_as_a_plain_list_of_permits_would() {
    let Some(server) = server(whatever_is_asked_it_answers_as_a_plain_list_of_permits_would) else {
        return;
    };
    let rates = [(4, 5_000), (7, 20_000), (40, 200_000)];
    let builder = RedisBucket::at(server.address(), "test").queue(QUEUE);
    let in_force = rates.map(|(limit, micros)| Rate::new(limit, Duration::from_micros(micros)));
    let bucket = builder.rates(in_force).open().unwrap();
    let mut model = Model {
        rates: rates.to_vec(),
        grants: VecDeque::new(),
    };
    let mut chance = Chance::new();
    let (mut granted, mut refused) = (0, 0);
    for _ in 0..6_000 {
        match chance.below(20) {
            0..12 => {
                let (weight, max_wait) =
                    (1 + chance.below(4), chance.below(3) * chance.below(9_000));
                let max_wait = Duration::from_micros(max_wait);
                let before = now(&bucket);
                let answer = bucket.put(item(weight), max_wait);
                *if answer.is_ok() {
                    &mut granted
                } else {
                    &mut refused
                } += 1;
                model.judge(weight, max_wait, answer, before..=now(&bucket));
            }
            12..16 if !model.grants.is_empty() => {
                let nth = chance.below(8.min(model.grants.len() as u64)) as usize;
                let grant = model.grants[nth];
                let weight = 1 + chance.below(grant.weight);
                bucket.give_back(b"", &grant, weight).unwrap();
                model.grants[nth].weight -= weight;
                model.grants.retain(|grant| grant.weight > 0);
            }
            16 => {
                let nth = chance.below(20);
                if let Some(at) = bucket.peek(b"", nth).unwrap() {
                    assert_eq!(Some(at.as_micros()), model.nth(nth + 1));
                }
            }
            17 => {
                let before = now(&bucket);
                let used: Vec<_> = bucket
                    .usage(b"")
                    .unwrap()
                    .iter()
                    .map(|one| one.used)
                    .collect();
                let (queued, after) = (bucket.queued().unwrap(), now(&bucket));
                for (used, (_, interval)) in used.into_iter().zip(rates) {
                    let at = |now: u64| model.later_than(now - interval);
                    assert!((at(after)..=at(before)).contains(&used));
                }
                assert!((model.later_than(after)..=model.later_than(before)).contains(&queued));
            }
            18 if chance.below(20) == 0 => {
                bucket.flush().unwrap();
                model.grants.clear();
            }
            18 => drop(bucket.leak().unwrap()),
            _ => chance.pause(4_000),
        }
    }
    assert!(
        granted > 100 && refused > 100,
        "{granted} granted, {refused} refused"
    );
}
