//! `tidegate dispose`.

use crate::args::Segment;
use crate::failure::Failure;
use crate::output::print;
use crate::shown::shown;
use clap::Args;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Example:
  tidegate dispose hosts example.com     its next request finds an empty bucket

Its bucket is free for another key at once. Those who wait already keep their times.

Exit status: 0 done, 2 if the key had no bucket, or anything else went wrong.";

/// Take the bucket from a key, in a segment that was made with --keys
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct DisposeArgs {
    #[command(flatten)]
    segment: Segment,
    /// The key: any bytes
    #[arg(value_name = "KEY")]
    key: OsString,
}

pub fn dispose(args: &DisposeArgs) -> Result<(), Failure> {
    let limiter = args.segment.attach()?;
    let name = args.segment.target.to_string();
    if limiter.keys().is_none() {
        return Err(Failure::NothingToDispose { name });
    }
    let key = shown(args.key.as_encoded_bytes());
    if !limiter.dispose(args.key.as_encoded_bytes())? {
        return Err(Failure::NoSuchKey { name, key });
    }
    print(&format!("disposed of: {key} in {name}"))
}
