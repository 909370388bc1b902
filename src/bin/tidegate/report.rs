//! What `inspect` and `list` tell of a segment, for programs and for people.

use crate::asked::{CountsReport, ProcessReport, RefusedReport, processes, table_of};
use crate::output::{brief, bytes, exact, many, micros, table};
use crate::top::Top;
use serde::Serialize;
use std::fmt;
use std::time::{Duration, SystemTime};
use tidegate::{KeysSnapshot, LeakerSnapshot, Rate, SegmentSnapshot, Snapshot, Stats, Timestamp};

/// A segment at one moment. Field names are part of the command line's interface, and say
/// their units.
#[derive(Serialize)]
pub struct Report {
    pub name: String,
    #[serde(flatten)]
    pub segment: Option<SegmentReport>,
    pub rates: Vec<RateReport>,
    /// In the widest window, without those in the queue.
    pub granted_permits: u64,
    pub queued_permits: u64,
    queue_limit_permits: u64,
    capacity_permits: u64,
    /// Since the segment was made.
    reserved_permits: u64,
    next_permit_in_us: u64,
    /// All keys; 0 if they are not.
    paused_us: u64,
    leaker: Option<LeakerReport>,
    /// What was asked of it since it was made.
    counts: CountsReport,
    /// Who uses it.
    processes: Vec<ProcessReport>,
    /// Where each key has a bucket. All permits above are of all keys together then.
    keys: Option<KeysReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<Top>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_refused: Option<Vec<RefusedReport>>,
}

#[derive(Serialize)]
struct KeysReport {
    used: u64,
    limit: u64,
    evictions: u64,
    full_refusals: u64,
}

#[derive(Serialize)]
pub struct SegmentReport {
    path: String,
    pub size_bytes: u64,
    pub clock: &'static str,
    created_unix_us: u64,
}

#[derive(Serialize)]
pub struct RateReport {
    pub rate: String,
    pub limit_permits: u64,
    interval_us: u64,
    pub granted_permits: u64,
}

#[derive(Serialize)]
struct LeakerReport {
    running: bool,
    /// Whether others stand by, to lead when it ends.
    standby: bool,
    pid: u64,
    last_pass_age_us: u64,
    interval_us: u64,
    passes: u64,
    leaked_permits: u64,
    repairs: u64,
    reclaimed_buckets: u64,
}

impl Report {
    pub fn new(name: String, seen: &Snapshot, stats: &Stats) -> Self {
        // Who waits counts in every window, for it has its time already.
        let granted = |count: u64| count.saturating_sub(seen.queued);
        let uses = seen.rates.iter().zip(&seen.counts);
        let segment = seen.segment.as_ref();
        let leaker =
            segment.and_then(|segment| Some((segment.leaker.as_ref()?, segment.has_standby)));
        Self {
            name,
            segment: segment.map(SegmentReport::new),
            rates: uses
                .map(|(rate, count)| RateReport::new(rate, granted(*count)))
                .collect(),
            granted_permits: granted(seen.count),
            queued_permits: seen.queued,
            queue_limit_permits: seen.queue,
            capacity_permits: seen.capacity,
            reserved_permits: seen.reserved,
            next_permit_in_us: micros(seen.waiting),
            paused_us: micros(seen.paused),
            leaker: leaker.map(|(leaker, standby)| LeakerReport::new(leaker, standby, seen.now)),
            counts: (&stats.total).into(),
            processes: processes(stats),
            keys: seen.keys.as_ref().map(KeysReport::new),
            top: None,
            most_refused: None,
        }
    }
}

#[cfg(feature = "top")]
impl Report {
    /// Whether each key has a bucket.
    pub fn keys_are_apart(&self) -> bool {
        self.keys.is_some()
    }

    /// What never changes, or seldom.
    pub fn facts(&self) -> String {
        let file = self.segment.as_ref().map(SegmentReport::to_string);
        let keys = self.keys.as_ref().map(|keys| format!("keys {keys}"));
        let facts: Vec<_> = keys.into_iter().chain(file).collect();
        facts.join("  ")
    }

    /// When the leak process made its last pass, and what it has done.
    pub fn last_pass(&self) -> Option<String> {
        self.leaker.as_ref().map(LeakerReport::to_string)
    }

    /// For how long everything is paused still.
    pub fn paused(&self) -> Option<Duration> {
        (self.paused_us > 0).then(|| Duration::from_micros(self.paused_us))
    }
}

#[cfg(feature = "top")]
impl RateReport {
    /// How much of the limit is used; of all keys together there is none.
    pub fn part(&self, keys_are_apart: bool) -> Option<f64> {
        let part = self.granted_permits as f64 / self.limit_permits.max(1) as f64;
        (!keys_are_apart).then_some(part)
    }
}

