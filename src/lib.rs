//! tidegate

// Models need the ring itself; users do not.
#[cfg(loom)]
pub mod ring;
#[cfg(not(loom))]
mod ring;
#[cfg(loom)]
pub mod sync;
#[cfg(not(loom))]
mod sync;

/// All that needs a system around the ring.
macro_rules! outside_models {
    ($($item:item)*) => { $(#[cfg(not(loom))] $item)* };
}

outside_models! {
    mod bucket;
    mod builder;
    mod clock;
    mod error;
    mod inspect;
    mod leaker;
    mod limiter;
    mod permit;
    mod rate;
    mod segment;
    mod spec;
    mod timestamp;
    mod wait;

    pub use builder::Builder;
    pub use error::{AcquireError, BucketError};
    pub use inspect::{Snapshot, list, remove, remove_at};
    pub use leaker::{LeakError, Leaker, Pass};
    pub use limiter::Limiter;
    pub use permit::Permit;
    pub use rate::{MAX_INTERVAL, MAX_LIMIT, MAX_RATES, Rate, RateError, RateTextError, parse_duration, validate};
    pub use segment::error::OpenError;
    pub use segment::report::{LeakerSnapshot, SegmentSnapshot};
    pub use timestamp::Timestamp;
}
