//! Looks at a segment, one after the other; and what has happened between two of them.

use crate::args::Target;
use crate::asked::{ProcessReport, RefusedReport, most_refused, processes};
use crate::failure::Failure;
use crate::output::micros;
use crate::report::Report;
use crate::shown::escaped;
use crate::watched::Watched;
use serde::Serialize;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tidegate::{BucketSnapshot, Snapshot, Stats};

/// So many of the keys that are refused most are printed.
const MOST_REFUSED: usize = 20;
/// Looking at all keys takes at most this part of the time.
const SHARE: u32 = 5;

/// What was seen last, and what happened since the look before.
#[derive(Serialize)]
pub struct Seen {
    #[serde(flatten)]
    pub report: Report,
    pub grants_per_s: f64,
    pub permits_per_s: f64,
    pub refusals_per_s: f64,
    /// How long the last in the queue has to wait still.
    pub longest_wait_us: u64,
    pub leader: Leader,
    /// Since the look before.
    pub busy: Vec<ProcessRate>,
    pub refused: Vec<RefusedReport>,
    pub keys_seen: Vec<KeyRate>,
    /// As long ago was the look before.
    pub span_us: u64,
}

/// The state of the leak process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Leader {
    /// One leads, and made its last pass when it should.
    Running,
    /// One leads, and is late: it is stopped, or the machine is very busy.
    Late,
    /// None leads, and others are about to.
    StandingBy,
    /// None is there; limits hold all the same.
    None,
}

/// One process that uses the segment.
#[derive(Clone, Serialize)]
pub struct ProcessRate {
    pub pid: u64,
    pub command: Option<String>,
    pub permits_per_s: f64,
    pub refusals_per_s: f64,
    pub granted_permits: u64,
    pub refused_requests: u64,
    pub waiting_callers: u64,
}

/// One key that has a bucket.
#[derive(Clone, Serialize)]
pub struct KeyRate {
    pub key: String,
    #[serde(skip)]
    pub label: Vec<u8>,
    pub whole_key: bool,
    pub counted_permits: u64,
    pub queued_permits: u64,
    pub next_permit_in_us: u64,
    /// At most; 0 of one that is refused seldom.
    pub refused_requests: u64,
    pub refusals_per_s: f64,
}

/// The looks at one segment.
pub struct Looks {
    watched: Watched,
    last: Option<(Instant, Stats)>,
    keys: Vec<BucketSnapshot>,
    /// When all keys are to be looked at again.
    keys_due: Instant,
}

impl Looks {
    /// None yet.
    pub fn at(target: Target) -> Self {
        Self {
            watched: Watched::new(target),
            last: None,
            keys: Vec::new(),
            keys_due: Instant::now(),
        }
    }

    /// Looks now.
    pub fn look(&mut self) -> Result<Seen, Failure> {
        let started = Instant::now();
        let is_due = started >= self.keys_due;
        let (snapshot, stats, keys) = self.watched.look(|viewer| {
            let keys = match is_due {
                true => Some(viewer.buckets()?.collect::<Vec<_>>()),
                false => None,
            };
            Ok((viewer.inspect()?, viewer.stats()?, keys))
        })?;
        if let Some(keys) = keys {
            self.keys = keys;
            self.keys_due = started + started.elapsed() * SHARE;
        }
        let name = self.watched.target().to_string();
        let seen = self.compare(name, started, &snapshot, &stats);
        self.last = Some((started, stats));
        Ok(seen)
    }

    fn compare(&self, name: String, now: Instant, snapshot: &Snapshot, stats: &Stats) -> Seen {
        let span = self
            .last
            .as_ref()
            .map_or(Duration::ZERO, |(then, _)| now - *then);
        let before = self.last.as_ref().map(|(_, stats)| stats);
        let per_s = |now: u64, before: u64| match span.is_zero() {
            true => 0.0,
            // Less than before: the segment was made anew.
            false => now.saturating_sub(before) as f64 / span.as_secs_f64(),
        };
        let total = before.map_or(stats.total, |before| before.total);
        let longest = self.keys.iter().filter(|key| key.queued > 0);
        let longest = longest.filter_map(|key| key.last_use).max();
        Seen {
            grants_per_s: per_s(stats.total.granted_requests, total.granted_requests),
            permits_per_s: per_s(stats.total.granted_permits, total.granted_permits),
            refusals_per_s: per_s(stats.total.refused(), total.refused()),
            longest_wait_us: longest.map_or(0, |last| micros(last.duration_since(snapshot.now))),
            leader: Leader::of(snapshot),
            busy: busy(before, stats, per_s),
            refused: most_refused(stats, MOST_REFUSED),
            keys_seen: self.keys_with_refusals(before, stats, per_s),
            span_us: micros(span),
            report: Report::new(name, snapshot, stats),
        }
    }

    fn keys_with_refusals(
        &self,
        before: Option<&Stats>,
        stats: &Stats,
        per_s: impl Fn(u64, u64) -> f64,
    ) -> Vec<KeyRate> {
        let refusals = |stats: &Stats| -> HashMap<Vec<u8>, u64> {
            let keys = stats.most_refused.iter();
            keys.map(|key| (key.label.clone(), key.refusals)).collect()
        };
        let (now, before) = (refusals(stats), before.map(refusals).unwrap_or_default());
        let rate = |key: &BucketSnapshot| {
            let refused = now.get(&key.label).copied().unwrap_or(0);
            // Who was not there before has not been refused so often just now.
            let then = before.get(&key.label).copied().unwrap_or(refused);
            KeyRate {
                key: escaped(&key.label),
                label: key.label.clone(),
                whole_key: key.is_whole,
                counted_permits: key.count,
                queued_permits: key.queued,
                next_permit_in_us: micros(key.waiting),
                refused_requests: refused,
                refusals_per_s: per_s(refused, then),
            }
        };
        self.keys.iter().map(rate).collect()
    }
}

/// What each process was given and refused since the look before.
fn busy(
    before: Option<&Stats>,
    stats: &Stats,
    per_s: impl Fn(u64, u64) -> f64,
) -> Vec<ProcessRate> {
    let then: HashMap<u64, ProcessReport> = before
        .map(|before| {
            processes(before)
                .into_iter()
                .map(|one| (one.pid, one))
                .collect()
        })
        .unwrap_or_default();
    let rate = |process: ProcessReport| {
        let counts = &process.counts;
        let [granted, refused] = match then.get(&process.pid) {
            Some(then) => [then.counts.granted_permits, then.counts.refused_requests],
            // It has come meanwhile.
            None => [0, 0],
        };
        ProcessRate {
            pid: process.pid,
            permits_per_s: per_s(counts.granted_permits, granted),
            refusals_per_s: per_s(counts.refused_requests, refused),
            granted_permits: counts.granted_permits,
            refused_requests: counts.refused_requests,
            waiting_callers: process.waiting_callers,
            command: process.command,
        }
    };
    processes(stats).into_iter().map(rate).collect()
}

impl Leader {
    fn of(snapshot: &Snapshot) -> Self {
        let Some(segment) = &snapshot.segment else {
            return Self::None;
        };
        match &segment.leaker {
            Some(leaker) if leaker.is_alive => {
                let age = snapshot.now.duration_since(leaker.last_pass);
                match age > 3 * leaker.interval + Duration::from_secs(1) {
                    true => Self::Late,
                    false => Self::Running,
                }
            }
            _ if segment.has_standby => Self::StandingBy,
            _ => Self::None,
        }
    }

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Late => "late: stopped, or starved",
            Self::StandingBy => "standing by",
            Self::None => "none (limits hold without)",
        }
    }
}
