//! Waiting tasks: what they take, give back and leave to others; on tokio, on smol, and on
//! timers that cannot be relied upon.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod dropped;
mod stand;
mod tasks;
mod timers;
