//! `tidegate create`.

use crate::args::{Keys, Rates, Segment};
use crate::failure::Failure;
use crate::output::{bytes, many, print, row};
use clap::Args;
use tidegate::OpenError;

const EXAMPLES: &str = "\
Examples:
  tidegate create api --rate 10/s --rate 500/h      both rates hold together
  tidegate create api --rate 10/s --queue 10000     more may wait at once
  tidegate create ./api.seg --rate 10000/4w         a file: counts on after a reboot
  tidegate create hosts --rate 2/s --keys 5000      a bucket for each of 5,000 keys

A segment takes 8 bytes for each permit of the largest limit and the queue together, rounded
up to a power of two, and 36 KiB more: all of it at once, of memory if it has no '/'. With
--keys it takes 8 bytes a permit for each key, some 270 bytes more, and 101 KiB in all; so the queue of a key is hardly
longer than its largest limit then (5 permits at least), and who would wait beyond it is
refused at once, unless --queue says otherwise.

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
    #[command(flatten)]
    keys: Keys,
    /// How many permits may be waited for at once [default: 1024, or the largest limit; with --keys, the largest limit, at least 5]
    #[arg(long, value_name = "PERMITS")]
    queue: Option<u64>,
    /// How many permits are remembered, 8 bytes each: a power of two [default: the least]
    #[arg(long, value_name = "PERMITS")]
    capacity: Option<u64>,
    /// Count by the processor's own counter, which is read faster, where the kernel does so too
    #[arg(long)]
    processor_clock: bool,
    /// For how many processes to count apart what they are granted and refused [default: 64]
    #[arg(long, value_name = "N")]
    processes: Option<u64>,
}

pub fn create(args: &CreateArgs) -> Result<(), Failure> {
    let mut builder = args.segment.builder().rates(args.rates.sorted());
    builder = args.keys.apply(builder);
    if let Some(permits) = args.queue {
        builder = builder.queue(permits);
    }
    if let Some(permits) = args.capacity {
        builder = builder.capacity(permits);
    }
    if args.processor_clock {
        builder = builder.processor_clock();
    }
    if let Some(processes) = args.processes {
        builder = builder.processes(processes);
    }
    let name = &args.segment.target;
    let (limiter, verb) = match builder.clone().create_only().open() {
        Err(OpenError::Exists { .. }) => {
            let way_out = "ask for the same, or use tidegate remove first";
            let found = builder.open().map_err(Failure::with_rates(name, way_out));
            (found?, "is there already")
        }
        made => (made?, "created"),
    };
    let seen = limiter.inspect()?;
    let place = seen.segment.map(|segment| {
        let (path, size) = (segment.path.display(), segment.size);
        format!(" ({path}, {}: {size} bytes)", bytes(size))
    });
    let keys = seen
        .keys
        .map(|keys| format!(" for each of {}", many(keys.limit, "key")));
    print(&format!(
        "{verb}: {name} at {}{}{}",
        row(&seen.rates),
        keys.unwrap_or_default(),
        place.unwrap_or_default()
    ))
}
