//! `tidegate acquire`.

use crate::args::{Request, Segment};
use crate::failure::Failure;
use crate::output::{micros, print_json};
use clap::Args;
use serde::Serialize;
use tidegate::{AcquireError, Permit, Timestamp};

const EXAMPLES: &str = "\
Examples:
  tidegate acquire api && curl https://…     wait for the turn, however long
  tidegate acquire api --timeout 5s          fail at once if that is not within 5 seconds
  tidegate acquire api --no-wait || exit     only if it is possible now
  tidegate acquire api --weight 20           20 permits, or none
  tidegate acquire hosts --key example.com   of one key, in a segment made with --keys

Who waits is served first come, first served. A waiter that is ended by Ctrl-C, SIGTERM or
SIGHUP gives its turn back; one that is ended by SIGKILL cannot. To bound a wait, use
--timeout.

Exit status: 0 granted, 1 limited (nothing was taken; standard error says when to retry),
128 + N if signal N ended the wait (nothing was taken), 2 anything else.";

/// Take permits, waiting for the turn
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct AcquireArgs {
    #[command(flatten)]
    segment: Segment,
    #[command(flatten)]
    request: Request,
    /// Print the answer as one line of JSON
    #[arg(long)]
    json: bool,
}

pub fn acquire(args: &AcquireArgs) -> Result<(), Failure> {
    let limiter = args.segment.attach()?;
    let asked = limiter.now()?;
    let answer = args.request.take(&args.segment.target, &limiter)?;
    if args.json
        && let Some(line) = Answer::new(asked, &answer)
    {
        print_json(&line)?;
    }
    answer.map(drop).map_err(Failure::from)
}

/// The answer for programs.
#[derive(Serialize)]
struct Answer {
    granted: bool,
    #[serde(flatten)]
    details: Details,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Details {
    Granted {
        weight_permits: u64,
        waited_us: u64,
        /// On the segment's clock, since its epoch.
        granted_at_us: u64,
    },
    LimitedByRate {
        limited_by: String,
        retry_after_us: u64,
    },
    LimitedByQueue {
        limited_by: &'static str,
        queue_limit_permits: u64,
        retry_after_us: u64,
    },
}

impl Answer {
    /// `None` for an error that is no answer.
    fn new(asked: Timestamp, answer: &Result<Permit<'_>, AcquireError>) -> Option<Self> {
        let details = match answer {
            Ok(permit) => Details::Granted {
                weight_permits: permit.weight(),
                waited_us: micros(permit.at().duration_since(asked)),
                granted_at_us: permit.at().as_micros(),
            },
            Err(AcquireError::Limited { retry_after, rate }) => Details::LimitedByRate {
                limited_by: rate.to_string(),
                retry_after_us: micros(*retry_after),
            },
            Err(AcquireError::QueueFull {
                queue, retry_after, ..
            }) => Details::LimitedByQueue {
                limited_by: "queue",
                queue_limit_permits: *queue,
                retry_after_us: micros(*retry_after),
            },
            Err(_) => return None,
        };
        Some(Self {
            granted: answer.is_ok(),
            details,
        })
    }
}
