//! What every limiter under test is asked to do.

use std::time::Duration;

/// At most `limit` grants in any `interval`.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Grants.
    pub limit: u64,
    /// Length of the half-open window.
    pub interval: Duration,
}

/// What the calls of a benchmark meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Every call is granted: the ring has gone round, and the permit that each
    /// call looks back at left its window long ago.
    Admit,
    /// Every call is refused: the bucket is full for an hour.
    Refuse,
}

impl Work {
    /// Both, in the order of the report.
    pub const ALL: [Work; 2] = [Work::Admit, Work::Refuse];

    /// The rate that makes it so. With it, and as long a queue, tidegate's ring has
    /// as many slots as the baselines'.
    pub const fn limit(self) -> Limit {
        let interval = match self {
            Work::Admit => Duration::from_micros(1),
            Work::Refuse => Duration::from_secs(3600),
        };
        Limit {
            limit: 4096,
            interval,
        }
    }

    /// In the words of a table.
    pub const fn name(self) -> &'static str {
        match self {
            Work::Admit => "admit",
            Work::Refuse => "refuse",
        }
    }
}

/// `Ok` is the grant's instant, `Err` how long until it would have been granted;
/// each in the limiter's own unit.
pub type Verdict = Result<u64, u64>;

/// A limiter that one process has opened.
pub trait Gate {
    /// Takes one permit now, or says when there would be one. Never waits for a
    /// permit, though it may wait for a lock.
    fn try_acquire(&self) -> Verdict;
}

/// A limiter that forked processes share.
pub trait Contender: Sync {
    /// What each process holds.
    type Gate<'a>: Gate
    where
        Self: 'a;

    /// In the words of a table.
    fn name(&self) -> &'static str;

    /// Opens it in this process; called once in each, after the fork.
    fn enter(&self) -> std::io::Result<Self::Gate<'_>>;

    /// Takes every permit that can be had, or stops after going round the ring.
    fn fill(&self) -> std::io::Result<()> {
        let gate = self.enter()?;
        for _ in 0..2 * Work::Admit.limit().limit {
            if gate.try_acquire().is_err() {
                break;
            }
        }
        Ok(())
    }
}
