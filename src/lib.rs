//! An exact rate limiter that many processes on one host share through a
//! memory-mapped segment, with no broker and no lock.
//!
//! ```
//! use std::time::Duration;
//! use tidegate::{AcquireError, Limiter, Rate};
//!
//! # let name = format!("doc-{}", std::process::id());
//! # let name = name.as_str();
//! let limiter = Limiter::shared(name) // every process that opens this name shares the limit
//!     .rate(Rate::new(5, Duration::from_secs(2)))
//!     .rate(Rate::per_hour(1000))
//!     .open()?; // makes the segment, or attaches to the one that is there
//!
//! let permit = limiter.try_acquire("example.com")?; // now or never
//! limiter.try_acquire_n("example.com", 4)?; // all or none
//! match limiter.try_acquire("example.com") {
//!     Err(AcquireError::Limited { retry_after, rate }) => println!("{rate}: not before {retry_after:?}"),
//!     other => unreachable!("{other:?}"),
//! }
//! limiter.acquire("example.com")?; // waits its turn, first come, first served
//! # tidegate::remove(name)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//!
//! 1. **Never over.** For each rate (limit L, interval I), in every half-open window
//!    of length I, the weights granted sum to L at most; since the last flush, removal
//!    or change of rates. A grant's instant is [`Permit::at`], between the call and its
//!    return. All rates are checked in one atomic step: all permits of a
//!    request are taken, or none.
//! 2. **Never needlessly under.** A request is refused only while granting it would
//!    break the first promise, or overtake somebody who waits, to within 2 µs of clock
//!    rounding. That others are busy is never a reason. Retry-after is exact.
//! 3. **Lock-free.** A process may be stopped or killed at any instruction of a call
//!    that takes permits, and all others go on at full speed. Nothing is repaired by a
//!    timeout. A dead process costs at most the permits that it had itself reserved,
//!    each for one interval from when the next caller, or the leak process, comes upon
//!    them. (Removing a segment is no such call: it takes a kernel lock.)
//! 4. **No broker.** The [leak process](Leaker) is a janitor: with none, all holds.
//! 5. **Refusing is read-only**, so refusals scale with the number of cores. (A caller
//!    that finds a run of permits abandoned by a killed owner completes it.)
//! 6. **First come, first served** among those who wait, across processes, with one
//!    sleep per wait.
//! 7. **A segment is trusted no further than its owner.** Garbage in it gives wrong
//!    answers at worst: no panic, no endless loop, no undefined behaviour. Only who may
//!    write a segment may truncate it, which stops those that use it (SIGBUS).
//!
//! # How
//!
//! A bucket is a ring of the times at which its last permits were granted: an exact
//! sliding-window log. One CAS on the ring's head reserves permits; their times are
//! written afterwards, by the owner, or by the next caller if the owner has died.
//!
//! ```text
//!   seq   …  7    8    9   10   11   12   13 ╷
//!          ├────┬────┬────┬────┬────┬────┬────┤ head: seq 14 is next, one CAS takes it
//!  stamps  │ 03 │ 17 │ 17 │ 52 │ 60 │ 71 │ 90 │
//!          └────┴────┴────┴────┴────┴────┴────┘
//!                      ▲ rate 5/50 ticks: the 5th newest permit
//!                        must have left the window: 17 + 50 <= now
//! ```
//!
//! So each rate costs one look, whatever its limit. (Where a place was given back, by
//! a waiter that woke late, refusals count the permits of the window one by one until
//! it has left it.) A segment is 4 KiB, and 256 bytes and
//! 8 bytes for each permit that the bucket remembers: the largest limit and the queue,
//! rounded up to a power of two. What the callers of 64 processes [count](Limiter::stats)
//! takes 32 KiB more, and with keys three times that.
//!
//! # Many keys
//!
//! [`Builder::keys`] gives each name a bucket of its own, found by a lock-free hash table in
//! the segment (after Michael, 2002), made on first use, and taken from its key when that
//! has been idle for longer than the widest interval and another key needs it, or the leak
//! process comes by. A bucket changes hands by the same CAS on the same word that
//! reserves permits: so no permit is ever counted on another's key.
//!
//! # Other buckets
//!
//! A limiter works over whatever keeps the log of its permits: [`Limiter::over`] takes any
//! [`Bucket`], and with feature `tokio` `Limiter::over_async` any [`AsyncBucket`]. The rings are
//! such buckets, too: [`SharedBucket`] and [`MemoryBucket`], by [`Builder::open_bucket`]. With
//! feature `conformance` there is a suite of tests that judges buckets. Promises 3, 5 and
//! 7 are the rings'.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `cli` | the command line `tidegate` |
//! | `conformance` | a suite of tests for buckets, your own among them |
//! | `exporter` | its command `metrics`: what is in segments, for Prometheus |
//! | `headers` | what HTTP headers tell of limits, written and read, for clients and servers of any kind |
//! | `macros` | the attribute macro `rate_limited` |
//! | `metrics` | counters of what is granted, refused and waited for, by the facade `metrics` |
//! | `portable` | segments in the system's shared memory, by the `shared_memory` crate |
//! | `postgres` | `PostgresBucket`: a bucket in a PostgreSQL server, which several hosts share |
//! | `reqwest` | a middleware that limits a client, and pauses for what its servers ask, in all processes |
//! | `redis` | `RedisBucket`, a bucket in a Redis or Valkey server; with `tokio` also `RedisAsyncBucket` |
//! | `sqlite` | `SqliteBucket`: a bucket in a SQLite file, which outlives restarts |
//! | `tokio` | waiting on tokio's timer: `acquire_async`, `acquire_timeout_async`, `wait_async` |
//! | `top` | the command line's `top`: a live view in the terminal |
//! | `tower` | a layer that limits an HTTP server, under axum and others |
//! | `tracing` | events of the same, and of pauses, by the facade `tracing` |
//! | `ureq` | the same as `reqwest` for a ureq agent, without an asynchronous runtime |
//!
//! # Watching
//!
//! Every segment keeps counts of what was granted, refused and waited for, in all and by each process
//! that uses it: [`Limiter::stats`]. A [`Viewer`] sees them, and all else, without the right to
//! write. Two facades can be told besides:
//!
//! With feature `metrics` a recorder is told of what this process asks:
//!
//! | metric | counts | labels |
//! |---|---|---|
//! | `tidegate_permits_granted_total` | permits, also those that are refunded later; not debits | `segment` |
//! | `tidegate_requests_refused_total` | requests | `segment`, `reason`, and `rate` if that is the reason |
//! | `tidegate_waits_total` | waits that have begun | `segment` |
//! | `tidegate_wait_seconds` | the time of waits that ended with a grant: a histogram | `segment` |
//!
//! With feature `tracing` there are events of level debug and target `tidegate`: granted, limited,
//! waited, paused. The segment is a name, a path, or `memory`; no key is ever told, for
//! there may be too many, and they may be secrets. What a [dry run](Builder::dry_run) lets pass
//! counts as refused.

