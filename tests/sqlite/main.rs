//! Buckets in SQLite files: alone, with other processes, and with files that cannot be used.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod forks;
mod model;
mod opening;
mod processes;
mod promises;
mod suite;
mod support;
mod times;
