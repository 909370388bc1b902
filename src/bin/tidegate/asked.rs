//! What was asked of a segment, and who asks it, for programs and for people.

use crate::output::{brief, many, micros, table};
use crate::shown::{escaped, hex};
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use tidegate::{Counted, ProcessStats, RefusedKey, Stats};

/// Since the segment was made, by all processes.
#[derive(Serialize)]
pub struct CountsReport {
    pub granted_requests: u64,
    pub granted_permits: u64,
    /// All of the next three.
    pub refused_requests: u64,
    pub limited_requests: u64,
    pub queue_full_requests: u64,
    pub full_requests: u64,
    pub waits: u64,
    pub waited_us: u64,
}

/// One process that uses it.
#[derive(Serialize)]
pub struct ProcessReport {
    pub pid: u64,
    pub command: Option<String>,
    pub waiting_callers: u64,
    #[serde(flatten)]
    pub counts: CountsReport,
}

/// A key that is refused often.
#[derive(Serialize)]
pub struct RefusedReport {
    key: String,
    key_hex: String,
    whole_key: bool,
    /// At most.
    refused_requests: u64,
}

impl From<&Counted> for CountsReport {
    fn from(counted: &Counted) -> Self {
        Self {
            granted_requests: counted.granted_requests,
            granted_permits: counted.granted_permits,
            refused_requests: counted.refused(),
            limited_requests: counted.limited,
            queue_full_requests: counted.queue_full,
            full_requests: counted.full,
            waits: counted.waits,
            waited_us: micros(counted.waited),
        }
    }
}

impl From<&ProcessStats> for ProcessReport {
    fn from(process: &ProcessStats) -> Self {
        Self {
            pid: process.pid,
            command: process
                .command
                .as_deref()
                .map(|words| escaped(words.as_bytes())),
            waiting_callers: process.waiting,
            counts: (&process.counted).into(),
        }
    }
}

impl From<&RefusedKey> for RefusedReport {
    fn from(key: &RefusedKey) -> Self {
        Self {
            key: escaped(&key.label),
            key_hex: hex(&key.label),
            whole_key: key.is_whole,
            refused_requests: key.refusals,
        }
    }
}

/// Those that use it, by pid.
pub fn processes(stats: &Stats) -> Vec<ProcessReport> {
    stats.processes.iter().map(ProcessReport::from).collect()
}

/// The `most` keys that are refused most.
pub fn most_refused(stats: &Stats, most: usize) -> Vec<RefusedReport> {
    let keys = stats.most_refused.iter().take(most);
    keys.map(RefusedReport::from).collect()
}

impl fmt::Display for CountsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let granted = many(self.granted_permits, "permit");
        let requests = many(self.granted_requests, "request");
        write!(f, "{granted} in {requests}")?;
        let refused = [
            (self.limited_requests, "by a rate"),
            (self.queue_full_requests, "by a full queue"),
            (self.full_requests, "for want of a bucket"),
        ];
        let reasons = refused.iter().filter(|(count, _)| *count > 0);
        let reasons: Vec<_> = reasons
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        write!(f, "; refused {}", many(self.refused_requests, "request"))?;
        if !reasons.is_empty() {
            write!(f, " ({})", reasons.join(", "))?;
        }
        if let Some(mean) = self.waited_us.checked_div(self.waits) {
            let mean = brief(Duration::from_micros(mean));
            write!(f, "; {} of {mean} on average", many(self.waits, "wait"))?;
        }
        Ok(())
    }
}

/// For people: a table with a line for each.
pub fn table_of(processes: &[ProcessReport]) -> String {
    let mut lines = vec![["PID", "PERMITS", "REFUSED", "WAITING", "COMMAND"].map(str::to_owned)];
    for process in processes {
        lines.push([
            process.pid.to_string(),
            process.counts.granted_permits.to_string(),
            process.counts.refused_requests.to_string(),
            process.waiting_callers.to_string(),
            process
                .command
                .clone()
                .unwrap_or_else(|| "(not seen from here)".to_owned()),
        ]);
    }
    table(&lines)
}
