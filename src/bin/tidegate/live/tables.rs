//! The two tables: keys, and processes.

use crate::live::looks::{KeyRate, ProcessRate, Seen};
use crate::output::brief;
use crate::shown::label;
use std::cmp::Reverse;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tab {
    Keys = 0,
    Processes = 1,
}

/// A line that is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub cells: Vec<String>,
    /// The key's bytes, if all of them are known.
    pub key: Option<Vec<u8>>,
}

/// A number to sort by, of any kind that there is.
type Weight = Reverse<u64>;

impl Tab {
    /// The one that is shown first.
    pub fn first(seen: &Seen) -> Self {
        match seen.report.keys_are_apart() {
            true => Self::Keys,
            false => Self::Processes,
        }
    }

    /// The other one; where there are no keys, the same.
    pub fn other(self, seen: &Seen) -> Self {
        match self {
            Self::Processes if seen.report.keys_are_apart() => Self::Keys,
            _ => Self::Processes,
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Processes => "processes",
        }
    }

    /// The names of its columns. All but the last can be sorted by, too.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Keys => &["COUNTED", "QUEUED", "NEXT", "REFUSED/s", "REFUSED", "KEY"],
            Self::Processes => &[
                "PERMITS/s",
                "REFUSED/s",
                "WAITING",
                "PERMITS",
                "REFUSED",
                "PID",
                "COMMAND",
            ],
        }
    }
}

/// The lines of a table, by that column, those that match the filter.
pub fn lines(seen: &Seen, tab: Tab, column: usize, filter: &str) -> Vec<Line> {
    match tab {
        Tab::Keys => {
            let mut keys: Vec<&KeyRate> = seen.keys_seen.iter().collect();
            keys.retain(|key| key.key.contains(filter));
            keys.sort_by(|one, other| {
                let weights = (key_weight(one, column), key_weight(other, column));
                weights
                    .0
                    .cmp(&weights.1)
                    .then_with(|| one.key.cmp(&other.key))
            });
            keys.into_iter().map(key_line).collect()
        }
        Tab::Processes => {
            let command = |process: &ProcessRate| process.command.clone().unwrap_or_default();
            let mut all: Vec<&ProcessRate> = seen.busy.iter().collect();
            all.retain(|process| {
                command(process).contains(filter) || process.pid.to_string().contains(filter)
            });
            all.sort_by_key(|process| {
                (
                    process_weight(process, column),
                    command(process),
                    process.pid,
                )
            });
            all.into_iter().map(process_line).collect()
        }
    }
}

/// Thousandths, so that there is an order.
fn thousandths(rate: f64) -> Weight {
    Reverse((rate * 1000.0) as u64)
}

fn key_weight(key: &KeyRate, column: usize) -> Weight {
    match column {
        0 => Reverse(key.counted_permits),
        1 => Reverse(key.queued_permits),
        2 => Reverse(key.next_permit_in_us),
        3 => thousandths(key.refusals_per_s),
        4 => Reverse(key.refused_requests),
        _ => Reverse(0),
    }
}

fn process_weight(process: &ProcessRate, column: usize) -> Weight {
    match column {
        0 => thousandths(process.permits_per_s),
        1 => thousandths(process.refusals_per_s),
        2 => Reverse(process.waiting_callers),
        3 => Reverse(process.granted_permits),
        4 => Reverse(process.refused_requests),
        5 => Reverse(u64::MAX - process.pid),
        _ => Reverse(0),
    }
}

fn key_line(key: &KeyRate) -> Line {
    let name = label(&key.key, key.whole_key);
    let next = match key.next_permit_in_us {
        0 => "now".to_owned(),
        wait => brief(Duration::from_micros(wait)),
    };
    Line {
        cells: vec![
            key.counted_permits.to_string(),
            key.queued_permits.to_string(),
            next,
            rate(key.refusals_per_s),
            key.refused_requests.to_string(),
            name,
        ],
        key: key.whole_key.then(|| key.label.clone()),
    }
}

fn process_line(process: &ProcessRate) -> Line {
    let command = process.command.clone();
    Line {
        cells: vec![
            rate(process.permits_per_s),
            rate(process.refusals_per_s),
            process.waiting_callers.to_string(),
            process.granted_permits.to_string(),
            process.refused_requests.to_string(),
            process.pid.to_string(),
            command.unwrap_or_else(|| "(not seen from here)".to_owned()),
        ],
        key: None,
    }
}

/// So many a second, in few figures.
pub fn rate(per_s: f64) -> String {
    match per_s {
        0.0 => "0".to_owned(),
        small if small < 10.0 => format!("{small:.1}"),
        rate if rate < 100_000.0 => format!("{rate:.0}"),
        large if large < 10_000_000.0 => format!("{:.0}k", large / 1e3),
        huge => format!("{:.1}M", huge / 1e6),
    }
}
