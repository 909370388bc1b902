//! `tidegate remove`.

use crate::args::Segment;
use crate::failure::Failure;
use crate::output::print;
use clap::Args;
use tidegate::OpenError;

const EXAMPLES: &str = "\
Examples:
  tidegate remove api
  tidegate remove ./api.seg

Processes that use it notice on their next call. They make it anew if they know its rates
(tidegate run --rate, programs); else they fail.";

/// Remove a segment
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct RemoveArgs {
    #[command(flatten)]
    segment: Segment,
}

pub fn remove(args: &RemoveArgs) -> Result<(), Failure> {
    let removed = args
        .segment
        .builder()
        .remove()
        .map_err(|error| match error {
            OpenError::NotASegment { .. } => Failure::NotRemoved(error),
            error => error.into(),
        })?;
    if !removed {
        return Err(Failure::NothingToRemove(args.segment.target.to_string()));
    }
    print(&format!("removed: {}", args.segment.target))
}
