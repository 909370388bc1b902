//! The parent's loop: keeps the crawlers busy, listens to all children, ends them.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{HumanCount, ProgressBar};
use tidegate::Limiter;
use tidegate_judge::Grant;
use url::Url;

use super::frontier::Frontier;
use super::process::Process;
use super::record::{Granted, Record, Tally};
use super::wire::{Crawled, Permitted, Served};

/// Links handed to a crawler ahead, so that it never idles while its report travels.
const AHEAD: usize = 2;
/// How often the progress bar is brought up to date.
const TICK: Duration = Duration::from_millis(100);
/// How long children may take to end before they are killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the parent waits for.
pub enum Event {
    /// A crawler's report, or its end.
    Crawler(usize, Option<Crawled>),
    /// The server's report, or its end.
    Server(Option<Served>),
    /// Ctrl-C.
    Interrupted,
}

/// Why a crawl ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    EnoughPages,
    EnoughTime,
    NothingLeft,
    Interrupted,
    NoCrawlers,
}

/// A crawler, seen from the parent.
pub struct Crawler {
    process: Process,
    tally: Tally,
    gone: bool,
}

impl Crawler {
    /// Starts a crawler that attaches to the limiters `hosts` and `all`, fetches from the
    /// hosts at `origins`, and reports to `sender`.
    pub fn start(
        index: usize,
        [hosts, all]: [&str; 2],
        origins: &[Url],
        sender: Sender<Event>,
    ) -> anyhow::Result<Self> {
        let arguments = ["crawl", hosts, all].into_iter();
        let process = Process::start(
            arguments.chain(origins.iter().map(Url::as_str)),
            move |report| {
                drop(sender.send(Event::Crawler(index, report)));
            },
        )
        .context("cannot start a crawler")?;
        let tally = Tally {
            process: process.id(),
            ..Tally::default()
        };
        Ok(Crawler {
            process,
            tally,
            gone: false,
        })
    }
}

/// The children, the frontier, and the record of what the children say.
pub struct Supervisor {
    server: Process,
    server_gone: bool,
    crawlers: Vec<Crawler>,
    events: Receiver<Event>,
    interrupted: bool,
    stopping: bool,
    pub frontier: Frontier,
    pub record: Record,
}

impl Supervisor {
    pub fn new(
        server: Process,
        crawlers: Vec<Crawler>,
        frontier: Frontier,
        events: Receiver<Event>,
    ) -> Self {
        Supervisor {
            server,
            server_gone: false,
            crawlers,
            events,
            interrupted: false,
            stopping: false,
            frontier,
            record: Record::default(),
        }
    }

    /// What each crawler did.
    pub fn tallies(&self) -> Vec<Tally> {
        self.crawlers.iter().map(|crawler| crawler.tally).collect()
    }

