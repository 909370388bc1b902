//! The busiest keys of a segment, for programs and for people.

use crate::output::{exact, micros, table};
use crate::shown::{escaped, hex, label};
use clap::ValueEnum;
use serde::Serialize;
use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;
use tidegate::{BucketSnapshot, Buckets};

/// By what keys are sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Order {
    /// Permits that count in the widest window
    Count,
    /// Permits that are waited for
    Queued,
    /// How long the next request would have to wait
    Wait,
}

/// One key at one moment.
#[derive(Serialize)]
pub struct KeyReport {
    /// Its first bytes: as text, with what is none escaped; and two digits for each.
    key: String,
    key_hex: String,
    /// Whether that is all of it.
    whole_key: bool,
    counted_permits: u64,
    queued_permits: u64,
    next_permit_in_us: u64,
}

impl From<BucketSnapshot> for KeyReport {
    fn from(seen: BucketSnapshot) -> Self {
        Self {
            key: escaped(&seen.label),
            key_hex: hex(&seen.label),
            whole_key: seen.is_whole,
            counted_permits: seen.count,
            queued_permits: seen.queued,
            next_permit_in_us: micros(seen.waiting),
        }
    }
}

/// The `most` busiest keys.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Top(Vec<KeyReport>);

/// Looks for the `most` busiest keys.
pub fn top(buckets: Buckets<'_>, most: usize, order: Order) -> Top {
    let mut all: Vec<KeyReport> = buckets.map(KeyReport::from).collect();
    all.sort_by_key(|key| {
        let first = match order {
            Order::Count => key.counted_permits,
            Order::Queued => key.queued_permits,
            Order::Wait => key.next_permit_in_us,
        };
        (Reverse(first), key.key.clone())
    });
    all.truncate(most);
    Top(all)
}

impl fmt::Display for Top {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![["KEY", "COUNTED", "QUEUED", "NEXT"].map(str::to_owned)];
        for key in &self.0 {
            let name = label(&key.key, key.whole_key);
            let next = match key.next_permit_in_us {
                0 => "now".to_owned(),
                wait => format!("in {}", exact(Duration::from_micros(wait))),
            };
            lines.push([
                name,
                key.counted_permits.to_string(),
                key.queued_permits.to_string(),
                next,
            ]);
        }
        f.write_str(&table(&lines))
    }
}