#![deny(clippy::disallowed_types)]

// Models need the ring itself; users do not.
#[cfg(loom)]
pub mod directory;
#[cfg(not(loom))]
mod directory;
#[cfg(loom)]
pub mod ring;
#[cfg(not(loom))]
mod ring;
#[cfg(loom)]
pub mod sync;
#[cfg(not(loom))]
mod sync;

// All else needs a system around it, which models have not.
#[cfg(not(loom))]
mod backends;
#[cfg(not(loom))]
mod bucket;
#[cfg(not(loom))]
mod clock;
#[cfg(all(feature = "conformance", not(loom)))]
pub mod conformance;
#[cfg(not(loom))]
mod error;
#[cfg(all(feature = "macros", not(loom)))]
#[doc(hidden)]
pub mod expansion;
#[cfg(not(loom))]
pub mod factory;
#[cfg(not(loom))]
mod ground;
#[cfg(not(loom))]
mod limiter;
#[cfg(not(loom))]
mod observe;
#[cfg(not(loom))]
mod rate;
#[cfg(not(loom))]
mod segment;
#[cfg(not(loom))]
mod spec;
#[cfg(not(loom))]
mod timestamp;
#[cfg(not(loom))]
mod turn;
#[cfg(all(any(feature = "headers", feature = "tower"), not(loom)))]
mod web;
#[cfg(not(loom))]
mod zone;

