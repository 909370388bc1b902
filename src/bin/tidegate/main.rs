//! The command line: rate limits for scripts, and a look at segments for people.

mod acquire;
mod args;
mod asked;
mod create;
mod dispose;
#[cfg(feature = "exporter")]
mod exporter;
mod failure;
mod flush;
mod help;
mod inspect;
mod leak;
mod list;
#[cfg(feature = "top")]
mod live;
mod output;
mod patience;
mod remove;
mod report;
mod run;
mod shown;
mod sight;
mod signals;
mod startable;
mod top;
#[cfg(any(feature = "exporter", feature = "top"))]
mod watched;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Create(args) => create::create(&args),
        Command::Acquire(args) => acquire::acquire(&args),
        Command::Run(args) => run::run(&args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::List(args) => list::list(&args),
        Command::Flush(args) => flush::flush(&args),
        Command::Dispose(args) => dispose::dispose(&args),
        Command::Leak(args) => leak::leak(&args),
        #[cfg(feature = "exporter")]
        Command::Metrics(args) => exporter::metrics(&args),
        #[cfg(feature = "top")]
        Command::Top(args) => live::top(&args),
        Command::Remove(args) => remove::remove(&args),
        Command::Help(args) => help::help(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match &failure {
                // As if nobody had held it back; or, if that does not end it, by what shells
                // make of it.
                Failure::Stopped(signal) => signals::end_by(*signal),
                _ => output::tell(&failure),
            }
            ExitCode::from(failure.exit_status())
        }
    }
}
