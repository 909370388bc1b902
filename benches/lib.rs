//! What the benchmarks share: contenders, a forked harness, tables and plots.
//!
//! tidegate is compared with what it wants to replace, under the same rule and
//! the same work: [`baselines`] is an exact sliding-window log behind a lock,
//! [`bare`] is the least that any shared limiter can do. [`harness`] runs a
//! contender in several pinned processes for a slice of time, [`pingpong`]
//! measures the hand-over of a cache line beside it; [`table`], [`plot`] and
//! [`goals`] say what came out. The programs that do it are in `targets/`.

pub mod bare;
pub mod baselines;
pub mod clock;
pub mod contender;
pub mod faults;
pub mod figures;
pub mod goals;
pub mod harness;
pub mod keyed;
pub mod latency;
pub mod machine;
pub mod pingpong;
pub mod plot;
pub mod process;
pub mod settings;
pub mod shared;
pub mod stats;
pub mod subject;
pub mod table;
pub mod tide;
pub mod waiting;
