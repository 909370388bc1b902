//! `tidegate flush`.

use crate::args::{Key, Segment};
use crate::failure::Failure;
use crate::output::{many, print};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  tidegate flush api                       the next requests find an empty bucket
  tidegate flush hosts --key example.com   of that key only

Those who wait already keep their times.";

/// Forget all permits that were granted
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct FlushArgs {
    #[command(flatten)]
    segment: Segment,
    #[command(flatten)]
    key: Key,
}

pub fn flush(args: &FlushArgs) -> Result<(), Failure> {
    let limiter = args.segment.attach()?;
    let count = if args.key.is_given() {
        let bucket = limiter.bucket(args.key.of(&args.segment.target, &limiter)?);
        let count = bucket.count()?;
        bucket.flush()?;
        count
    } else {
        let count = limiter.count()?;
        limiter.flush()?;
        count
    };
    print(&format!(
        "flushed: {} ({})",
        args.segment.target,
        many(count, "permit")
    ))
}
