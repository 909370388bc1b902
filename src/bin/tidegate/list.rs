//! `tidegate list`.

use crate::args::{Access, Target};
use crate::failure::Failure;
use crate::output::{bytes, print, print_json, row, table, tell};
use crate::report::Report;
use crate::sight::Sight;
use clap::Args;
use serde::Serialize;
use tidegate::{BucketError, OpenError, Snapshot, Stats};

const EXAMPLES: &str = "\
Examples:
  tidegate list
  tidegate list --json | jq -r '.[] | select(.queued_permits > 0).name'

Segments in files (with a path) are not listed: nobody knows where they all are.

A segment that cannot be opened is named on standard error, with the reason; with --json
also in the array, as its name and an error.

Exit status: 0 all were listed, 2 some could not be opened, or anything else went wrong.";

/// List the segments of this host
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    #[command(flatten)]
    access: Access,
    /// Print one line of JSON: an array of what `inspect --json` prints
    #[arg(long)]
    json: bool,
}

/// One name: what is there, or why that cannot be told.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Seen(Box<Report>),
    Unreadable { name: String, error: String },
}

pub fn list(args: &ListArgs) -> Result<(), Failure> {
    let names = tidegate::list().map_err(Failure::system("list the segments"))?;
    let entries: Vec<Entry> = names
        .into_iter()
        .filter_map(|name| look(name, &args.access))
        .collect();
    if args.json {
        print_json(&entries)?;
    } else if entries.is_empty() {
        tell(&"there are no segments");
    } else {
        print_table(&entries)?;
    }
    let mut unreadable = 0;
    for entry in &entries {
        if let Entry::Unreadable { name, error } = entry {
            // Anybody may have given it a name that plays tricks on terminals.
            tell(&format!("{}: {error}", name.escape_debug()));
            unreadable += 1;
        }
    }
    match unreadable {
        0 => Ok(()),
        unreadable => Err(Failure::Unlisted {
            unreadable,
            all: entries.len() as u64,
        }),
    }
}

/// What is under that name; nothing if it was removed just now.
fn look(name: String, access: &Access) -> Option<Entry> {
    let seen = match Sight::of(&Target::named(&name), access.group) {
        Err(OpenError::NotFound { .. }) => return None,
        Err(error) => Err(Failure::from(error)),
        Ok(sight) => both(&sight).map_err(Failure::from),
    };
    Some(match seen {
        Ok((seen, stats)) => Entry::Seen(Box::new(Report::new(name, &seen, &stats))),
        Err(failure) => Entry::Unreadable {
            name,
            error: failure.to_string(),
        },
    })
}

fn both(sight: &Sight) -> Result<(Snapshot, Stats), BucketError> {
    Ok((sight.inspect()?, sight.stats()?))
}

/// A table of what can be used, if there is any of it.
fn print_table(entries: &[Entry]) -> Result<(), Failure> {
    let mut lines = vec![["NAME", "RATES", "GRANTED", "QUEUED", "SIZE"].map(str::to_owned)];
    for entry in entries {
        if let Entry::Seen(report) = entry {
            lines.push([
                report.name.clone(),
                row(&report.rates),
                report.granted_permits.to_string(),
                report.queued_permits.to_string(),
                report
                    .segment
                    .as_ref()
                    .map_or_else(String::new, |segment| bytes(segment.size_bytes)),
            ]);
        }
    }
    match lines.len() {
        1 => Ok(()),
        _ => print(&table(&lines)),
    }
}
