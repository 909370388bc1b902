//! `tidegate flush`.

use crate::args::Segment;
use crate::failure::Failure;
use crate::output::{many, print};
use clap::Args;

const EXAMPLES: &str = "\
Example:
  tidegate flush api     the next requests find an empty bucket

Those who wait already keep their times.";

/// Forget all permits that were granted
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct FlushArgs {
    #[command(flatten)]
    segment: Segment,
}

pub fn flush(args: &FlushArgs) -> Result<(), Failure> {
    let limiter = args.segment.attach()?;
    let count = limiter.count()?;
    limiter.flush()?;
    print(&format!(
        "flushed: {} ({})",
        args.segment.target,
        many(count, "permit")
    ))
}
