//! A segment that is looked at again and again, whatever becomes of it meanwhile.

use crate::args::Target;
use crate::failure::Failure;
use tidegate::{BucketError, Viewer};

/// How often one looks at what took a removed segment's place.
const TRIES: u32 = 16;

/// A segment that is only ever looked at, and found again when it was removed and made anew.
pub struct Watched {
    target: Target,
    viewer: Option<Viewer>,
}

impl Watched {
    /// Nothing is opened yet.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            viewer: None,
        }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Looks at the segment that has the name now.
    pub fn look<T>(
        &mut self,
        mut question: impl FnMut(&Viewer) -> Result<T, BucketError>,
    ) -> Result<T, Failure> {
        for _ in 0..TRIES {
            let viewer = match self.viewer.take() {
                Some(viewer) => viewer,
                None => self.target.view()?,
            };
            match question(&viewer) {
                Err(BucketError::Removed) => {}
                answer => {
                    self.viewer = Some(viewer);
                    return Ok(answer?);
                }
            }
        }
        Err(BucketError::Removed.into())
    }
}
