//! What the process tests share: a scene with a segment and logs of its own, the
//! processes that play in it, and a look at a segment's words from outside.
//!
//! A test starts other processes by running its own binary again, with nothing but
//! itself to run and its part in the environment. Such a process has one thread, and one
//! of the test harness that only waits: so it may fork.
#![allow(
    dead_code,
    unused_imports,
    reason = "every test file is a crate of its own, and uses a part"
)]

pub mod chance;
pub mod directory;
pub mod led;
pub mod model;
pub mod process;
pub mod scene;
#[cfg(feature = "tokio")]
pub mod steered;
pub mod words;

pub use chance::Chance;
pub use directory::Buckets;
pub use led::{Led, Pace};
pub use process::{Process, eventually, storm_time, tell_of_storm};
pub use scene::{Scene, by_the_book, grant, logged};
pub use words::Words;