    /// Keeps the crawlers busy until `pages` have been answered, or there is another
    /// reason to end.
    pub fn crawl(
        &mut self,
        limiter: &Limiter,
        bar: &ProgressBar,
        pages: Option<u64>,
        deadline: Option<Instant>,
    ) -> anyhow::Result<End> {
        let pages = pages.unwrap_or(u64::MAX);
        let mut tick = Instant::now();
        loop {
            let now = Instant::now();
            let answers = self.crawlers.iter().map(|c| c.tally.answers).sum();
            self.hand_out(pages.saturating_sub(answers));
            if self.server_gone {
                bail!("the web server ended early");
            } else if self.interrupted {
                return Ok(End::Interrupted);
            } else if answers >= pages {
                return Ok(End::EnoughPages);
            } else if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(End::EnoughTime);
            } else if self.crawlers.iter().all(|crawler| crawler.gone) {
                return Ok(End::NoCrawlers);
            } else if self.frontier.held() == 0 {
                return Ok(End::NothingLeft);
            }
            if now >= tick {
                tick = now + TICK;
                bar.set_position(answers);
                bar.set_message(format!(
                    "{} permits in use, {} links waiting",
                    HumanCount(limiter.count()?),
                    HumanCount(self.frontier.waiting() as u64),
                ));
            }
            match self.events.recv_timeout(tick - now) {
                Ok(event) => self.hear(event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Hands out links, of which at most `pages` may be under way at once, to whoever
    /// has the fewest.
    fn hand_out(&mut self, pages: u64) {
        while (self.frontier.held() as u64) < pages {
            let idlest = (self.crawlers.iter_mut().enumerate())
                .filter(|(_, crawler)| !crawler.gone)
                .map(|(index, crawler)| (self.frontier.held_by(index), index, crawler))
                .min_by_key(|(held, _, crawler)| (*held, crawler.tally.answers));
            let Some((held, index, crawler)) = idlest else {
                break;
            };
            if held == AHEAD {
                break;
            }
            let Some(path) = self.frontier.hand_to(index) else {
                break;
            };
            crawler.process.order(path);
        }
    }

    fn hear(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Crawler(index, Some(report)) => self.crawled(index, report),
            Event::Crawler(index, None) => self.crawler_gone(index)?,
            Event::Server(Some(Served::Arrival(arrival))) => self.record.arrivals.push(arrival),
            Event::Server(Some(Served::Listening(_))) => {}
            Event::Server(None) => self.server_gone = true,
            Event::Interrupted => self.interrupted = true,
        }
        Ok(())
    }

    fn crawled(&mut self, index: usize, report: Crawled) {
        let tally = &mut self.crawlers[index].tally;
        match report {
            Crawled::Granted {
                path,
                host,
                by_host,
                by_all,
            } => {
                let grant = |permitted: Permitted| Grant {
                    before: permitted.before,
                    at: permitted.at,
                    after: permitted.after,
                    weight: 1,
                    worker: index as u32,
                    sleeps: permitted.sleeps,
                };
                self.record.grants.push(Granted {
                    path,
                    host,
                    by_host: grant(by_host),
                    by_all: grant(by_all),
                });
            }
            Crawled::Fetched {
                path,
                status,
                bytes,
                links,
                new,
            } => {
                tally.answers += 1;
                tally.pages += u64::from(status == 200);
                tally.bytes += bytes;
                tally.links += links;
                self.frontier.done(index, &path);
                new.into_iter().for_each(|path| self.frontier.found(path));
            }
            Crawled::Failed { path, error } => {
                tally.answers += 1;
                self.frontier.done(index, &path);
                self.record.failures.push((path, error));
            }
        }
    }

    /// Reaps a crawler that is gone, and gives its links to the others.
    fn crawler_gone(&mut self, index: usize) -> anyhow::Result<()> {
        let crawler = &mut self.crawlers[index];
        crawler.gone = true;
        let status = crawler.process.reap(Instant::now() + PATIENCE)?;
        let given_up = self.frontier.died(index);
        if !status.success() {
            let process = crawler.tally.process;
            let how = if self.stopping {
                "did not end when told to"
            } else {
                "ended early"
            };
            self.record.troubles.push(format!(
                "crawler {index} (process {process}) {how}: {status}"
            ));
        }
        self.record.troubles.extend(
            given_up
                .iter()
                .map(|path| format!("{path} is given up: crawlers keep ending over it")),
        );
        Ok(())
    }

    /// Ends and reaps all children, the server last, and hears all that they had to say.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.stopping = true;
        let deadline = Instant::now() + PATIENCE;
        for crawler in &mut self.crawlers {
            crawler.process.stop();
        }
        for crawler in &mut self.crawlers {
            crawler.process.reap(deadline)?;
        }
        while self.crawlers.iter().any(|crawler| !crawler.gone) {
            let event = self.events.recv()?;
            self.hear(event)?;
        }
        self.server.stop();
        self.server.reap(deadline + PATIENCE)?;
        while !self.server_gone {
            let event = self.events.recv()?;
            self.hear(event)?;
        }
        Ok(())
    }
}