#[cfg(all(feature = "postgres", not(loom)))]
pub use backends::postgres::{
    PostgresAsyncBucket, PostgresBucket, PostgresBuilder, PostgresClock, PostgresError,
    tokio_postgres,
};
#[cfg(all(feature = "redis", feature = "tokio", not(loom)))]
pub use backends::redis::RedisAsyncBucket;
#[cfg(all(feature = "redis", not(loom)))]
pub use backends::redis::{RedisBucket, RedisBuilder, RedisClock};
#[cfg(all(feature = "sqlite", not(loom)))]
pub use backends::sqlite::{SqliteBucket, SqliteBuilder, SqliteClock};
#[cfg(not(loom))]
pub use bucket::{Answer, AsyncBucket, Bucket, Grant, Item, Usage};
#[cfg(all(feature = "tokio", not(loom)))]
pub use bucket::{Blocking, Offload};
#[cfg(not(loom))]
pub use clock::{Boottime, Clock, ClockError, Manual, Monotonic, Wall};
#[cfg(not(loom))]
pub use directory::MAX_KEY;
#[cfg(not(loom))]
pub use error::{
    AcquireError, BackendError, BucketError, DebitError, OpenError, Outcome, PauseError,
    RefundError, SetRatesError,
};
#[cfg(not(loom))]
pub use limiter::Limiter;
#[cfg(not(loom))]
pub use limiter::builder::Builder;
#[cfg(not(loom))]
pub use limiter::factory::{BucketFactory, Router};
#[cfg(all(feature = "portable", not(loom)))]
pub use limiter::inspect::remove_portable;
#[cfg(not(loom))]
pub use limiter::inspect::{Snapshot, list, remove, remove_at};
#[cfg(not(loom))]
pub use limiter::keys::{BucketHandle, BucketSnapshot, Buckets};
#[cfg(not(loom))]
pub use limiter::leaker::{LeakError, Leaker, Pass};
#[cfg(not(loom))]
pub use limiter::leaking::Leaking;
#[cfg(all(feature = "macros", not(loom)))]
pub use limiter::rate_limited::rate_limited;
#[cfg(not(loom))]
pub use limiter::request::{RefusedTogether, Request, acquire_all, try_acquire_all};
#[cfg(not(loom))]
pub use limiter::stats::{Counted, ProcessStats, RefusedKey, Stats};
#[cfg(not(loom))]
pub use limiter::viewer::Viewer;
#[cfg(not(loom))]
pub use limiter::wrap::Wrapped;
#[cfg(not(loom))]
pub use rate::{
    MAX_INTERVAL, MAX_LIMIT, MAX_RATES, Rate, RateError, RateTextError, parse_duration, validate,
};
#[cfg(not(loom))]
pub use segment::report::{LeakerSnapshot, SegmentSnapshot};
#[cfg(not(loom))]
pub use timestamp::Timestamp;
#[cfg(not(loom))]
pub use turn::permit::Permit;
#[cfg(not(loom))]
pub use turn::reservation::Reservation;
#[cfg(all(any(feature = "reqwest", feature = "ureq"), not(loom)))]
pub use web::client;
#[cfg(all(feature = "headers", not(loom)))]
pub use web::headers;
#[cfg(all(feature = "reqwest", not(loom)))]
pub use web::reqwest;
#[cfg(all(feature = "tower", not(loom)))]
pub use web::tower;
#[cfg(all(feature = "ureq", not(loom)))]
pub use web::ureq;
#[cfg(not(loom))]
pub use zone::KeysSnapshot;
#[cfg(not(loom))]
pub use zone::buckets::{MemoryBucket, SharedBucket};

/// The client that [`RedisBucket`] uses, for those who bring one of their own.
#[cfg(all(feature = "redis", not(loom)))]
pub use redis;

/// Compiles the programs in the README.
#[cfg(all(
    doctest,
    feature = "macros",
    feature = "reqwest",
    feature = "tower",
    feature = "ureq",
    not(loom)
))]
#[doc = include_str!("../README.md")]
struct Readme;
