//! The command line, as processes that are really started.

mod acquire;
mod create;
mod inspect;
mod keys;
mod leak;
mod run;
mod stopped;
mod support;
mod usage;
