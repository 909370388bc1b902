//! What a run says at its end: who did what, and whether the limits were kept.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use comfy_table::Table;
use console::style;
use indicatif::HumanBytes;
use tidegate::Rate;
use tidegate_examples::report::{count, percent, table};
use tidegate_examples::terminal::Look;

use super::record::Tally;
use super::run::Run;
use super::supervisor::End;
use super::verdict::Verdict;
use super::verdicts::Verdicts;

/// How many failed requests are shown.
const SHOWN: usize = 5;

/// Prints the report. The exit code is 1 if a limit was not kept, 130 after Ctrl-C, 1
/// if nothing was fetched or no crawler was left, and otherwise 0.
pub fn report(run: &Run) -> ExitCode {
    let verdicts = Verdicts::new(run);
    let breaches = verdicts.breaches();
    let look = Look::of_stdout();
    println!("{}", summary(run));
    for trouble in &run.record.troubles {
        println!("  {trouble}");
    }
    let failures = &run.record.failures;
    for (path, error) in failures.iter().take(SHOWN) {
        println!("  {path} failed: {error}");
    }
    if failures.len() > SHOWN {
        println!("  {} more failed", failures.len() - SHOWN);
    }
    println!("\n{}", crawlers(run, &verdicts.all, look));
    println!("\n{}", hosts(run, &verdicts, look));
    println!("\n{}", windows(run, &verdicts, look));
    println!("\n{}", delays(&verdicts.all));
    println!();
    if breaches.is_empty() {
        println!("{}", style("All limits were kept.").green());
    }
    for breach in &breaches {
        println!("{} {breach}", style("A limit was not kept:").red());
    }

    let answers: u64 = run.tallies.iter().map(|tally| tally.answers).sum();
    match run.end {
        _ if !breaches.is_empty() => ExitCode::FAILURE,
        End::Interrupted => ExitCode::from(130),
        End::NoCrawlers => ExitCode::FAILURE,
        _ if answers == 0 => ExitCode::FAILURE,
        End::EnoughPages | End::EnoughTime | End::NothingLeft => ExitCode::SUCCESS,
    }
}

fn summary(run: &Run) -> String {
    let sum = |part: fn(&Tally) -> u64| run.tallies.iter().map(part).sum::<u64>();
    let end = match run.end {
        End::EnoughPages => "that was the number to fetch",
        End::EnoughTime => "then the time was up",
        End::NothingLeft => "then no link was left",
        End::Interrupted => "then it was interrupted",
        End::NoCrawlers => "then no crawler was left",
    };
    let mut statuses: BTreeMap<Option<u16>, u128> = BTreeMap::new();
    for arrival in &run.record.arrivals {
        *statuses.entry(arrival.status).or_default() += 1;
    }
    let statuses: Vec<String> = (statuses.iter())
        .map(|(status, &n)| match status {
            Some(status) => format!("{} × {status}", count(n)),
            None => format!("{} × no answer", count(n)),
        })
        .collect();
    format!(
        "Fetched {} links ({}) in {:.1} s; {end}.\n\
         The server's log has {}.\n\
         The pages hold {} links to {} addresses here, of which {} are not fetched yet.",
        count(sum(|tally| tally.answers).into()),
        HumanBytes(sum(|tally| tally.bytes)),
        run.took.as_secs_f64(),
        statuses.join(", "),
        count(sum(|tally| tally.links).into()),
        count(run.known as u128),
        count(run.left.iter().sum::<usize>() as u128),
    )
}

/// What each crawler did, and how much of its time it waited for permits.
fn crawlers(run: &Run, verdict: &Verdict, look: Look) -> Table {
    let mut waits = vec![0; run.tallies.len()];
    for granted in &run.record.grants {
        let grant = granted.by_all;
        waits[grant.worker as usize] += grant.after - grant.before;
    }
    let header = [
        "crawler",
        "process",
        "permits",
        "share",
        "pages",
        "bytes",
        "links",
        "waited for permits",
    ];
    let mut table = table(header, look);
    for (index, (tally, wait)) in run.tallies.iter().zip(waits).enumerate() {
        let permits = verdict.granted.workers.get(&(index as u32));
        let permits = permits.copied().unwrap_or_default();
        let waited = Duration::from_micros(wait).as_secs_f64() / run.took.as_secs_f64();
        table.add_row([
            index.to_string(),
            tally.process.to_string(),
            count(permits.weight),
            percent(permits.share_of(&verdict.granted.total)),
            count(tally.pages.into()),
            HumanBytes(tally.bytes).to_string(),
            count(tally.links.into()),
            percent(waited),
        ]);
    }
    table
}

/// What each host got, and how much of its limit that is.
fn hosts(run: &Run, verdicts: &Verdicts, look: Look) -> Table {
    let header = [
        "host",
        "permits",
        "share",
        "arrived",
        "links left",
        "used of its limit",
    ];
    let mut table = table(header, look);
    let all = &verdicts.all;
    let mut row = |name: &str, verdict: &Verdict, left: usize| {
        table.add_row([
            name.to_owned(),
            count(verdict.granted.total.weight),
            percent(verdict.granted.total.share_of(&all.granted.total)),
            count(verdict.arrived.into()),
            count(left as u128),
            percent(verdict.granted.utilisation().unwrap_or(0.0)),
        ]);
    };
    for ((name, verdict), &left) in verdicts.hosts.iter().zip(&run.left) {
        row(name, verdict, left);
    }
    row("all", all, run.left.iter().sum());
    table
}

/// The fullest window of each rate, by the crawlers' log and by the server's.
fn windows(run: &Run, verdicts: &Verdicts, look: Look) -> Table {
    let header = [
        "fullest window",
        "limit",
        "granted",
        "arrived",
        "longest delay",
        "may arrive",
    ];
    let mut table = table(header, look);
    let mut rows = |name: &str, rates: &[Rate], verdict: &Verdict| {
        for (rate, windows) in rates.iter().zip(&verdict.windows) {
            table.add_row([
                format!("{name}, of {:?}", rate.interval()),
                count(rate.limit().into()),
                count(windows.granted),
                count(windows.arrived),
                format!("{:.1} ms", millis(verdict.jitter.longest())),
                count(windows.tolerated),
            ]);
        }
    };
    for (name, verdict) in &verdicts.hosts {
        rows(name, &run.host_rates, verdict);
    }
    rows("all", &run.rates, &verdicts.all);
    table
}

fn delays(verdict: &Verdict) -> String {
    let quantile = |share| millis(verdict.jitter.quantile(share));
    format!(
        "A request arrives some time after its grant: half within {:.1} ms, 99 % within {:.1} ms,\n\
         all within {:.1} ms. So arrivals can bunch where grants did not: what arrives in a window\n\
         was granted in one that is longer by the longest delay, and no more than was granted there\n\
         may arrive (the last column).",
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
    )
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}
