//! The command line, as processes that are really started.

mod acquire;
mod create;
mod inspect;
mod keys;
mod leak;
#[cfg(feature = "exporter")]
mod metrics;
mod run;
mod stopped;
mod support;
#[cfg(feature = "top")]
mod top;
mod usage;
