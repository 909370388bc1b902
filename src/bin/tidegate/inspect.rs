//! `tidegate inspect`.

use crate::args::Segment;
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::report::Report;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  tidegate inspect api
  tidegate inspect api --json | jq .next_permit_in_us

Looking takes nothing.";

/// Show what is in a segment
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArgs {
    #[command(flatten)]
    segment: Segment,
    /// Print one line of JSON; field names carry their units
    #[arg(long)]
    json: bool,
}

pub fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    let seen = args.segment.attach()?.inspect()?;
    let report = Report::new(args.segment.target.to_string(), &seen);
    if args.json {
        print_json(&report)
    } else {
        print(&report.to_string())
    }
}
