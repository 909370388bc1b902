//! The rings as buckets: in a segment, or of one process.

use crate::bucket::pass_on_as_bucket;
use crate::bucket::words::*;
use crate::zone::attached::Attached;

/// A bucket in a segment, for all processes of this host: what
/// [`Limiter::shared`](crate::Limiter::shared) stands on.
///
/// ```
/// use tidegate::{Bucket, Item, Limiter, Rate};
/// # use std::time::Duration;
///
/// # let name = format!("doc-bucket-{}", std::process::id());
/// # let name = name.as_str();
/// let bucket = Limiter::shared(name).rate(Rate::per_minute(5)).open_bucket()?;
/// let grant = bucket.put(Item { name: b"example.com", weight: 2 }, Duration::ZERO)?;
/// bucket.give_back(b"example.com", &grant, 1)?;
/// assert_eq!(bucket.count()?, 1);
/// # tidegate::remove(name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SharedBucket(Attached);

/// The same on the heap, for the threads of this process: what
/// [`Limiter::in_memory`](crate::Limiter::in_memory) stands on.
#[derive(Debug)]
pub struct MemoryBucket(Attached);

impl From<Attached> for SharedBucket {
    fn from(attached: Attached) -> Self {
        Self(attached)
    }
}

impl From<Attached> for MemoryBucket {
    fn from(attached: Attached) -> Self {
        Self(attached)
    }
}

pass_on_as_bucket!([] SharedBucket, |this| this.0);
pass_on_as_bucket!([] MemoryBucket, |this| this.0);