impl KeysReport {
    fn new(keys: &KeysSnapshot) -> Self {
        Self {
            used: keys.used,
            limit: keys.limit,
            evictions: keys.evictions,
            full_refusals: keys.full_refusals,
        }
    }
}

impl fmt::Display for KeysReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} in use", self.used, self.limit)?;
        let refused = many(self.full_refusals, "request");
        write!(
            f,
            " ({} evicted, {refused} refused as full)",
            self.evictions
        )
    }
}

impl SegmentReport {
    fn new(segment: &SegmentSnapshot) -> Self {
        let made = segment.made.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            path: segment.path.display().to_string(),
            size_bytes: segment.size,
            clock: segment.clock,
            created_unix_us: micros(made.unwrap_or_default()),
        }
    }
}

impl RateReport {
    fn new(rate: &Rate, granted_permits: u64) -> Self {
        Self {
            rate: rate.to_string(),
            limit_permits: rate.limit(),
            interval_us: micros(rate.interval()),
            granted_permits,
        }
    }
}

impl LeakerReport {
    fn new(leaker: &LeakerSnapshot, standby: bool, now: Timestamp) -> Self {
        Self {
            running: leaker.is_alive,
            standby,
            pid: leaker.pid,
            last_pass_age_us: micros(now.duration_since(leaker.last_pass)),
            interval_us: micros(leaker.interval),
            passes: leaker.passes,
            leaked_permits: leaker.leaked,
            repairs: leaker.repairs,
            reclaimed_buckets: leaker.reclaimed,
        }
    }
}

/// For people: aligned lines.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![["name".to_owned(), self.name.clone()]];
        let mut line = |word: &str, text| lines.push([word.to_owned(), text]);
        if let Some(segment) = &self.segment {
            line("file", segment.to_string());
        }
        if let Some(keys) = &self.keys {
            line("keys", keys.to_string());
        }
        let columns = |rate: &RateReport| rate.columns(self.keys.is_some());
        let uses: Vec<_> = self.rates.iter().map(columns).collect();
        for (index, used) in table(&uses).lines().enumerate() {
            line(if index == 0 { "rates" } else { "" }, used.to_owned());
        }
        let next = match self.next_permit_in_us {
            0 => "now".to_owned(),
            wait => format!("in {}", exact(Duration::from_micros(wait))),
        };
        line("next", next);
        let (queued, queue) = (self.queued_permits, self.queue_limit_permits);
        let queue = match self.keys {
            Some(_) => format!(
                "{} waited for, {queue} a key at most",
                many(queued, "permit")
            ),
            None => format!("{queued} of {} waited for", many(queue, "permit")),
        };
        line("queue", queue);
        line(
            "ring",
            format!("remembers {}", many(self.capacity_permits, "permit")),
        );
        let reserved = many(self.reserved_permits, "permit");
        line("reserved", format!("{reserved} since it was created"));
        line("granted", self.counts.to_string());
        if !self.processes.is_empty() {
            for (index, process) in table_of(&self.processes).lines().enumerate() {
                line(if index == 0 { "used by" } else { "" }, process.to_owned());
            }
        }
        let leaker = self.leaker.as_ref().map(LeakerReport::to_string);
        line(
            "leaker",
            leaker.unwrap_or("none yet (limits hold without one)".to_owned()),
        );
        f.write_str(&table(&lines))?;
        match &self.top {
            Some(top) => write!(f, "\n\n{top}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for SegmentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = SystemTime::UNIX_EPOCH + Duration::from_micros(self.created_unix_us);
        let age = brief(made.elapsed().unwrap_or_default());
        write!(
            f,
            "{}, {}, {} clock, created {age} ago",
            self.path,
            bytes(self.size_bytes),
            self.clock
        )
    }
}

impl fmt::Display for RateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rate)
    }
}

impl RateReport {
    fn columns(&self, has_keys: bool) -> [String; 2] {
        let used = if has_keys {
            many(self.granted_permits, "permit") + ", of all keys"
        } else {
            format!(
                "{} of {}",
                self.granted_permits,
                many(self.limit_permits, "permit")
            )
        };
        [self.rate.clone(), used]
    }
}

impl fmt::Display for LeakerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = brief(Duration::from_micros(self.last_pass_age_us));
        if self.running {
            let interval = brief(Duration::from_micros(self.interval_us));
            write!(f, "process {}, every {interval}, last {age} ago", self.pid)?;
            if self.standby {
                f.write_str("; others stand by")?;
            }
        } else {
            write!(f, "none now; process {} was last, {age} ago", self.pid)?;
        }
        let (passes, repairs) = (many(self.passes, "pass"), many(self.repairs, "repair"));
        write!(
            f,
            " ({passes}, {} leaked, {repairs})",
            many(self.leaked_permits, "permit")
        )
    }
}
