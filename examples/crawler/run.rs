//! A run from its start to its end: sets everything up, and cleans it away.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use tidegate::{Limiter, Rate};
use tidegate_examples::segment::OwnSegment;
use url::Url;

use super::clock;
use super::frontier::Frontier;
use super::html;
use super::process::Process;
use super::record::{Granted, Record, Tally};
use super::supervisor::{Crawler, End, Event, Supervisor};
use super::wire::Served;

/// What to do.
pub struct Options {
    pub root: PathBuf,
    pub start: String,
    /// Of all hosts together.
    pub rates: Vec<Rate>,
    pub hosts: u8,
    /// Of each host.
    pub host_rates: Vec<Rate>,
    pub crawlers: usize,
    /// Stop after this many answers.
    pub pages: Option<u64>,
    /// Stop after this time.
    pub time: Option<Duration>,
}

/// What was done.
pub struct Run {
    pub end: End,
    pub took: Duration,
    /// Of all hosts together.
    pub rates: Vec<Rate>,
    /// The address of each host.
    pub hosts: Vec<String>,
    /// Of each host.
    pub host_rates: Vec<Rate>,
    /// What each crawler did.
    pub tallies: Vec<Tally>,
    pub record: Record,
    /// Links found.
    pub known: usize,
    /// Those of each host that nobody had been handed when the run ended.
    pub left: Vec<usize>,
}

/// Crawls, and returns when every child has been reaped and the segments are gone.
pub fn run(options: &Options) -> anyhow::Result<Run> {
    let (sender, events) = mpsc::channel();
    let interrupt = sender.clone();
    ctrlc::set_handler(move || drop(interrupt.send(Event::Interrupted)))?;

    let segment = OwnSegment::named_after("crawler");
    let all = Limiter::shared(segment.name())
        .rates(options.rates.iter().copied())
        .create_only()
        .open()
        .context("cannot create the segment of all hosts' limit")?;
    let host_segment = OwnSegment::named_after("crawler-hosts");
    let hosts = Limiter::shared(host_segment.name())
        .rates(options.host_rates.iter().copied())
        .keys(options.hosts.into())
        // All crawlers may wait for one host.
        .queue(options.crawlers as u64)
        .create_only()
        .open()
        .context("cannot create the segment of each host's limit")?;
    let (server, origins) = start_server(options, &sender, &events)?;
    let segments = [host_segment.name(), segment.name()];
    let crawlers = (0..options.crawlers)
        .map(|index| Crawler::start(index, segments, &origins, sender.clone()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let start = (origins.first())
        .and_then(|origin| html::path_on(origin, &origin.join(&options.start).ok()?))
        .with_context(|| format!("{} is not a path on the server", options.start))?;
    let frontier = Frontier::new(options.crawlers, origins.len(), start);
    let mut supervisor = Supervisor::new(server, crawlers, frontier, events);

    let names: Vec<String> = (origins.iter())
        .map(|origin| origin.authority().to_owned())
        .collect();
    println!("Serving {} at {}", options.root.display(), names.join(", "));
    println!(
        "{} crawler processes follow its links, limited to {} for each host and {} together",
        options.crawlers,
        listed(&options.host_rates),
        listed(&options.rates),
    );
    let bar = progress_bar(options.pages);
    let started = Instant::now();
    let deadline = options.time.and_then(|time| started.checked_add(time));
    let end = supervisor.crawl(&all, &bar, options.pages, deadline)?;
    let took = started.elapsed();
    supervisor.stop()?;
    bar.finish_and_clear();

    // All times are told as the limiter of all hosts tells them.
    let zero = epoch(&all);
    for arrival in &mut supervisor.record.arrivals {
        arrival.at = arrival.at.saturating_sub(zero);
    }
    let later = epoch(&hosts).saturating_sub(zero);
    for Granted { by_host, .. } in &mut supervisor.record.grants {
        for time in [&mut by_host.before, &mut by_host.at, &mut by_host.after] {
            *time = time.saturating_add(later);
        }
    }
    Ok(Run {
        end,
        took,
        rates: all.rates(),
        hosts: names,
        host_rates: hosts.rates(),
        known: supervisor.frontier.known(),
        left: supervisor.frontier.waiting_by_host(),
        tallies: supervisor.tallies(),
        record: supervisor.record,
    })
}

fn listed(rates: &[Rate]) -> String {
    let rates: Vec<String> = rates.iter().map(Rate::to_string).collect();
    rates.join(" and ")
}

/// When the limiter's clock began, on the clock that the server reads. This process may be
/// paused between the two readings: the nearest pair counts.
fn epoch(limiter: &Limiter) -> u64 {
    (0..100)
        .map(|_| clock::micros().saturating_sub(limiter.now().unwrap().as_micros()))
        .max()
        .unwrap_or(0)
}

/// Starts the web server, and waits until it says where it listens.
fn start_server(
    options: &Options,
    sender: &Sender<Event>,
    events: &Receiver<Event>,
) -> anyhow::Result<(Process, Vec<Url>)> {
    let sender = sender.clone();
    let server = Process::start(
        [
            "serve".as_ref(),
            options.hosts.to_string().as_ref(),
            options.root.as_os_str(),
        ],
        move |report| drop(sender.send(Event::Server(report))),
    )
    .context("cannot start the web server")?;
    match events.recv()? {
        Event::Server(Some(Served::Listening(addresses))) => {
            let origins = addresses
                .iter()
                .map(|address| Url::parse(&format!("http://{address}")));
            Ok((server, origins.collect::<Result<_, _>>()?))
        }
        Event::Interrupted => bail!("interrupted before the web server listened"),
        _ => bail!("the web server ended before it listened"),
    }
}

fn progress_bar(pages: Option<u64>) -> ProgressBar {
    let (bar, template) = match pages {
        Some(pages) => (
            ProgressBar::new(pages),
            "[{elapsed}] {bar:30} {human_pos} of {human_len} pages, {msg}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "[{elapsed}] {spinner} {human_pos} pages, {msg}",
        ),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("a valid template"))
}
