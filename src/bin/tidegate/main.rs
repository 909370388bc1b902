//! The command line: rate limits for scripts, and a look at segments for people.

mod acquire;
mod args;
mod create;
mod dispose;
mod failure;
mod flush;
mod help;
mod inspect;
mod leak;
mod list;
mod output;
mod patience;
mod remove;
mod report;
mod run;
mod shown;
mod signals;
mod startable;
mod top;

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
