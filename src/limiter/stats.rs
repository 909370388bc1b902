//! What a limiter has been asked, by whom, and what became of it.

use crate::directory::Place;
use crate::error::BucketError;
use crate::limiter::Limiter;
use crate::segment::counts::Count;
use crate::segment::counts::read::{Counter, Tally};
use crate::timestamp::Timestamp;
use crate::zone::Zone;
use crate::zone::bucket::Spot;
use std::time::Duration;

/// Counts of requests and permits. They never fall, as long as the segment is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Counted {
    /// Requests that were granted, [debits](Limiter::debit) among them.
    pub granted_requests: u64,
    /// The permits that they got, those that were refunded later among them.
    pub granted_permits: u64,
    /// Requests that were refused by a rate, or in a pause: also those that would have waited,
    /// but not so long.
    pub limited: u64,
    /// Requests that would have had to wait, and found the queue full.
    pub queue_full: u64,
    /// Requests that found no bucket for their key.
    pub full: u64,
    /// Waits that ended with a grant.
    pub waits: u64,
    /// How long those took, together.
    pub waited: Duration,
}

/// One process that asks the limiter.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ProcessStats {
    /// Its process id, in its own pid namespace.
    pub pid: u64,
    /// Its command line, where the system shows it to this process.
    pub command: Option<String>,
    /// What it has counted.
    pub counted: Counted,
    /// Its callers that wait now.
    pub waiting: u64,
    /// When it was last granted or refused anything.
    pub last_use: Option<Timestamp>,
}

/// A key that is refused often.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RefusedKey {
    /// The key's first 79 bytes.
    pub label: Vec<u8>,
    /// Whether that is all of the key.
    pub is_whole: bool,
    /// How often it was refused, since it has its bucket: at most. Exact for the keys of a large
    /// share of all refusals.
    pub refusals: u64,
}

/// What a limiter has been asked, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// The time on the limiter's clock.
    pub now: Timestamp,
    /// By all processes since the segment was made, those that are gone among them.
    pub total: Counted,
    /// By those that use it now, by pid. Whoever found no line to count on is not among them:
    /// see [`Builder::processes`](crate::Builder::processes).
    pub processes: Vec<ProcessStats>,
    /// The keys that are refused most, most first; none where one bucket takes all names. By
    /// sketches of bounded size, one a thread: so keys that are refused seldom are not there, or
    /// with too high a figure.
    pub most_refused: Vec<RefusedKey>,
}

impl Counted {
    fn of(tally: &Tally) -> Self {
        Self {
            granted_requests: tally.get(Count::Requests),
            granted_permits: tally.get(Count::Permits),
            limited: tally.get(Count::Limited),
            queue_full: tally.get(Count::QueueFull),
            full: tally.get(Count::Full),
            waits: tally.get(Count::Waits),
            waited: Duration::from_micros(tally.get(Count::Waited)),
        }
    }

    /// Requests that were refused, for whatever reason.
    pub fn refused(&self) -> u64 {
        let sum = self.limited.saturating_add(self.queue_full);
        sum.saturating_add(self.full)
    }
}

impl ProcessStats {
    fn of(counter: &Counter) -> Self {
        Self {
            pid: counter.pid,
            command: counter.command(),
            counted: Counted::of(&counter.tally),
            waiting: counter.waiting,
            last_use: (counter.last_use > 0).then(|| Timestamp::from_micros(counter.last_use)),
        }
    }
}

impl Stats {
    pub(super) fn of(zone: &Zone, now: Timestamp) -> Self {
        let account = zone.counts().read();
        let mut processes: Vec<_> = account.counters.iter().map(ProcessStats::of).collect();
        processes.sort_by_key(|process| process.pid);
        let refused = account.refused.into_iter();
        let mut most_refused: Vec<_> = refused
            .filter_map(|(packed, refusals)| refused_key(zone, packed, refusals))
            .collect();
        most_refused.sort_by(|one, other| {
            let by_refusals = other.refusals.cmp(&one.refusals);
            by_refusals.then_with(|| one.label.cmp(&other.label))
        });
        Self {
            now,
            total: Counted::of(&account.total),
            processes,
            most_refused,
        }
    }
}

/// Whose bucket that is, if it still is the same key's.
fn refused_key(zone: &Zone, packed: u64, refusals: u64) -> Option<RefusedKey> {
    let spot = Spot::unpack(packed, None);
    let Place { index, .. } = spot.place;
    if index >= zone.used() {
        return None;
    }
    let (label, is_whole) = zone.bucket(spot).label().ok()?;
    Some(RefusedKey {
        label,
        is_whole,
        refusals,
    })
}

impl Limiter {
    /// What was asked of the limiter by all processes, and what became of it. Each thread of each
    /// process counts on a line of its own in the segment, which costs a call a nanosecond or
    /// two, and refusals no word that two processors write.
    ///
    /// What a [dry run](crate::Builder::dry_run) lets pass counts as refused.
    ///
    /// ```
    /// use tidegate::{Limiter, Rate};
    ///
    /// let limiter = Limiter::in_memory().rate(Rate::per_minute(2)).open()?;
    /// limiter.try_acquire_n("report", 2)?;
    /// assert!(limiter.try_acquire("report").is_err());
    /// let stats = limiter.stats()?;
    /// assert_eq!((stats.total.granted_permits, stats.total.limited), (2, 1));
    /// assert_eq!(stats.processes[0].pid, u64::from(std::process::id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn stats(&self) -> Result<Stats, BucketError> {
        let zone = self.attached("counts of what was asked")?.up_to_date()?;
        Ok(Stats::of(zone, self.now()?))
    }
}
