//! Buckets of any kind as contenders.

use std::io;
use std::time::{Duration, Instant};

use tidegate::{AcquireError, Bucket, Item};
use tidegate_benches::contender::{Contender, Gate, Verdict, Work};
use tidegate_benches::process::Child;

use crate::plan::Plan;

/// A full log has at most so many grants: what is beyond is in their weights.
const GRANTS: u64 = 10_000;
/// How long the log of one whom nobody refuses is written before it is measured.
const LONG_ENOUGH: Duration = Duration::from_millis(300);
/// How long it may take to fill a log.
const PATIENCE: Duration = Duration::from_secs(120);

/// A kind of bucket, at a place where processes find it.
pub trait Store: Sync {
    /// What each of them holds.
    type Bucket: Bucket;
    /// In the words of a table.
    const NAME: &'static str;

    /// Finds the bucket, or makes it.
    fn open(&self, plan: &Plan) -> io::Result<Self::Bucket>;

    /// The same for who fills it, if there is a faster way.
    fn open_to_fill(&self, plan: &Plan) -> io::Result<Self::Bucket> {
        self.open(plan)
    }
}

/// A bucket in a store, which is asked as planned.
#[derive(Debug)]
pub struct Asked<S> {
    store: S,
    plan: Plan,
}

impl<S: Store> Asked<S> {
    /// One with nothing in it.
    pub const fn new(store: S, plan: Plan) -> Self {
        Self { store, plan }
    }
}

/// Takes all that can be had; where there is always more, until the log has gone round, or for
/// a while.
pub fn fill<B: Bucket>(bucket: &B, plan: &Plan) -> io::Result<()> {
    match plan.work {
        Work::Admit => go_round(bucket, plan),
        Work::Refuse => {
            // To the last permit.
            for weight in [plan.limit.limit.div_ceil(GRANTS), 1] {
                while take(bucket, weight).is_ok() {}
            }
            Ok(())
        }
    }
}

fn go_round<B: Bucket>(bucket: &B, plan: &Plan) -> io::Result<()> {
    let enough = Instant::now() + LONG_ENOUGH;
    let limit = plan.limit.limit;
    let weight = plan.weight.max(limit.div_ceil(GRANTS));
    let mut taken = 0;
    while taken < 2 * limit && Instant::now() < enough {
        if let Err(wait) = take(bucket, weight) {
            let what = bucket.label();
            return Err(io::Error::other(format!("{what} is full for {wait} µs")));
        }
        taken += weight;
    }
    Ok(())
}

impl<S: Store> Contender for Asked<S> {
    type Gate<'a>
        = Weighed<S::Bucket>
    where
        S: 'a;

    fn name(&self) -> &'static str {
        S::NAME
    }

    /// By another process, so that this one has no thread or connection of a bucket's when it
    /// forks those that are measured.
    fn fill(&self) -> io::Result<()> {
        let child = Child::spawn(0, || {
            fill(&self.store.open_to_fill(&self.plan)?, &self.plan)?;
            Ok(Vec::new())
        })?;
        child.join(PATIENCE).map(drop)
    }

    fn enter(&self) -> io::Result<Weighed<S::Bucket>> {
        Ok(Weighed {
            bucket: self.store.open(&self.plan)?,
            weight: self.plan.weight,
        })
    }
}

/// A bucket that is asked for so many permits at a time.
#[derive(Debug)]
pub struct Weighed<B> {
    bucket: B,
    weight: u64,
}

impl<B: Bucket> Gate for Weighed<B> {
    #[inline]
    fn try_acquire(&self) -> Verdict {
        take(&self.bucket, self.weight)
    }
}

#[inline]
fn take(bucket: &impl Bucket, weight: u64) -> Verdict {
    match bucket.put(Item { name: b"", weight }, Duration::ZERO) {
        Ok(grant) => Ok(grant.at.as_micros()),
        Err(AcquireError::Limited { retry_after, .. }) => Err(retry_after.as_micros() as u64),
        Err(error) => panic!("{error}"),
    }
}
