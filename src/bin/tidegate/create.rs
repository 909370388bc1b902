//! `tidegate create`.

use crate::args::{Rates, Segment};
use crate::failure::Failure;
use crate::output::{bytes, print, row};
use clap::Args;
use tidegate::OpenError;

const EXAMPLES: &str = "\
Examples:
  tidegate create api --rate 10/s --rate 500/h      both rates hold together
  tidegate create api --rate 10/s --queue 10000     more may wait at once
  tidegate create ./api.seg --rate 10000/4w         a file: counts on after a reboot

If the segment is there already with the same rates, all is well. With others, it is left
as it is, and the exit status is 2.";

/// Make a segment with its rates
#[derive(Args)]
#[command(after_help = EXAMPLES, mut_arg("rates", |rates| rates.required(true)))]
pub struct CreateArgs {
    #[command(flatten)]
    segment: Segment,
    #[command(flatten)]
    rates: Rates,
    /// How many permits may be waited for at once [default: 1024, or the largest limit]
    #[arg(long, value_name = "PERMITS")]
    queue: Option<u64>,
    /// How many permits are remembered, 8 bytes each: a power of two [default: the least]
    #[arg(long, value_name = "PERMITS")]
    capacity: Option<u64>,
}

pub fn create(args: &CreateArgs) -> Result<(), Failure> {
    let mut builder = args.segment.builder().rates(args.rates.sorted());
    if let Some(permits) = args.queue {
        builder = builder.queue(permits);
    }
    if let Some(permits) = args.capacity {
        builder = builder.capacity(permits);
    }
    let (limiter, verb) = match builder.clone().create_only().open() {
        Err(OpenError::Exists { .. }) => (builder.open()?, "is there already"),
        made => (made?, "created"),
    };
    let seen = limiter.inspect()?;
    let place = seen
        .segment
        .map(|segment| format!(" ({}, {})", segment.path.display(), bytes(segment.size)));
    let (name, rates) = (&args.segment.target, row(&seen.rates));
    print(&format!(
        "{verb}: {name} at {rates}{}",
        place.unwrap_or_default()
    ))
}
