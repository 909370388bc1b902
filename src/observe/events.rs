//! Events for the facade `tracing`, at level debug.

use crate::error::AcquireError;
use crate::timestamp::Timestamp;
use std::fmt::Display;
use std::time::Duration;
use tracing::debug;

/// What all events come from.
const TARGET: &str = "tidegate";

/// Tells of one limiter.
#[derive(Debug)]
pub struct Events {
    segment: Box<str>,
}

impl Events {
    pub fn new(segment: &impl Display) -> Self {
        let segment = segment.to_string().into();
        Self { segment }
    }

    pub fn granted(&self, permits: u64) {
        debug!(target: TARGET, segment = &*self.segment, permits, "granted");
    }

    /// The reason is a text that names the rate, if a rate is the reason.
    pub fn refused(&self, reason: &AcquireError) {
        debug!(target: TARGET, segment = &*self.segment, %reason, "limited");
    }

    pub fn waited(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        debug!(target: TARGET, segment = &*self.segment, seconds, "waited");
    }

    /// The end is on the limiter's clock.
    pub fn paused(&self, until: Timestamp) {
        debug!(target: TARGET, segment = &*self.segment, %until, "paused");
    }
}
