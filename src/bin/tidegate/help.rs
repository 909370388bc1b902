//! `tidegate help`.

use crate::args::Cli;
use crate::failure::Failure;
use clap::{Args, Parser};

const EXAMPLES: &str = "\
Examples:
  tidegate help
  tidegate help run     the same as tidegate run --help";

/// Show how to use tidegate, or one of its commands
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct HelpArgs {
    /// The command to be told of
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// Has the command itself tell, or complain that there is no such command.
pub fn help(args: &HelpArgs) -> Result<(), Failure> {
    let typed = ["tidegate"].into_iter();
    let typed = typed.chain(args.command.as_deref()).chain(["--help"]);
    match Cli::try_parse_from(typed) {
        Err(told) => told.exit(),
        Ok(_) => Ok(()),
    }
}
