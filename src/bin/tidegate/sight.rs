//! A segment that is looked at: as one who may use it or, where that is denied, as one who may
//! only read it.

use crate::args::Target;
use std::io;
use tidegate::{BucketError, Buckets, Limiter, OpenError, Snapshot, Stats, Viewer};

pub enum Sight {
    Limiter(Limiter),
    Viewer(Box<Viewer>),
}

impl Sight {
    /// For who would use it.
    pub fn of(target: &Target, group: Option<u32>) -> Result<Self, OpenError> {
        match target.attach(group) {
            Ok(limiter) => Ok(Self::Limiter(limiter)),
            Err(denied) if may_be_read(&denied) => {
                let viewer = target.view().map_err(|_| denied)?;
                Ok(Self::Viewer(Box::new(viewer)))
            }
            Err(error) => Err(error),
        }
    }

    pub fn inspect(&self) -> Result<Snapshot, BucketError> {
        match self {
            Self::Limiter(limiter) => limiter.inspect(),
            Self::Viewer(viewer) => viewer.inspect(),
        }
    }

    pub fn stats(&self) -> Result<Stats, BucketError> {
        match self {
            Self::Limiter(limiter) => limiter.stats(),
            Self::Viewer(viewer) => viewer.stats(),
        }
    }

    pub fn buckets(&self) -> Result<Buckets<'_>, BucketError> {
        match self {
            Self::Limiter(limiter) => limiter.buckets(),
            Self::Viewer(viewer) => viewer.buckets(),
        }
    }
}

/// Whether it is only writing that this answer is about.
fn may_be_read(error: &OpenError) -> bool {
    match error {
        OpenError::Denied { .. } => true,
        OpenError::Io { source, .. } => source.kind() == io::ErrorKind::ReadOnlyFilesystem,
        _ => false,
    }
}
