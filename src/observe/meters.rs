//! Counters and a histogram for the facade `metrics`: the crate's documentation lists them.

use crate::error::AcquireError;
use metrics::{Counter, Key, Label, Level, Metadata, SharedString, with_recorder};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

const METADATA: Metadata<'static> = Metadata::new("tidegate", Level::INFO, None);

/// Counts for one limiter. The recorder is asked each time, for it may be installed later
/// than the limiter is opened; the keys are made once.
#[derive(Debug)]
pub struct Meters {
    segment: Label,
    granted: Key,
    waits: Key,
    wait_seconds: Key,
}

impl Meters {
    pub fn new(segment: &impl Display) -> Self {
        let segment: Arc<str> = segment.to_string().into();
        let segment = Label::new("segment", SharedString::from(segment));
        let key = |name: &'static str| Key::from_parts(name, vec![segment.clone()]);
        Self {
            granted: key("tidegate_permits_granted_total"),
            waits: key("tidegate_waits_total"),
            wait_seconds: key("tidegate_wait_seconds"),
            segment,
        }
    }

    pub fn granted(&self, permits: u64) {
        counter(&self.granted).increment(permits);
    }

    pub fn refused(&self, reason: &AcquireError) {
        let (reason, rate) = match reason {
            AcquireError::Limited { rate, .. } => ("limited", Some(rate)),
            AcquireError::QueueFull { .. } => ("queue_full", None),
            AcquireError::WeightTooLarge { rate, .. } => ("weight_too_large", Some(rate)),
            AcquireError::Full { .. } => ("full", None),
            AcquireError::KeyTooLong { .. } => ("key_too_long", None),
            AcquireError::Bucket(_) => ("bucket", None),
        };
        let reason = Label::from_static_parts("reason", reason);
        let mut labels = vec![self.segment.clone(), reason];
        labels.extend(rate.map(|rate| Label::new("rate", rate.to_string())));
        counter(&Key::from_parts("tidegate_requests_refused_total", labels)).increment(1);
    }

    pub fn waits(&self) {
        counter(&self.waits).increment(1);
    }

    pub fn waited(&self, time: Duration) {
        with_recorder(|recorder| recorder.register_histogram(&self.wait_seconds, &METADATA))
            .record(time.as_secs_f64());
    }
}

fn counter(key: &Key) -> Counter {
    with_recorder(|recorder| recorder.register_counter(key, &METADATA))
}
