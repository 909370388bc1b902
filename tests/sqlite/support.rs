//! A file for a bucket, and short ways to ask it.

use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tidegate::{AcquireError, Bucket, Grant, Item, Manual, Rate, SqliteBucket, SqliteBuilder};

/// A folder with a file for a bucket.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("bucket.db")
    }

    pub fn bucket(&self) -> SqliteBuilder {
        SqliteBucket::at(self.path())
    }
}

/// A bucket whose time stands still.
pub fn standing(rates: &[Rate]) -> (Place, Manual, SqliteBucket) {
    let (place, clock) = (Place::new(), Manual::new());
    let bucket = place.bucket().rates(rates.iter().copied());
    let bucket = bucket.clock(clock.clone()).open().unwrap();
    (place, clock, bucket)
}

pub const fn micros(number: u64) -> Duration {
    Duration::from_micros(number)
}

/// Takes permits of that name, or finds that they are not to be had at once.
pub fn take(bucket: &SqliteBucket, name: &str, weight: u64) -> Result<Grant, AcquireError> {
    reserve(bucket, name, weight, Duration::ZERO)
}

/// The same, for one who waits.
pub fn reserve(
    bucket: &SqliteBucket,
    name: &str,
    weight: u64,
    max_wait: Duration,
) -> Result<Grant, AcquireError> {
    let name = name.as_bytes();
    bucket.put(Item { name, weight }, max_wait)
}

/// After what time it is to be tried again, and which rate was in the way.
pub fn limited<T: std::fmt::Debug>(outcome: Result<T, AcquireError>) -> (Duration, Rate) {
    match outcome {
        Err(AcquireError::Limited { retry_after, rate }) => (retry_after, rate),
        other => panic!("{other:?}"),
    }
}
