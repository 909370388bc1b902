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
use super::supervisor::{Crawler, End, Event, Record, Supervisor, Tally};
use super::wire::Served;

/// What to do.
pub struct Options {
    pub root: PathBuf,
    pub start: String,
    pub rates: Vec<Rate>,
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
    pub rates: Vec<Rate>,
    /// What each crawler did.
    pub tallies: Vec<Tally>,
    pub record: Record,
    /// Links found.
    pub known: usize,
    /// Those of them that nobody had been handed when the run ended.
    pub left: usize,
}

/// Crawls, and returns when every child has been reaped and the segment is gone.
pub fn run(options: &Options) -> anyhow::Result<Run> {
    let (sender, events) = mpsc::channel();
    let interrupt = sender.clone();
    ctrlc::set_handler(move || drop(interrupt.send(Event::Interrupted)))?;

    let segment = OwnSegment::named_after("crawler");
    let limiter = Limiter::shared(segment.name())
        .rates(options.rates.iter().copied())
        .create_only()
        .open()
        .context("cannot create the limiter's segment")?;
    let (server, origin) = start_server(options, &sender, &events)?;
    let crawlers = (0..options.crawlers)
        .map(|index| Crawler::start(index, segment.name(), &origin, sender.clone()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let start = (origin.join(&options.start).ok())
        .and_then(|start| html::path_on(&origin, &start))
        .with_context(|| format!("{} is not a path on the server", options.start))?;
    let frontier = Frontier::new(options.crawlers, start);
    let mut supervisor = Supervisor::new(server, crawlers, frontier, events);

    let limits: Vec<String> = options.rates.iter().map(Rate::to_string).collect();
    println!("Serving {} at {origin}", options.root.display());
    println!(
        "{} crawler processes follow its links, limited to {} together",
        options.crawlers,
        limits.join(" and "),
    );
    let bar = progress_bar(options.pages);
    let started = Instant::now();
    let deadline = options.time.and_then(|time| started.checked_add(time));
    let end = supervisor.crawl(&limiter, &bar, options.pages, deadline)?;
    let took = started.elapsed();
    supervisor.stop()?;
    bar.finish_and_clear();

    // The server counts from the clock's start, the limiter from the segment's epoch.
    // This process may be paused between the two readings: the nearest pair counts.
    let epoch = (0..100)
        .map(|_| clock::micros().saturating_sub(limiter.now().as_micros()))
        .max()
        .unwrap_or(0);
    for arrival in &mut supervisor.record.arrivals {
        arrival.at = arrival.at.saturating_sub(epoch);
    }
    Ok(Run {
        end,
        took,
        rates: limiter.rates(),
        known: supervisor.frontier.known(),
        left: supervisor.frontier.waiting(),
        tallies: supervisor.tallies(),
        record: supervisor.record,
    })
}

/// Starts the web server, and waits until it says where it listens.
fn start_server(
    options: &Options,
    sender: &Sender<Event>,
    events: &Receiver<Event>,
) -> anyhow::Result<(Process, Url)> {
    let sender = sender.clone();
    let server = Process::start(
        ["serve".as_ref(), options.root.as_os_str()],
        move |report| drop(sender.send(Event::Server(report))),
    )
    .context("cannot start the web server")?;
    match events.recv()? {
        Event::Server(Some(Served::Listening(address))) => {
            Ok((server, Url::parse(&format!("http://{address}"))?))
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
