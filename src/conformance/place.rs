//! Where a test has its bucket.

use crate::clock::Manual;
use crate::sync::{AtomicU64, Ordering};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs, process};

/// Where a test has its bucket, and no other test: by a name or in a folder, as the bucket
/// likes.
#[derive(Debug)]
pub struct Place {
    name: String,
    folder: PathBuf,
    clock: Option<Manual>,
    /// It goes with the test that has made it.
    is_ours: bool,
}

impl Place {
    pub(super) fn new(clock: Option<Manual>) -> Self {
        static NEXT: LazyLock<AtomicU64> = LazyLock::new(AtomicU64::default);
        // Relaxed: a number that nobody else has.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("suite_{}_{number}", process::id());
        let folder = env::temp_dir().join(format!("tidegate_{name}"));
        fs::create_dir_all(&folder).expect("a folder for the test");
        Self {
            name,
            folder,
            clock,
            is_ours: true,
        }
    }

    /// The place of another process.
    pub(super) fn of_parent(name: String, folder: PathBuf) -> Self {
        Self {
            name,
            folder,
            clock: None,
            is_ours: false,
        }
    }

    /// A name that no other test has: of lower-case letters, digits and `_`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A folder that no other test has. It is removed after the test.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The clock to tell the time by. There is none where the test needs real time, and for
    /// buckets that have not said that they are `manual`.
    pub fn clock(&self) -> Option<Manual> {
        self.clock.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
