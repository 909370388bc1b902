//! A segment that goes when the example ends, however it ends.

use std::process;

/// The name of a segment, which is removed on drop.
pub struct OwnSegment(String);

impl OwnSegment {
    /// A name that no other running process has: `example` and this process's id.
    pub fn named_after(example: &str) -> Self {
        Self(format!("{example}.{}", process::id()))
    }

    /// The segment's name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for OwnSegment {
    fn drop(&mut self) {
        if let Err(error) = tidegate::remove(&self.0) {
            eprintln!("the segment {} could not be removed: {error}", self.0);
        }
    }
}
