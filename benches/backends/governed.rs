//! governor: within one process, and not exact.

use std::io;
use std::num::NonZero;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tidegate_benches::contender::{Contender, Gate, Verdict, Work};

use crate::plan::Plan;

/// GCRA: it spreads permits by a steady drip, and lets up to twice the limit through in a
/// window.
#[derive(Debug)]
pub struct Governed {
    quota: Quota,
    weight: NonZero<u32>,
    fill: Option<NonZero<u32>>,
}

impl Governed {
    /// None for a plan that does not fit its numbers.
    pub fn new(plan: &Plan, is_filled: bool) -> Option<Self> {
        let number = |value: u64| NonZero::new(u32::try_from(value).ok()?);
        let limit = number(plan.limit.limit)?;
        // One permit comes back in a whole interval, and until then the bucket stays empty.
        let (quota, fill) = match plan.work {
            Work::Admit => (Quota::per_second(NonZero::<u32>::MAX), None),
            Work::Refuse => (Quota::with_period(plan.limit.interval)?, Some(limit)),
        };
        Some(Self {
            quota: quota.allow_burst(limit),
            weight: number(plan.weight)?,
            fill: fill.filter(|_| is_filled),
        })
    }
}

impl Contender for Governed {
    type Gate<'a> = Limited;

    fn name(&self) -> &'static str {
        "governor (not exact)"
    }

    fn enter(&self) -> io::Result<Limited> {
        let limiter = RateLimiter::direct(self.quota);
        if let Some(all) = self.fill {
            let filled = limiter.check_n(all).map(|granted| granted.is_ok());
            if filled != Ok(true) {
                return Err(io::Error::other("governor refuses its own burst"));
            }
        }
        Ok(Limited {
            limiter,
            weight: self.weight,
        })
    }
}

/// A process's own limiter.
#[derive(Debug)]
pub struct Limited {
    limiter: DefaultDirectRateLimiter,
    weight: NonZero<u32>,
}

impl Gate for Limited {
    #[inline]
    fn try_acquire(&self) -> Verdict {
        match self.limiter.check_n(self.weight) {
            Ok(Ok(())) => Ok(0),
            Ok(Err(_)) => Err(0),
            Err(error) => panic!("{error}"),
        }
    }
}
