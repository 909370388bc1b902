//! `tidegate run`.

use crate::args::{Keys, Rates, Request, Segment};
use crate::failure::Failure;
use crate::startable::check_startable;
use clap::Args;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use tidegate::Limiter;

const EXAMPLES: &str = "\
Examples:
  tidegate run api --rate 10/s -- curl -sO https://…
  xargs -P 8 -n 1 tidegate run api --rate 10/s -- curl -sO < urls
  tidegate run api --timeout 5s -- make deploy
  tidegate run hosts --rate 2/s --keys 5000 --key example.com -- curl -sO https://…

With --rate the segment is made if it is not there (with --keys, a bucket for each key); if
it is there, its rates and keys must be the same. Without --rate it must be there.

The command takes the place of tidegate, in the same process: signals reach it, and the exit
status is its own. Otherwise the exit status is 1 if it was limited (the command was not
run), 126 if the command cannot be started, 127 if there is no such command, 128 + N if
signal N ended the wait (the turn was given back, unless that was SIGKILL), and 2 for
anything else.";

/// Wait for the turn, then become a command
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    segment: Segment,
    #[command(flatten)]
    rates: Rates,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    request: Request,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let Some((command, arguments)) = args.command.split_first() else {
        return Ok(()); // clap asks for one at least
    };
    let failed = |source| Failure::Command {
        command: command.clone(),
        source,
    };
    // What cannot be started is not to cost a permit.
    check_startable(command).map_err(failed)?;
    let _ = args.request.take(&args.segment.target, &open(args)?)??;
    Err(failed(Command::new(command).args(arguments).exec()))
}

fn open(args: &RunArgs) -> Result<Limiter, Failure> {
    if args.rates.is_empty() {
        return args.segment.attach();
    }
    let builder = args.segment.builder().rates(args.rates.sorted());
    let opened = args.keys.apply(builder).open();
    let way_out = "leave out --rate to take the rates that it has";
    opened.map_err(Failure::with_rates(&args.segment.target, way_out))
}
