//! `tidegate inspect`.

use crate::args::Segment;
use crate::asked::most_refused;
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::report::Report;
use crate::sight::Sight;
use crate::top::{Order, top};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  tidegate inspect api
  tidegate inspect api --json | jq .next_permit_in_us
  tidegate inspect hosts --top 20 --by queued        the keys with the longest queues

Looking takes nothing. A segment that this user may only read is shown, too; what a killed
process left half done counts as granted just now then.";

/// Show what is in a segment
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArgs {
    #[command(flatten)]
    segment: Segment,
    /// List so many keys as well, those with most first
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// By what --top sorts
    #[arg(long, value_enum, default_value_t = Order::Count, requires = "top")]
    by: Order,
    /// Print one line of JSON; field names carry their units
    #[arg(long)]
    json: bool,
}

pub fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    let sight = Sight::of(&args.segment.target, args.segment.access.group)?;
    let (seen, stats) = (sight.inspect()?, sight.stats()?);
    let mut report = Report::new(args.segment.target.to_string(), &seen, &stats);
    if let Some(most) = args.top {
        report.top = Some(top(sight.buckets()?, most, args.by));
        report.most_refused = Some(most_refused(&stats, most));
    }
    if args.json {
        print_json(&report)
    } else {
        print(&report.to_string())
    }
}
