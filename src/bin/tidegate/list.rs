//! `tidegate list`.

use crate::args::{Access, Target};
use crate::failure::Failure;
use crate::output::{bytes, print, print_json, row, table, tell};
use crate::report::Report;
use clap::Args;
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  tidegate list
  tidegate list --json | jq -r '.[] | select(.queued_permits > 0).name'

Segments in files (with a path) are not listed: nobody knows where they all are.";

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
    Seen(Report),
    Problem { name: String, problem: String },
}

pub fn list(args: &ListArgs) -> Result<(), Failure> {
    let names = tidegate::list().map_err(Failure::system("list the segments"))?;
    let entries: Vec<Entry> = names
        .into_iter()
        .map(|name| look(name, &args.access))
        .collect();
    if args.json {
        return print_json(&entries);
    }
    if entries.is_empty() {
        tell(&"there are no segments");
        return Ok(());
    }
    print(&shown(&entries))
}

fn look(name: String, access: &Access) -> Entry {
    let limiter = Target::named(&name)
        .attach(access.group)
        .map_err(Failure::from);
    match limiter.and_then(|limiter| Ok(limiter.inspect()?)) {
        Ok(seen) => Entry::Seen(Report::new(name, &seen)),
        Err(failure) => Entry::Problem {
            name,
            problem: failure.to_string(),
        },
    }
}

/// A table of what can be used, and lines of what cannot.
fn shown(entries: &[Entry]) -> String {
    let mut seen = vec![["NAME", "RATES", "GRANTED", "QUEUED", "SIZE"].map(str::to_owned)];
    let mut problems = Vec::new();
    for entry in entries {
        match entry {
            Entry::Seen(report) => seen.push([
                report.name.clone(),
                row(&report.rates),
                report.granted_permits.to_string(),
                report.queued_permits.to_string(),
                report
                    .segment
                    .as_ref()
                    .map_or_else(String::new, |segment| bytes(segment.size_bytes)),
            ]),
            Entry::Problem { name, problem } => problems.push(format!("{name}: {problem}")),
        }
    }
    let mut parts = Vec::new();
    if seen.len() > 1 {
        parts.push(table(&seen));
    }
    parts.extend(problems);
    parts.join("\n")
}
