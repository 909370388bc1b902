//! `tidegate remove`.

use crate::args::Target;
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
    /// The segment's name; or, with a '/' in it, the path of its file
    #[arg(value_name = "NAME")]
    target: Target,
}

pub fn remove(args: &RemoveArgs) -> Result<(), Failure> {
    let removed = args.target.remove().map_err(|error| match error {
        OpenError::NotASegment { .. } => Failure::NotRemoved(error),
        error => error.into(),
    })?;
    if !removed {
        return Err(Failure::NothingToRemove(args.target.to_string()));
    }
    print(&format!("removed: {}", args.target))
}
