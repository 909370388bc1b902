//! What can be watched from outside: events for `tracing`, counters for `metrics`. Without
//! these features everything here is empty.
//!
//! No key of a user is told: there may be too many of them, and they may be secrets.

#[cfg(feature = "tracing")]
mod events;
#[cfg(feature = "metrics")]
mod meters;

use crate::error::AcquireError;
use crate::timestamp::Timestamp;
use std::fmt::Display;
#[cfg(any(feature = "tracing", feature = "metrics"))]
use std::time::Instant;

/// One limiter, as it is watched.
#[derive(Debug)]
pub struct Scope {
    #[cfg(feature = "tracing")]
    events: events::Events,
    #[cfg(feature = "metrics")]
    meters: meters::Meters,
}

impl Scope {
    /// A limiter of that segment.
    pub fn new(segment: impl Display) -> Self {
        let _ = &segment;
        Self {
            #[cfg(feature = "tracing")]
            events: events::Events::new(&segment),
            #[cfg(feature = "metrics")]
            meters: meters::Meters::new(&segment),
        }
    }

    /// So many permits were given to a caller, who may act upon them.
    #[inline(always)]
    pub fn granted(&self, permits: u64) {
        #[cfg(feature = "tracing")]
        self.events.granted(permits);
        #[cfg(feature = "metrics")]
        self.meters.granted(permits);
        let _ = permits;
    }

    /// A caller got nothing.
    #[inline(always)]
    pub fn refused(&self, reason: &AcquireError) {
        #[cfg(feature = "tracing")]
        self.events.refused(reason);
        #[cfg(feature = "metrics")]
        self.meters.refused(reason);
        let _ = reason;
    }

    /// Nothing is granted until then.
    #[inline(always)]
    pub fn paused(&self, until: Timestamp) {
        #[cfg(feature = "tracing")]
        self.events.paused(until);
        let _ = until;
    }
}

/// A caller that may have to wait.
#[derive(Debug)]
pub struct Watch<'s> {
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    since: Option<Instant>,
    scope: &'s Scope,
}

impl<'s> Watch<'s> {
    /// One that does not wait yet.
    #[inline(always)]
    pub fn new(scope: &'s Scope) -> Self {
        Self {
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            since: None,
            scope,
        }
    }

    /// It sleeps now: a wait begins, unless it has begun.
    #[inline(always)]
    pub fn sleeps(&mut self) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        if self.since.is_none() {
            self.since = Some(Instant::now());
            #[cfg(feature = "metrics")]
            self.scope.meters.waits();
        }
    }

    /// Its turn has come.
    #[inline(always)]
    pub fn goes(&mut self) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        if let Some(since) = self.since.take() {
            let waited = since.elapsed();
            #[cfg(feature = "tracing")]
            self.scope.events.waited(waited);
            #[cfg(feature = "metrics")]
            self.scope.meters.waited(waited);
        }
        let _ = self.scope;
    }
}
